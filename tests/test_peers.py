import sys

import numpy as np
import pytest

from tfseg.metrics import dice
from tfseg.sample import portraits
from training import peers
from training.peers import PYTHON, Peer, PeerError

# Speaks as training/answering.py does: the red channel is the person; black photos end it.
RED_IS_PERSON = """
import struct, sys
import numpy as np
answers = sys.stdout.buffer
answers.write(struct.pack("<q", 6) + b"a.file")
answers.flush()
while header := sys.stdin.buffer.read(16):
    height, width = struct.unpack("<qq", header)
    image = np.frombuffer(sys.stdin.buffer.read(height * width * 3), np.uint8).reshape(height, width, 3)
    if not image.any():
        break
    answers.write(struct.pack("<dd", 0.25, 0.125) + (image[..., 0] / np.float32(255)).astype(np.float32).tobytes())
    answers.flush()
"""


@pytest.fixture
def peer(tmp_path, monkeypatch):
    (tmp_path / "red.py").write_text(RED_IS_PERSON)
    monkeypatch.setitem(peers.PEERS, "red", tmp_path / "red.py")
    with Peer("red", sys.executable) as made:
        yield made
    assert made.process.poll() == 0


def test_photos_of_any_size_are_answered_one_by_one(peer):
    assert str(peer.path) == "a.file"
    for seed, size in enumerate([(4, 6), (300, 200), (1, 1)]):
        image = np.random.default_rng(seed).integers(1, 256, (*size, 3)).astype(np.uint8)
        alpha = peer.alpha(image)
        assert alpha.dtype == np.float32 and (peer.seconds, peer.network_seconds) == (0.25, 0.125)
        np.testing.assert_allclose(alpha, image[..., 0] / 255, atol=1e-6)


def test_the_mirror_image_counts_half(tmp_path, monkeypatch):
    left_alone = RED_IS_PERSON.replace("image[..., 0]", "image[..., 0] * (np.arange(width) < 2)")
    (tmp_path / "left.py").write_text(left_alone)
    monkeypatch.setitem(peers.PEERS, "left", tmp_path / "left.py")
    image = np.full((3, 5, 3), 255, np.uint8)
    with Peer("left", sys.executable) as peer:
        np.testing.assert_array_equal(peer.alpha(image), [[1, 1, 0, 0, 0]] * 3)
        np.testing.assert_array_equal(peer.alpha(image, mirror=True), [[0.5, 0.5, 0, 0.5, 0.5]] * 3)


def test_a_peer_that_dies_is_named(peer):
    with pytest.raises(PeerError, match="red: its process ended early"):
        peer.alpha(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(PeerError, match="red: its process ended early"):
        for _ in range(9):  # a pipe takes a little before it notices
            peer.alpha(np.ones((200, 200, 3), np.uint8))


def test_an_unknown_peer_and_one_that_is_not_installed_say_what_to_do(tmp_path):
    with pytest.raises(PeerError, match="'rembg' is not known; known are mediapipe, multiclass"):
        Peer("rembg")
    with pytest.raises(PeerError, match="install it with: make peers"):
        Peer("mediapipe", tmp_path / "python")


def test_mediapipe_finds_the_person_of_a_portrait():
    if not PYTHON.exists():
        pytest.skip("MediaPipe is not installed; `make peers` does it")
    peer = Peer("mediapipe")
    image, mask = next(iter(portraits().values()))
    assert dice(mask, peer.alpha(image) >= peer.threshold) > 0.8
    assert peer.path.is_file() and 0 < peer.seconds < 60
    peer.close()

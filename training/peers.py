"""Other networks, asked for masks of the same photos, each in an environment of its own.

MediaPipe pins NumPy below 2 and PyTorch fills gigabytes, so they run in other processes, spoken to through pipes.
"""

import struct
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from training.multiclass import Multiclass

HERE = Path(__file__).parent
PEERS = {"mediapipe": HERE / "mediapipe_selfie.py"}
UNTRAINED = {"hackathon": HERE / "hackathon_unet.py"}  # networks of known shape and random weights: for their speed
TEACHER = "multiclass"  # needs no environment of its own
KNOWN = (*PEERS, TEACHER)
PYTHON = Path(".peers/bin/python")
TORCH_PYTHON = Path(".peer_torch/bin/python")


class PeerError(ValueError):
    """A peer that cannot be asked; the message says what to do."""


def open_peer(name):
    """A context manager that gives the peer of that name, and ends it. Raises as `Peer` and `Multiclass` do."""
    return nullcontext(Multiclass()) if name == TEACHER else Peer(name)


class Peer:
    """Another model, asked as a `tfseg.segmenter.Segmenter` is.

    Args:
        name: a key of `PEERS`, or of `UNTRAINED`.
        python: interpreter of the environment that holds it.
        threads: of those that let one choose; MediaPipe's graph does not.

    Attributes:
        threshold: the probability from which on a pixel is person.
        path: of its model's file, for reports.
        seconds: what its answer to the last photo took, inside its own process.
        network_seconds: what its network took of that; NaN where it cannot tell.

    Raises:
        PeerError: no peer of that name, or it is not installed.
    """

    threshold = 0.5

    def __init__(self, name, python=PYTHON, threads=2):
        programs = PEERS | UNTRAINED
        if name not in programs:
            raise PeerError(f"--peer: {name!r} is not known; known are {', '.join(KNOWN)}.")
        if not Path(python).exists():
            target = "peer-torch" if name in UNTRAINED else "peers"
            raise PeerError(f"--peer {name}: {python} is missing; install it with: make {target}")
        self.name = name
        self.process = subprocess.Popen(
            [python, programs[name], str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.path = Path(self._read(self._number("<q")).decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def alpha(self, image, mirror=False):
        """How much of each pixel is person.

        Args:
            image: uint8 `[H, W, 3]` RGB, any size.
            mirror: whether to ask about the mirrored photo too and to take the mean.

        Returns:
            float32 `[H, W]` in 0..1.

        Raises:
            PeerError: the peer has died.
        """
        if mirror:
            return (self.alpha(image) + self.alpha(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]) / 2
        try:
            self.process.stdin.write(struct.pack("<qq", *image.shape[:2]) + image.tobytes())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(f"--peer {self.name}: its process ended early.") from None
        self.seconds, self.network_seconds = self._number("<d"), self._number("<d")
        return np.frombuffer(self._read(4 * image.shape[0] * image.shape[1]), np.float32).reshape(image.shape[:2])

    def close(self):
        """Ends its process."""
        self.process.stdin.close()
        self.process.wait()

    def _number(self, kind):
        return struct.unpack(kind, self._read(8))[0]

    def _read(self, size):
        content = self.process.stdout.read(size)
        if len(content) < size:
            raise PeerError(
                f"--peer {self.name}: its process ended early; `{self.process.args[0]} {self.process.args[1]}` "
                f"shows why. Was `make peers` run with this {sys.platform} machine's Python?"
            )
        return content

import cv2
import numpy as np
import pytest

from tfseg.image import write_image
from tfseg.segmenter import Segmenter
from training.evaluate_video import evaluate, labelled, main, synthesised, table


class Unsteady:
    """A network that takes red for person, and in every other frame loses a part of her."""

    def __init__(self):
        self.asked = 0

    def __call__(self, frame):
        self.asked += 1
        person = (frame[..., 0] > 127).astype(np.float32)
        if self.asked % 2:
            person[32:48, 24:40] = 0
        return cv2.GaussianBlur(person, (0, 0), 1)


def photo(x=32):
    """A red person in grey surroundings with some texture, and her mask; 64 x 64 pixels."""
    mask = cv2.circle(np.zeros((64, 64), np.uint8), (x, 40), 20, 1, -1)
    texture = cv2.resize(np.random.default_rng(0).integers(60, 120, (16, 16, 3), np.uint8), (64, 64))
    return np.where(mask[..., None] == 1, texture // 4 + np.uint8([180, 0, 0]), texture), mask


@pytest.fixture
def folder(tmp_path):
    for index in range(10):
        image, mask = photo(28 + index)
        write_image(tmp_path / f"images/{index:02d}.png", image)
        write_image(tmp_path / f"masks/{index:02d}.png", mask * 255)
    return tmp_path


def test_smoothing_is_seen_to_steady_and_not_to_trail(folder):
    network = Unsteady()
    scores = evaluate(Segmenter(network, 64, 64), labelled(folder))
    assert network.asked == 10, "each frame is asked about once"
    plain, smoothed = scores["plain"], scores["smoothed"]
    assert plain["flicker"] > 0.01 and smoothed["flicker"] < 0.7 * plain["flicker"]
    assert smoothed["dtssd"] < plain["dtssd"] and smoothed["dice"] > plain["dice"] - 0.002 > 0.9
    assert abs(smoothed["lag"]) < 0.5


def test_clips_are_made_of_photos_and_a_still_answer_is_put_beside(folder):
    segmenter = Segmenter(lambda frame: (frame[..., 0] > 127).astype(np.float32), 64, 64)
    clips = [evaluate(segmenter, *clip) for clip in synthesised(segmenter, folder, 2)]
    assert len(clips) == 2 and set(clips[0]) == {"plain", "smoothed", "still"}
    assert clips[0]["still"]["dice"] > 0.95 and clips[0]["still"]["dtssd"] < 0.1
    lines = table({"photos/some": clips}).splitlines()
    ways = ["| plain |", "| smoothed |", "| still |", "| change |"]
    assert all(way in line for way, line in zip(ways, lines[2:], strict=True))


def test_what_cannot_be_measured_is_told_in_one_line(tmp_path, capsys):
    assert main(["--frames", str(tmp_path / "missing")]) == 2
    error = capsys.readouterr().err
    assert "missing" in error and error.count("\n") == 1
    with pytest.raises(SystemExit):
        main([])
    assert "--frames or --photos" in capsys.readouterr().err

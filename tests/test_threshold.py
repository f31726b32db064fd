import numpy as np
import pytest

from tfseg.image import read_image, write_image
from tfseg.pairs import Pair, find_pairs
from training.threshold import THRESHOLDS, best, main, sweep


class RedIsPerson:
    def alpha(self, image):
        return image[..., 0].astype(np.float32) / 255


@pytest.fixture
def pair(tmp_path):
    """A person of 20x20 pixels found with 0.62, and as many pixels beside it found with 0.37."""
    truth, found = np.zeros((40, 60), np.uint8), np.zeros((40, 60, 3), np.uint8)
    truth[10:30, 10:30] = 1
    found[10:30, 10:30, 0], found[10:30, 30:50, 0] = 158, 94
    write_image(tmp_path / "images" / "a.png", found)
    write_image(tmp_path / "masks" / "a.png", truth * 255)
    return Pair(tmp_path / "images" / "a.png", tmp_path / "masks" / "a.png")


def test_each_threshold_gets_the_scores_of_hand(pair):
    scores = sweep(RedIsPerson(), [pair])
    both, right, none = THRESHOLDS < 0.36, (THRESHOLDS > 0.38) & (THRESHOLDS < 0.61), THRESHOLDS > 0.63
    assert both.sum() + right.sum() + none.sum() == len(THRESHOLDS)
    np.testing.assert_allclose(scores[both, 0], 2 * 400 / (800 + 400))
    np.testing.assert_allclose(scores[right], 1)
    np.testing.assert_allclose(scores[none], 0)
    assert best(scores) == 0.5


def test_a_photo_without_anybody_scores_its_background(pair):
    scores = sweep(RedIsPerson(), [Pair(pair.image, None)])
    assert scores[0, 0] == pytest.approx(1 - 800 / 2400) and scores[-1, 0] == 1


def test_the_best_is_the_highest_and_of_equals_the_middle_one():
    scores = np.zeros((len(THRESHOLDS), 2))
    scores[:, 0] = -np.abs(THRESHOLDS - 0.35)
    assert best(scores) == 0.35
    assert best(np.zeros_like(scores)) == 0.5


def test_the_command_names_the_best_threshold_and_draws_it(converted, photos, tmp_path, capsys):
    from tfseg.segmenter import Segmenter

    assert main(["--model", str(converted["float16"]), "--data", str(photos), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    scores = sweep(Segmenter.load(converted["float16"]), find_pairs(photos))
    assert f"| 0.50 | {scores[6, 0]:.4f} | {scores[6, 1]:.4f} |" in printed
    assert f"best Dice at --threshold {best(scores):.2f}" in printed
    assert read_image(tmp_path / "out" / "threshold.png").std() > 0


def test_what_cannot_be_measured_ends_in_one_line(tmp_path, capsys):
    assert main(["--model", str(tmp_path / "no.tflite"), "--data", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("training.threshold: ") and "no such model" in error and error.count("\n") == 1

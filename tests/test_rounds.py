import time

import cv2
import numpy as np
import pytest

from export import rounds
from export.contenders import Answer
from export.rounds import BURST, time_rounds


class Sleeper:
    """Takes a known time; the person is where the photo is bright."""

    def __init__(self, name, seconds, log, known=True):
        self.name, self.seconds, self.log, self.known = name, seconds, log, known

    def answer(self, image):
        self.log.append(self.name)
        time.sleep(self.seconds)
        alpha = (image[..., 0] > 128).astype(np.float32)
        return Answer(
            alpha, *((0.001, self.seconds, 0.002) if self.known else (None, None, None)), self.seconds + 0.003
        )


@pytest.fixture
def photos():
    """Two photos, the left half bright, with a right mask and without one."""
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, :20] = 255
    content = cv2.imencode(".png", image)[1].tobytes()
    return [(content, (image[..., 0] > 0).astype(np.uint8)), (content, None)]


def test_every_run_is_timed_by_stage_and_unknown_stages_stay_empty(photos, monkeypatch):
    monkeypatch.setattr(rounds, "SETTLE", 0)
    log = []
    (ours, dice), (peer, _) = time_rounds([Sleeper("a", 0, log), Sleeper("b", 0, log, known=False)], photos, runs=7)
    assert ours["infer"] == [0] * 7 and ours["preprocess"] == [1] * 7 and ours["postprocess"] == [2] * 7
    assert ours["whole"] == [3] * 7 and all(t > 3 for t in ours["total"]) and len(ours["decode"]) == 7
    assert peer["infer"] == [] and peer["whole"] == [3] * 7
    assert dice == 1


def test_contenders_take_turns_and_the_first_answer_of_a_burst_is_not_counted(photos, monkeypatch):
    monkeypatch.setattr(rounds, "SETTLE", 0)
    log = []
    time_rounds([Sleeper(name, 0, log) for name in "abc"], photos, runs=2 * BURST)
    bursts = [log[start : start + BURST + 1] for start in range(0, len(log), BURST + 1)]
    assert all(len(set(burst)) == 1 for burst in bursts)
    assert sorted(burst[0] for burst in bursts[:3]) == ["a", "b", "c"] == sorted(burst[0] for burst in bursts[3:])
    assert len(log) == 3 * 2 * (BURST + 1)


def test_photos_without_masks_give_no_dice(photos, monkeypatch):
    monkeypatch.setattr(rounds, "SETTLE", 0)
    ((_, dice),) = time_rounds([Sleeper("a", 0, [])], photos[1:], runs=1)
    assert dice is None

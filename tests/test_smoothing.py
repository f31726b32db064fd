import cv2
import numpy as np
import pytest

from tfseg.metrics import dice, dtssd, flicker
from tfseg.segmenter import Segmenter
from tfseg.smoothing import Smoothing

HEIGHT, WIDTH = 96, 128


def scene(seed):
    """A textured background with a textured disc to move over it: uint8 pictures."""
    rng = np.random.default_rng(seed)
    back, disc = (cv2.resize(rng.integers(0, 256, (24, 32, 3), np.uint8), (WIDTH, HEIGHT)) for _ in range(2))
    return back, disc


def frame(seed, x):
    """The scene with the disc at column `x`, and its true mask."""
    back, disc = scene(seed)
    mask = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (x, 48), 24, 1, -1)
    moved = np.roll(disc, x, axis=1)
    return np.where(mask[..., None] == 1, moved, back), mask


class Scripted:
    """A network whose answers are given beforehand."""

    def __init__(self, answers):
        self.answers = iter(answers)

    def __call__(self, photo):
        return next(self.answers)


def smoothed(frames, answers, smooth=True):
    smoothing = Smoothing(Segmenter(Scripted(answers), HEIGHT, WIDTH), smooth)
    return [smoothing.alpha(image) for image in frames]


def unsteady(masks, seed=0):
    """What an unsteady network makes of masks: blobs of doubt that come and go."""
    rng = np.random.default_rng(seed)
    noise = [cv2.GaussianBlur(rng.normal(0, 4, mask.shape).astype(np.float32), (0, 0), 6) for mask in masks]
    return [np.clip(mask * 0.7 + 0.15 + each, 0, 1).astype(np.float32) for mask, each in zip(masks, noise, strict=True)]


@pytest.mark.parametrize("step", [0, 3])
def test_a_moving_person_is_steadied_and_not_trailed(step):
    frames, masks = zip(*(frame(1, 30 + step * t) for t in range(16)), strict=True)
    raw, steady = (smoothed(frames, unsteady(masks), smooth) for smooth in (False, True))
    assert dtssd(masks, steady) < 0.7 * dtssd(masks, raw)
    assert flicker(steady) < 0.5 * flicker(raw)
    before, after = (np.mean([dice(m, a >= 0.5) for m, a in zip(masks, each, strict=True)]) for each in (raw, steady))
    assert after >= before - 0.002


def test_the_mask_is_less_than_half_a_frame_behind():
    frames, masks = zip(*(frame(1, 30 + 4 * t) for t in range(12)), strict=True)
    for alpha, t in list(zip(smoothed(frames, [m.astype(np.float32) for m in masks]), range(12), strict=True))[2:]:
        assert abs(np.argwhere(alpha >= 0.5)[:, 1].mean() - (30 + 4 * t)) < 4 / 2


def test_nothing_of_the_last_scene_is_left_after_a_cut():
    (before, _), (after, _) = frame(2, 40), frame(3, 90)
    everything, nothing = np.ones((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    assert smoothed([before, after], [everything, nothing])[1].max() == 0
    assert smoothed([before, before], [everything, nothing])[1].min() > 0.3, "without a cut some is kept"


def test_the_more_two_masks_differ_the_more_the_new_one_counts():
    still = frame(4, 64)[0]

    def share_of_new(old, new):
        values = [np.full((HEIGHT, WIDTH), value, np.float32) for value in (old, new)]
        return (smoothed([still, still], values)[1].mean() - old) / (new - old)

    assert share_of_new(0.5, 0.6) < 0.2 < share_of_new(0.2, 0.6) < share_of_new(0, 1)
    assert share_of_new(0, 1) == pytest.approx(0.55, abs=0.02)


def test_where_the_picture_changed_the_old_mask_counts_less():
    with_disc, mask = frame(5, 64)
    answers = [mask.astype(np.float32), np.zeros((HEIGHT, WIDTH), np.float32)]
    changed, unchanged = (smoothed([with_disc, then], answers)[1].mean() for then in (scene(5)[0], with_disc))
    assert changed < 0.6 * unchanged


def test_unsmoothed_alphas_are_the_segmenters_own():
    image, mask = frame(6, 50)
    answer = mask.astype(np.float32)
    assert np.array_equal(
        smoothed([image], [answer], smooth=False)[0], Segmenter(Scripted([answer]), HEIGHT, WIDTH).alpha(image)
    )


def test_frames_of_another_size_and_tiny_ones_are_taken():
    answers = [np.ones((HEIGHT, WIDTH), np.float32)] * 4
    frames = [np.zeros((*size, 3), np.uint8) for size in ((96, 128), (50, 128), (4, 400), (4, 400))]
    assert [alpha.shape for alpha in smoothed(frames, answers)] == [(96, 128), (50, 128), (4, 400), (4, 400)]

import numpy as np

from training.camera import NOISE, WINDOW, pan_and_zoom


def test_photo_and_truth_are_moved_alike_and_softly(draw):
    _, mask = draw(1, 160, 120)
    frames = list(pan_and_zoom(np.random.default_rng(0), np.dstack([mask * 255] * 3), mask, 8))
    assert len(frames) == 8
    for image, truth in frames:
        assert image.dtype == np.uint8 and image.shape == (*truth.shape, 3)
        assert truth.shape == (round(160 * WINDOW), round(120 * WINDOW))
        assert ((truth >= 0) & (truth <= 1)).all() and 0.05 < truth.mean() < 0.6
        assert np.abs((image[..., 0] >= 128) != (truth >= 0.5)).mean() < 0.01
    centres = np.array([np.argwhere(truth >= 0.5).mean(axis=0) for _, truth in frames])
    steps = np.abs(np.diff(centres, axis=0))
    assert 0 < steps.max() < 5, "it moves, and by no jump"


def test_the_same_generator_gives_the_same_clip_and_frames_have_noise_of_their_own(draw):
    image, mask = np.full((160, 120, 3), 128, np.uint8), draw(1, 160, 120)[1]
    first, second = (list(pan_and_zoom(np.random.default_rng(3), image, mask, 4)) for _ in range(2))
    assert all(np.array_equal(one[0], other[0]) for one, other in zip(first, second, strict=True))
    difference = first[0][0].astype(float) - first[1][0]
    assert abs(difference.std() - NOISE * np.sqrt(2)) < 0.2

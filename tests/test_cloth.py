import numpy as np
import pytest

from training.cloth import backdrop, cloth, hanging, stars


@pytest.mark.parametrize("seed", range(12))
def test_a_backdrop_is_a_picture_of_its_seed_with_more_than_a_wall_in_it(seed):
    image = backdrop(80, 60, np.random.default_rng(seed))
    assert image.shape == (80, 60, 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() < image.max() <= 255
    np.testing.assert_array_equal(image, backdrop(80, 60, np.random.default_rng(seed)))


def test_cloth_hangs_left_or_right_or_everywhere_each_in_its_share():
    sides = [hanging(60, 100, np.random.default_rng(seed)) for seed in range(300)]
    everywhere = np.mean([side.all() for side in sides])
    left = np.mean([side[30, 0] and not side[30, -1] for side in sides])
    right = np.mean([side[30, -1] and not side[30, 0] for side in sides])
    assert everywhere == pytest.approx(0.1, abs=0.06)
    assert left == pytest.approx(0.45, abs=0.1)
    assert right == pytest.approx(0.45, abs=0.1)


def test_folds_darken_cloth_from_left_to_right_more_than_from_top_to_bottom():
    pictures = [cloth(80, 80, np.random.default_rng(seed)).mean(axis=-1) for seed in range(40)]
    across = np.mean([np.abs(np.diff(picture, axis=1)).mean() for picture in pictures])
    down = np.mean([np.abs(np.diff(picture, axis=0)).mean() for picture in pictures])
    assert across > 1.5 * down


def test_stars_are_a_few_on_one_colour():
    image = stars(120, 90, np.random.default_rng(3))
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    ground = colours[counts.argmax()]
    assert 0.5 < (image == ground).all(axis=-1).mean() < 0.97

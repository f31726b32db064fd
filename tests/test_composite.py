import numpy as np
import pytest

from tfseg.composite import blur_background, cut_out, replace_background


@pytest.mark.parametrize("value, expected", [(0, 0), (0.25, 64), (0.5, 128), (0.998, 254), (0.9999, 255), (1, 255)])
def test_alpha_becomes_the_fourth_channel(draw, value, expected):
    image = draw(1)[0]
    result = cut_out(image, np.full(image.shape[:2], value, np.float32))
    assert (result.shape, result.dtype) == ((*image.shape[:2], 4), np.uint8)
    assert (result[..., 3] == expected).all()


def test_the_person_keeps_her_colours_and_they_are_not_premultiplied(draw):
    image, mask = draw(2)
    result = cut_out(image, mask.astype(np.float32))
    assert np.array_equal(result[..., 3], mask * 255)
    assert np.array_equal(result[mask == 1][:, :3], image[mask == 1])
    red = np.full((20, 20, 3), (200, 0, 0), np.uint8)
    assert np.abs(cut_out(red, np.full((20, 20), 0.5, np.float32))[..., 0] - 200.0).max() <= 2


def scene(height=120, width=160):
    """A red person, left half of the photo, before a blue background; alpha 0 or 1."""
    alpha = np.zeros((height, width), np.float32)
    alpha[:, : width // 2] = 1
    return np.where(alpha[..., None] > 0, np.uint8([200, 0, 0]), np.uint8([0, 0, 200])), alpha


def test_a_blurred_background_takes_no_colour_from_the_person():
    image, alpha = scene()
    result = blur_background(image, alpha, 0.1)
    assert result.dtype == np.uint8 and np.array_equal(result[:, :80], image[:, :80])
    assert np.abs(result[:, 80:].astype(int) - (0, 0, 200)).max() <= 1


def test_blurring_spreads_a_background_point_over_the_disc_and_keeps_its_light():
    image, alpha = np.zeros((101, 101, 3), np.uint8), np.zeros((101, 101), np.float32)
    image[50, 50] = 255
    result = blur_background(image, alpha, 5 / 101)
    spread = np.argwhere(result[..., 0] > 0)
    assert np.hypot(*(spread - 50).T).max() <= 6 and len(spread) > 60
    # One pixel's light over the disc's pixels, coded: linear 1 / n becomes 1.055 (1 / n) ** (1 / 2.4) - 0.055.
    assert abs(int(result[50, 50, 0]) - 255 * (1.055 * len(spread) ** (-1 / 2.4) - 0.055)) <= 2


@pytest.mark.parametrize("shape, corner", [("disc", True), ("gaussian", False)])
def test_a_disc_ends_sharply_and_a_gaussian_fades(shape, corner):
    image, alpha = np.zeros((201, 201, 3), np.uint8), np.zeros((201, 201), np.float32)
    image[96:105, 96:105] = 255
    lit = blur_background(image, alpha, 20 / 201, shape)[100, 100:, 0].astype(int)
    assert (lit[12] > 0.9 * lit[0]) == corner, "within the disc the light is even"
    assert (lit[28] > 0) != corner, "and none beyond it"


def test_a_gaussian_takes_no_colour_from_the_person_either():
    image, alpha = scene()
    result = blur_background(image, alpha, 0.1, "gaussian")
    assert np.abs(result[:, 80:].astype(int) - (0, 0, 200)).max() <= 1
    with pytest.raises(ValueError, match="shape.*'square'"):
        blur_background(image, alpha, 0.1, "square")


def test_the_photos_own_colours_stay_when_told_so(draw):
    image = draw(4)[0]
    half = np.full(image.shape[:2], 0.5, np.float32)
    assert np.array_equal(cut_out(image, half, decontaminate=False)[..., :3], image)


def test_no_strength_leaves_the_photo_and_too_much_is_refused():
    image, alpha = scene()
    assert np.array_equal(blur_background(image, alpha, 0), image)
    with pytest.raises(ValueError, match=r"strength.*0\.3"):
        blur_background(image, alpha, 0.3)


def test_half_a_person_blends_in_linear_light():
    image, half = np.full((40, 40, 3), 255, np.uint8), np.full((40, 40), 0.5, np.float32)
    result = replace_background(image, half, (0, 0, 0))
    assert (result == 188).all(), "half of white's light is coded 188, not 128"


@pytest.mark.parametrize("size", [(60, 200), (200, 60), (240, 320), (8, 6)])
def test_a_new_background_fills_the_photo_about_its_own_centre(size):
    image, alpha = scene()
    background = np.zeros((*size, 3), np.uint8)
    background[:, : size[1] // 2] = (0, 255, 0)
    result = replace_background(image, np.zeros_like(alpha), background)
    assert result.shape == image.shape
    assert (result[:, :60, 1] > 250).all() and (result[:, 100:, 1] < 5).all()
    assert np.array_equal(replace_background(image, alpha, background)[:, :80], image[:, :80])

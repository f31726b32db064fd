import cv2
import numpy as np
import pytest

from tfseg.matte import estimate_foreground, firm


def soft_disc(height, width, blur):
    alpha = np.zeros((height, width), np.float32)
    cv2.circle(alpha, (width // 2, height // 2), min(height, width) // 3, 1, -1)
    return firm(cv2.GaussianBlur(alpha, (0, 0), blur))


def composite(foreground, background, alpha):
    mixed = np.float32(foreground) * alpha[..., None] + np.float32(background) * (1 - alpha[..., None])
    return np.round(mixed).astype(np.uint8)


# The second photo is larger than the picture that the colours are found in.
@pytest.mark.parametrize("height, width, blur", [(800, 600, 3), (900, 1500, 5)])
@pytest.mark.parametrize("background", [(20, 220, 40), (255, 255, 255), (0, 0, 0)])
def test_the_old_background_is_taken_out_of_the_edge(height, width, blur, background):
    foreground, alpha = (200, 60, 30), soft_disc(height, width, blur)
    photo = composite(foreground, background, alpha)
    result = estimate_foreground(photo, alpha)
    edge = (alpha > 0.02) & (alpha < 0.98)
    before, after = (np.abs(picture[edge] - np.float32(foreground)) for picture in (photo, result))
    assert before.mean() > 25, "the photo's own edge shows the background"
    assert after.mean() < 6
    assert np.percentile(after, 99) < 16
    assert (result.dtype, result.shape) == (np.uint8, photo.shape)


@pytest.mark.parametrize("size", [(72, 60), (1200, 900)])
def test_pixels_that_are_all_person_are_left_untouched(draw, size):
    image, alpha = draw(5, *size)[0], soft_disc(*size, blur=4)
    whole = alpha == 1
    assert whole.any() and not whole.all()
    assert np.array_equal(estimate_foreground(image, alpha)[whole], image[whole])


def test_a_photo_full_of_person_is_left_as_it_is(draw):
    image = draw(6)[0]
    assert np.array_equal(estimate_foreground(image, np.ones(image.shape[:2], np.float32)), image)


@pytest.mark.parametrize("size", [(72, 60), (1, 30), (1, 1), (1100, 3)])
@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_every_alpha_gives_colours_without_a_warning(draw, value, size):
    image = cv2.resize(draw(7)[0], size[::-1])
    with np.errstate(all="raise"):
        result = estimate_foreground(image, np.full(size, value, np.float32))
    assert (result.shape, result.dtype) == (image.shape, np.uint8)


def test_a_flat_photo_keeps_its_colour_whatever_the_alpha():
    photo, alpha = np.full((80, 60, 3), (90, 120, 200), np.uint8), soft_disc(80, 60, 3)
    seen = alpha > 0.01
    assert np.abs(estimate_foreground(photo, alpha)[seen] - np.float32(photo[seen])).max() <= 2


def test_firm_alpha_is_nothing_or_all_where_the_network_is_nearly_sure():
    doubtful = np.float32([[0, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1]])
    firmed = firm(doubtful)
    assert firmed == pytest.approx(np.float32([[0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]]), abs=1e-6)
    assert firmed.dtype == np.float32

import cv2
import numpy as np
import pytest

from tfseg.matte import clean_mask, estimate_foreground, finish, firm, refine_alpha, soften


def soft_disc(height, width, blur):
    alpha = np.zeros((height, width), np.float32)
    cv2.circle(alpha, (width // 2, height // 2), min(height, width) // 3, 1, -1)
    return firm(cv2.GaussianBlur(alpha, (0, 0), blur))


def composite(foreground, background, alpha):
    mixed = np.float32(foreground) * alpha[..., None] + np.float32(background) * (1 - alpha[..., None])
    return np.round(mixed).astype(np.uint8)


def test_refined_alpha_follows_the_photos_edge_better_than_bilinear(draw):
    truth = cv2.ellipse(np.zeros((640, 480), np.uint8), (230, 330), (100, 180), 15, 0, 360, 1, -1)
    image = np.where(truth[..., None] == 1, 60, 190) + draw(3, 640, 480)[0] // 8
    image = image.astype(np.uint8)
    small = cv2.resize(image, (48, 64), interpolation=cv2.INTER_AREA)
    probability = cv2.resize(truth.astype(np.float32), (48, 64), interpolation=cv2.INTER_AREA)
    followed, bilinear = refine_alpha(probability, small, image), cv2.resize(probability, (480, 640))
    assert followed.dtype == np.float32
    assert np.abs(followed - truth).mean() < 0.5 * np.abs(bilinear - truth).mean()


def test_refining_a_flat_probability_is_flat(draw):
    image = draw(4, 300, 200)[0]
    for value in (0.0, 0.3, 1.0):
        alpha = refine_alpha(np.full((60, 40), value, np.float32), cv2.resize(image, (40, 60)), image)
        assert np.abs(alpha - value).max() < 1e-3


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
    assert firmed == pytest.approx(np.float32([[0, 0, 0, 0.1, 0.5, 0.9, 1, 1, 1]]), abs=1e-6)
    assert firmed.dtype == np.float32


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.8])
def test_the_threshold_becomes_one_half(threshold):
    alpha = np.linspace(0, 1, 101, dtype=np.float32)[None]
    firmed = firm(alpha, threshold)
    assert np.array_equal(firmed >= 0.5 - 1e-6, alpha >= threshold - 1e-6)
    assert firmed.min() == 0 and firmed.max() == pytest.approx(1) and (np.diff(firmed) >= 0).all()


def test_feather_spreads_the_outline_and_keeps_its_place():
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, :50] = 1
    soft = soften(alpha, 0.04)
    assert np.array_equal(soft >= 0.5, alpha >= 0.5)
    assert soft[50, 45] == pytest.approx(0.87, abs=0.03), "4 pixels: the Gaussian's integral at 1.1 of them"
    assert soften(alpha, 0) is alpha
    with pytest.raises(ValueError, match=r"feather.*0\.06"):
        soften(alpha, 0.06)


def drawn():
    """A person of 100x60 pixels, with an arm's gap of 20x20 (1/15 of her) open to nowhere, as soft as a network's."""
    alpha = np.zeros((200, 200), np.float32)
    alpha[50:150, 70:130] = 1
    alpha[90:110, 90:110] = 0
    return alpha


def blurred(alpha):
    return cv2.GaussianBlur(alpha, (0, 0), 1)


def test_a_clean_mask_is_left_as_it_is():
    alpha = blurred(drawn())
    assert np.abs(clean_mask(alpha) - alpha).max() < 0.05


def test_specks_go_with_their_haze_and_a_second_person_stays():
    marred = drawn()
    marred[20:28, 20:28] = 1
    cleaned = clean_mask(blurred(marred))
    assert not cleaned[10:40, 10:40].any()
    assert np.abs(cleaned - blurred(drawn())).max() < 0.05
    second = drawn()
    second[10:40, 10:40] = 1
    assert clean_mask(blurred(second))[25, 25] == 1


def test_a_speck_goes_with_its_own_holes():
    marred = drawn()
    marred[20:28, 20:28] = 1
    marred[22:25, 22:25] = 0
    assert not clean_mask(marred)[10:40, 10:40].any()


def test_of_two_persons_the_larger_is_left_when_told_so():
    second = drawn()
    second[10:40, 10:40] = 1
    alone = clean_mask(blurred(second), largest_only=True)
    assert not alone[:42, :45].any() and np.abs(alone - blurred(drawn())).max() < 0.05
    assert np.array_equal(finish(blurred(second), 0.5, True, 0.01), soften(firm(alone), 0.01))


def test_pinholes_are_filled_inside_the_person_alone():
    marred = drawn()
    marred[60:65, 80:85] = 0  # inside
    marred[100:103, 71:74] = 0  # a pixel from her outline
    cleaned = clean_mask(blurred(marred))
    assert cleaned[58:67, 78:87].min() > 0.95 and cleaned[100, 100] == 0
    assert np.abs(cleaned - blurred(drawn()))[:, :70].max() < 0.35, "nothing grows out of her"


def test_haze_inside_the_person_goes_and_the_soft_edge_stays():
    hazy = blurred(drawn())
    hazy[60:80, 80:120] = 0.6
    cleaned = clean_mask(hazy)
    assert cleaned[62:78, 82:118].min() == 1
    assert np.abs(cleaned - blurred(drawn())).max() < 0.05


def test_opening_takes_what_is_too_thin_and_leaves_the_rest():
    marred = drawn()
    marred[98:101, 130:160] = 1  # three pixels wide, a hair
    assert clean_mask(marred)[99, 150] == 1
    opened = clean_mask(marred, opening=0.01)
    assert not opened[:, 135:].any()
    assert np.abs(opened - drawn()).sum() < 20, "but for rounded corners"
    with pytest.raises(ValueError, match=r"opening.*0\.06"):
        clean_mask(marred, opening=0.06)


def test_a_photo_without_any_person_stays_without():
    nothing = np.full((30, 40), 0.2, np.float32)
    assert np.array_equal(clean_mask(nothing), nothing)

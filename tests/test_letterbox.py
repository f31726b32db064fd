import cv2
import numpy as np
import pytest

from tfseg.letterbox import PAD_VALUE, Box, letterbox, letterbox_box, within


@pytest.mark.parametrize(
    "size, frame, box",
    [
        ((320, 256), (320, 256), Box(0, 0, 320, 256)),
        ((100, 100), (320, 256), Box(32, 0, 256, 256)),  # x 2.56 by the width; (320 - 256) / 2 above
        ((600, 800), (320, 256), Box(64, 0, 192, 256)),  # x 0.32 by the width; 600 * 0.32 = 192
        ((1000, 100), (320, 256), Box(0, 112, 320, 32)),  # x 0.32 by the height
        ((3, 100), (64, 64), Box(31, 0, 2, 64)),  # x 0.64: 1.92 rounds to 2
        ((10_000, 1), (320, 256), Box(0, 127, 320, 1)),  # never thinner than a pixel
    ],
)
def test_the_letterbox_is_the_largest_centred_box_of_the_photos_proportions(size, frame, box):
    assert letterbox_box(*size, *frame) == box
    framed, found = letterbox(np.full((*size, 3), 200, np.uint8), *frame)
    inside = np.zeros(frame, bool)
    inside[box.top : box.top + box.height, box.left : box.left + box.width] = True
    assert found == box and framed.shape == (*frame, 3) and framed.dtype == np.uint8
    assert (framed[inside] == 200).all() and (framed[~inside] == PAD_VALUE).all()


@pytest.mark.parametrize("size", [(80, 50), (400, 300), (90, 500)])
def test_a_letterboxed_mask_stays_two_valued_and_on_its_person(size):
    mask = np.zeros(size, np.uint8)
    radius = min(size) // 4
    cv2.circle(mask, (size[1] // 2, size[0] // 2), radius, 1, -1)
    framed, box = letterbox(mask, 128, 96, value=0)
    photo, photo_box = letterbox(np.repeat(mask[..., None] * 255, 3, axis=2), 128, 96, value=0)
    assert box == photo_box and set(np.unique(framed)) == {0, 1}
    assert set(np.unique(letterbox(mask * 255, 128, 96, value=0)[0])) == {0, 255}
    assert ((photo[..., 0] > 127) != framed).sum() <= 0.05 * framed.sum()
    rows, columns = np.flatnonzero(framed.any(1)), np.flatnonzero(framed.any(0))
    diameter = (2 * radius + 1) * box.height / size[0]
    assert np.ptp(rows) + 1 == pytest.approx(diameter, abs=1.5), "a circle stays a circle"
    assert np.ptp(columns) + 1 == pytest.approx(diameter, abs=1.5)


def test_a_photo_of_the_frames_size_is_not_touched(draw):
    image, mask = draw(0, 64, 96)
    np.testing.assert_array_equal(letterbox(image, 64, 96)[0], image)
    np.testing.assert_array_equal(letterbox(mask, 64, 96, value=0)[0], mask)


@pytest.mark.parametrize(
    "side, size, expected",
    [
        (50, (100, 200), (50, 25)),
        (300, (100, 200), (200, 100)),  # never larger
        (64, (3, 100), (64, 2)),  # x 0.64: 1.92 rounds to 2
        (10, (1, 1000), (10, 1)),  # never thinner than a pixel
    ],
)
def test_the_longer_side_is_kept_within(side, size, expected):
    assert within(side, *size) == expected

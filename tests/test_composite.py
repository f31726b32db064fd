import numpy as np
import pytest

from tfseg.composite import cut_out


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

import cv2
import numpy as np
import pytest

from tfseg import closed_form
from tfseg.closed_form import refine_closed_form


def disc(radius):
    return cv2.circle(np.zeros((120, 120), np.float32), (60, 60), radius, 1, -1)


@pytest.mark.parametrize("size", [(120, 120), (240, 180)])
def test_an_outline_that_is_off_is_brought_to_the_photos(size, monkeypatch):
    """The second photo is larger than the one that is solved."""
    pytest.importorskip("pymatting")
    monkeypatch.setattr(closed_form, "MAX_SIDE", 160)
    monkeypatch.setattr(closed_form, "BAND_SHARE", 0.05)
    truth, guess = (cv2.resize(disc(radius), size[::-1]) for radius in (40, 38))
    image = np.where(truth[..., None] >= 0.5, (200, 40, 30), (20, 30, 200)).astype(np.uint8)
    alpha = refine_closed_form(image, guess)
    assert (alpha.dtype, alpha.shape) == (np.float32, size)
    assert np.abs(alpha - truth).mean() < 0.3 * np.abs(guess - truth).mean()
    assert alpha[0, 0] == 0 and alpha[size[0] // 2, size[1] // 2] == 1


@pytest.mark.parametrize("value", [0, 1])
def test_a_photo_of_nobody_or_of_a_person_alone_is_left(value):
    pytest.importorskip("pymatting")
    alpha = np.full((40, 30), value, np.float32)
    assert np.array_equal(refine_closed_form(np.zeros((40, 30, 3), np.uint8), alpha), alpha)

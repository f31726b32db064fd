import numpy as np
import pytest

from tfseg.metrics import dice
from tfseg.pseudolabel import pseudo_label
from tfseg.sample import portraits
from tfseg.segmenter import Segmenter


def test_the_confidence_is_the_mean_way_from_the_threshold_of_what_may_be_person():
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:30, 10:20], alpha[10:30, 20:30] = 1, 0.1
    mask, confidence = pseudo_label(alpha, threshold=0.4)
    assert confidence == pytest.approx((1 + 0.3 / 0.4) / 2)
    np.testing.assert_array_equal(mask, alpha > 0.4)
    alpha[10:30, 20:30] = 0.04  # no doubt is left
    assert pseudo_label(alpha, 0.4)[1] == 1


def test_haze_is_unsure_and_an_empty_photo_sure():
    assert pseudo_label(np.full((20, 20), 0.45, np.float32))[1] == pytest.approx(0.1)
    mask, confidence = pseudo_label(np.zeros((20, 20), np.float32))
    assert confidence == 1 and not mask.any()


def test_specks_are_not_labelled():
    alpha = np.zeros((100, 100), np.float32)
    alpha[20:80, 30:70] = alpha[2:4, 2:4] = 0.9
    assert pseudo_label(alpha)[0].sum() == 60 * 40


def test_portraits_get_nearly_the_mask_that_a_hand_drew():
    segmenter = Segmenter.load()
    for photo, truth in portraits().values():
        mask, confidence = pseudo_label(segmenter.alpha(photo, mirror=True), segmenter.threshold)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
        assert dice(mask, truth) > 0.97 and 0.75 < confidence < 1

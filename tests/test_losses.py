from math import log

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg.losses import BCEDice, soft_dice

LN2, LN3 = log(2), log(3)  # logit 0 is probability 1/2, logit ln 3 is 3/4


def photos(*rows):
    """Photos of one pixel row each, as `[B, 1, W, 1]`."""
    return np.array(rows, np.float32)[:, None, :, None]


def test_soft_dice_is_taken_per_photo_and_smoothed_above_and_below():
    mask, probability = photos([1, 0], [1, 1], [0, 0], [0, 0]), photos([0.5, 0.5], [0.75, 0.75], [0, 0], [1, 1])
    expected = [
        (2 * 0.5 + 1) / (1 + 1 + 1),
        (2 * 1.5 + 1) / (2 + 1.5 + 1),
        (0 + 1) / (0 + 0 + 1),  # empty and seen as empty: 1
        (0 + 1) / (0 + 2 + 1),
    ]
    np.testing.assert_allclose(soft_dice(mask, probability), expected, rtol=1e-6)
    np.testing.assert_allclose(soft_dice(mask, probability, smoothing=10.0)[0], (1 + 10) / (2 + 10), rtol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.7, 1.0])
def test_loss_is_weighted_cross_entropy_minus_the_mean_log_dice_of_the_photos(weight):
    truth, logits = photos([1, 0], [0, 0]), photos([0, 0], [LN3, LN3])
    entropy = (LN2 + LN2 + log(4) + log(4)) / 4  # -ln 1/2 twice, -ln (1 - 3/4) twice
    log_dice = (
        log((2 * 0.5 + 1) / (1 + 1 + 1)) + log(1 / (1.5 + 1))
    ) / 2  # -0.66; pooled it would be ln(2 / 4.5) = -0.81
    assert float(BCEDice(weight)(truth, logits)) == pytest.approx(weight * entropy - (1 - weight) * log_dice, rel=1e-5)


def test_smoothing_reaches_the_loss():
    expected = -log((2 * 0.5 + 10) / (1 + 1 + 10))
    assert float(BCEDice(0.0, smoothing=10.0)(photos([1, 0]), photos([0, 0]))) == pytest.approx(expected, rel=1e-5)


def test_sample_weights_count_in_the_cross_entropy_only():
    truth, logits, weights = photos([1, 0]), photos([0, LN3]), photos([3, 1])
    entropy = (3 * LN2 + 1 * log(4)) / 2  # the second pixel is background seen as person: -ln (1 - 3/4)
    dice = (2 * 0.5 + 1) / (1 + 0.5 + 0.75 + 1)
    assert float(BCEDice(1.0)(truth, logits, weights)) == pytest.approx(entropy, rel=1e-5)
    assert float(BCEDice(0.0)(truth, logits, weights)) == pytest.approx(-log(dice), rel=1e-5)
    assert float(BCEDice(0.5)(truth, logits, photos([1, 1]))) == pytest.approx(
        float(BCEDice(0.5)(truth, logits)), rel=1e-6
    )


def test_an_empty_mask_still_pushes_every_pixel_towards_background():
    logits = tf.Variable(np.zeros((1, 2, 2, 1), np.float32))
    with tf.GradientTape() as tape:
        loss = BCEDice(0.0)(np.zeros((1, 2, 2, 1), np.float32), logits)
    # loss = ln(1 + sum of p); its slope in a logit is p (1 - p) / (1 + sum of p)
    assert float(loss) == pytest.approx(log(1 + 4 * 0.5), rel=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, logits), np.full((1, 2, 2, 1), 0.25 / 3), rtol=1e-5)


@pytest.mark.parametrize("truth, logit, expected", [(1, 1000, 0), (0, -1000, 0), (1, -1000, 1000), (0, 1000, 1000)])
def test_extreme_logits_give_a_finite_loss_and_gradient(truth, logit, expected):
    logits = tf.Variable(np.full((1, 1, 2, 1), logit, np.float32))
    mask = np.full((1, 1, 2, 1), truth, np.float32)
    with tf.GradientTape() as tape:
        loss = BCEDice(0.5)(mask, logits)
    assert float(BCEDice(1.0)(mask, logits)) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, logits)).all()


def test_half_precision_logits_are_summed_in_single_precision():
    logits = np.full((1, 300, 300, 1), 2.0, np.float16)  # 90,000 pixels: more than float16 can count
    truth = np.ones((1, 300, 300, 1), np.float32)
    loss = BCEDice(0.5)(truth, logits)
    assert loss.dtype == "float32"
    assert float(loss) == pytest.approx(float(BCEDice(0.5)(truth, logits.astype(np.float32))), rel=1e-5)


def test_loss_survives_saving_with_its_settings():
    loss = keras.losses.deserialize(keras.losses.serialize(BCEDice(0.3, smoothing=5.0, name="mine")))
    assert (type(loss), loss.weight, loss.smoothing, loss.name) == (BCEDice, 0.3, 5.0, "mine")


@pytest.mark.parametrize(
    "settings, named",
    [({"weight": -0.1}, "weight.*-0.1"), ({"weight": 1.1}, "weight.*1.1"), ({"smoothing": 0}, "smoothing.*0")],
)
def test_settings_out_of_range_are_named(settings, named):
    with pytest.raises(ValueError, match=named):
        BCEDice(**settings)


def test_it_can_be_called_in_a_tensorflow_function_of_ones_own():
    truth, logits = photos([1, 0]), photos([LN3, -LN3])
    traced = tf.function(lambda: BCEDice()(truth, logits))
    assert float(traced()) == pytest.approx(float(BCEDice()(truth, logits)))

"""The training loss: border-weighted binary cross-entropy and soft Dice, both from logits."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfseg")
class BCEDice(keras.losses.Loss):
    """`weight * BCE - (1 - weight) * log(soft Dice)`, the mean over the photos of a batch.

    Soft Dice (Milletari et al. 2016, arXiv:1606.04797) is taken per photo and smoothed in numerator and denominator,
    so that a photo without any person still pushes false persons down. Sample weights apply to the cross-entropy only.

    Args:
        weight: 0..1, the share of the cross-entropy.
        smoothing: pixels, above 0.
        name: of the loss.

    Call arguments:
        y_true: mask float32 `[B, H, W, 1]` in {0, 1}.
        y_pred: logits float32 `[B, H, W, 1]`.
        sample_weight: float32 `[B, H, W, 1]`, from 0, or None.

    Raises:
        ValueError: `weight` lies outside 0..1 or `smoothing` is not above 0.
    """

    def __init__(self, weight=0.5, smoothing=1.0, name="bce_dice"):
        super().__init__(name=name)
        if not 0 <= weight <= 1:
            raise ValueError(f"weight must lie in 0..1; received {weight}.")
        if smoothing <= 0:
            raise ValueError(f"smoothing must be above 0; received {smoothing}.")
        self.weight, self.smoothing = weight, smoothing

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true, "float32"), ops.cast(y_pred, "float32")
        entropy = ops.maximum(y_pred, 0) - y_pred * y_true + ops.softplus(-ops.abs(y_pred))
        if sample_weight is not None:
            entropy = entropy * ops.cast(sample_weight, "float32")
        dice = soft_dice(y_true, ops.sigmoid(y_pred), self.smoothing)
        losses = self.weight * ops.mean(entropy, axis=(1, 2, 3)) - (1 - self.weight) * ops.log(dice)
        return _PhotoMean(name="photo_mean")(losses, losses)

    def get_config(self):
        return {"name": self.name, "weight": self.weight, "smoothing": self.smoothing}


class _PhotoMean(keras.losses.Loss):
    """The mean of a loss per photo, as Keras takes it: it knows how many other devices have photos of the same step."""

    def call(self, y_true, y_pred):
        return y_pred


def soft_dice(mask, probability, smoothing=1.0):
    """Smoothed Dice of probabilities.

    Args:
        mask, probability: float32 `[B, H, W, 1]`, in {0, 1} and in 0..1.
        smoothing: pixels, above 0.

    Returns:
        float32 `[B]`, above 0 and at most 1.
    """
    both = ops.sum(mask * probability, axis=(1, 2, 3))
    either = ops.sum(mask, axis=(1, 2, 3)) + ops.sum(probability, axis=(1, 2, 3))
    return (2 * both + smoothing) / (either + smoothing)

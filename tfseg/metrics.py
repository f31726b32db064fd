"""How good is a mask? Dice while training; Dice, IoU, boundary F and mean absolute difference when evaluating.

How steady are a video's masks? dtSSD where the truth is known, flicker where it is not; lag says what steadiness costs.
"""

import cv2
import keras
import numpy as np
from keras import ops

BOUNDARY_TOLERANCE = 0.0075  # of the photo's diagonal


@keras.saving.register_keras_serializable(package="tfseg")
class Dice(keras.metrics.Mean):
    """Hard Dice, the mean over photos; 1 for a photo where truth and prediction are both empty.

    Args:
        threshold: 0..1, the probability from which on a pixel is person.
        from_logits: whether predictions are logits rather than probabilities.
        name: of the metric.

    Raises:
        ValueError: `threshold` lies outside 0..1, exclusive.
    """

    def __init__(self, threshold=0.5, from_logits=True, name="dice"):
        super().__init__(name=name)
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must lie between 0 and 1; received {threshold}.")
        self.threshold, self.from_logits = threshold, from_logits

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: `y_true` `[B, H, W, 1]` in {0, 1}, `y_pred` of the same shape; `sample_weight` is not used."""
        bound = float(np.log(self.threshold / (1 - self.threshold))) if self.from_logits else self.threshold
        truth, person = ops.cast(y_true, "float32"), ops.cast(y_pred >= bound, "float32")
        both = ops.sum(truth * person, axis=(1, 2, 3))
        either = ops.sum(truth, axis=(1, 2, 3)) + ops.sum(person, axis=(1, 2, 3))
        super().update_state(ops.where(either > 0, 2 * both / ops.maximum(either, 1), 1.0))

    def get_config(self):
        return {"name": self.name, "threshold": self.threshold, "from_logits": self.from_logits}


def dice(truth, person):
    """Dice of two masks `[H, W]` in {0, 1}: 0..1, and 1 when both are empty."""
    truth, person = truth.astype(bool), person.astype(bool)
    either = int(truth.sum()) + int(person.sum())
    return 2 * int((truth & person).sum()) / either if either else 1.0


def iou(truth, person):
    """Intersection over union of two masks `[H, W]` in {0, 1}: 0..1, and 1 when both are empty."""
    score = dice(truth, person)
    return score / (2 - score)


def boundary_f(truth, person, tolerance=BOUNDARY_TOLERANCE):
    """How well two outlines agree: F-measure of outline pixels that have the other outline near (Perazzi et al. 2016).

    The frame's edge is no outline: where a person leaves the photo nothing is to be found.

    Args:
        truth, person: masks `[H, W]` in {0, 1}.
        tolerance: what counts as near, as a share of the diagonal.

    Returns:
        0..1; 1 when neither mask has an outline, 0 when only one has.
    """
    one, other = _outline(truth), _outline(person)
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    near = max(1, round(tolerance * np.hypot(*truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * near + 1, 2 * near + 1))
    precision = cv2.dilate(one, disc)[other > 0].mean()
    recall = cv2.dilate(other, disc)[one > 0].mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def mean_absolute_difference(truth, alpha):
    """Mean over pixels of |truth - alpha|, both `[H, W]` in 0..1: 0..1, lower is better."""
    return float(np.abs(truth.astype(np.float32) - alpha).mean())


def dtssd(truths, alphas):
    """How far masks change otherwise than the truth does from frame to frame (Erofeev et al. 2015).

    Args:
        truths, alphas: two or more maps each, `[H, W]` in 0..1, in the order of the frames.

    Returns:
        0..2, lower is better: the root of the mean squared difference of the changes, the mean over frames.
    """
    scores, last = [], None
    for truth, alpha in zip(truths, alphas, strict=True):
        error = alpha - truth.astype(np.float32)
        if last is not None:
            scores.append(np.sqrt(np.square(error - last).mean()))
        last = error
    return float(np.mean(scores))


def flicker(alphas):
    """How much of the person comes or goes for a single frame.

    What moves on changes a pixel once; what flickers changes it there and back. So of every pixel that lies above, or
    below, both the frame before and the frame after, the smaller of the two changes counts.

    Args:
        alphas: three or more maps `[H, W]` in 0..1, in the order of the frames.

    Returns:
        0 for none; the sum of these changes over the sum of the alphas between the first and the last.
    """
    changed, person, before, now = 0.0, 0.0, None, None
    for after in alphas:
        if before is not None:
            rise, fall = now - before, now - after
            changed += float(np.where(rise * fall > 0, np.minimum(np.abs(rise), np.abs(fall)), 0).sum())
            person += float(now.sum())
        before, now = now, after.astype(np.float32)
    return changed / person if person else 0.0


def lag(truths, alphas):
    """How far masks trail behind the truth.

    A mask that lags by a little differs from the truth by that time's share of the truth's own change; the time is
    found by least squares over all pixels and frames.

    Args:
        truths, alphas: three or more maps each, `[H, W]` in 0..1, in the order of the frames.

    Returns:
        In frames, negative where the masks run ahead; 0 where the truth stands still.
    """
    shared = energy = 0.0
    truths = [truth.astype(np.float32) for truth in truths]
    for before, now, after, alpha in zip(truths, truths[1:], truths[2:], alphas[1:-1], strict=False):
        change = (after - before) / 2
        shared += float((change * (now - alpha)).sum())
        energy += float(np.square(change).sum())
    return shared / energy if energy else 0.0


def _outline(mask):
    """uint8 `[H, W]`: 1 on the person's pixels that touch background by a side, inside the frame."""
    mask = np.ascontiguousarray(mask, np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return mask - cv2.erode(mask, cross, borderType=cv2.BORDER_CONSTANT, borderValue=255)

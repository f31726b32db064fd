"""A photo without a label gets one from the model, and a number that says how far to trust it."""

import numpy as np

from tfseg.matte import clean_mask

TRACE = 0.05  # probability below which a pixel is background beyond any doubt


def pseudo_label(alpha, threshold=0.5):
    """The mask that a model would have drawn, and its confidence.

    Certainty of a pixel is how far its alpha has come from the threshold towards 0 or 1, as a share of that way. The
    confidence is the mean certainty of all pixels that may be person, which are those with an alpha from `TRACE` on:
    haze and wide soft outlines lower it, empty background does not raise it.

    Args:
        alpha: float32 `[H, W]` in 0..1, of `Segmenter.alpha`.
        threshold: 0..1, exclusive; of the `Segmenter`.

    Returns:
        `(mask, confidence)`: uint8 `[H, W]` in {0, 1}, and a float in 0..1, which is 1 where no pixel may be person.
    """
    mask = (clean_mask(alpha, threshold) >= threshold).astype(np.uint8)
    doubtful = alpha[alpha >= TRACE].astype(np.float64)
    if not doubtful.size:
        return mask, 1.0
    way = np.where(doubtful >= threshold, 1 - threshold, threshold)
    return mask, float(np.mean(np.abs(doubtful - threshold) / way))

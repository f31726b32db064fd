"""Pictures made from a photo and its alpha."""

import numpy as np

from tfseg.matte import estimate_foreground


def cut_out(image, alpha):
    """The person on a transparent background, with the old background's colour taken out of the edges.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.

    Returns:
        uint8 `[H, W, 4]` RGBA, not premultiplied.
    """
    return np.dstack([estimate_foreground(image, alpha), np.round(alpha * 255).astype(np.uint8)])

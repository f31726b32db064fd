"""Work on a mask or alpha after the network and before the composite, in independent steps."""

import cv2
import numpy as np


def estimate_foreground(image, alpha):
    """The person's own colours where the photo shows person and background mixed, so that no old background is left.

    Blur fusion in two passes, wide then narrow (Forte 2021, "Approximate Fast Foreground Colour Estimation").

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.

    Returns:
        uint8 `[H, W, 3]` RGB; the photo itself wherever alpha is 1.
    """
    side = max(alpha.shape)
    photo, alpha = image.astype(np.float32), alpha[..., None]
    foreground = background = photo
    for radius in (max(4, side // 20), max(2, side // 150)):
        foreground, background = _fuse(photo, alpha, foreground, background, radius)
    return np.round(foreground).astype(np.uint8)


def _fuse(photo, alpha, foreground, background, radius):
    def mean(values, weight):
        size = (2 * radius + 1, 2 * radius + 1)
        return cv2.blur(values * weight, size) / (cv2.blur(weight, size)[..., None] + 1e-5)

    foreground, background = mean(foreground, alpha), mean(background, 1 - alpha)
    foreground = foreground + alpha * (photo - alpha * foreground - (1 - alpha) * background)
    return np.clip(foreground, 0, 255), background

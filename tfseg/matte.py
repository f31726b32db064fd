"""Work on a mask or alpha after the network and before the composite, in independent steps."""

import cv2
import numpy as np

LOW, HIGH = 0.1, 0.9  # probabilities from which on a pixel is taken for all background, all person
HALF_STEP = 1 / 510  # alpha nearer to 0 or 1 than this is written as 0 or 255
WORKING_SIDE = 1024  # pixels; smooth colours lose nothing by being found in a smaller picture


def firm(alpha):
    """Takes the last doubt out of an alpha: a network is never quite sure, but most of a person is not transparent.

    Args:
        alpha: float32 `[H, W]` in 0..1.

    Returns:
        float32 `[H, W]` in 0..1: 0 up to `LOW`, 1 from `HIGH` on, and straight in between.
    """
    return np.clip((alpha - LOW) / (HIGH - LOW), 0, 1)


def estimate_foreground(image, alpha):
    """The person's own colours where the photo shows person and background mixed, so that no old background is left.

    Blur fusion in two passes, wide then narrow (Forte 2021, "Approximate Fast Foreground Colour Estimation"), in a
    picture of at most `WORKING_SIDE`; the fine detail is the photo's own.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.

    Returns:
        uint8 `[H, W, 3]` RGB; the photo itself wherever alpha is 1.
    """
    height, width = alpha.shape
    scale = min(1, WORKING_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    foreground = background = photo
    for radius in (max(4, max(size) // 20), max(2, max(size) // 150)):
        foreground, background = _blurred(foreground, weight, radius), _blurred(background, 1 - weight, radius)
        foreground = _restore(photo, weight, foreground, background)
    result, behind = (
        cv2.resize(np.round(colours).astype(np.uint8), (width, height)) for colours in (foreground, background)
    )
    whole = alpha > 1 - HALF_STEP
    mixed = (alpha > HALF_STEP) & ~whole
    np.copyto(result, image, where=whole[..., None])
    result[mixed] = np.round(_restore(image[mixed], alpha[mixed], result[mixed].astype(np.float32), behind[mixed]))
    return result


def _blurred(colours, weight, radius):
    """Mean of the colours around each pixel, as far as they have weight."""
    size = (2 * radius + 1, 2 * radius + 1)
    return cv2.blur(colours * weight[..., None], size) / (cv2.blur(weight, size)[..., None] + 1e-5)


def _restore(photo, alpha, foreground, background):
    """Puts back into smooth foreground colours what the photo shows beyond the mixture they explain."""
    alpha = alpha[..., None]
    return np.clip(foreground + alpha * (photo - alpha * foreground - (1 - alpha) * background), 0, 255)

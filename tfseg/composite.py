"""Pictures made from a photo and its alpha.

Light adds up, coded pixel values do not: blends and blurs are done on linear light, so that edges get no dark seam and
blurred lamps stay bright.
"""

import math

import cv2
import numpy as np

from tfseg.letterbox import within
from tfseg.matte import estimate_foreground

MAX_STRENGTH = 0.2
SHAPES = ("disc", "gaussian")
BLUR_RADIUS = 12  # pixels, of a disc that looks round; a wider one is taken in a picture as much smaller


def cut_out(image, alpha, decontaminate=True):
    """The person on a transparent background.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.
        decontaminate: whether the old background's colour is taken out of the edges.

    Returns:
        uint8 `[H, W, 4]` RGBA, not premultiplied.
    """
    return np.dstack(
        [estimate_foreground(image, alpha) if decontaminate else image, np.round(alpha * 255).astype(np.uint8)]
    )


def blur_background(image, alpha, strength=0.03, shape="disc", decontaminate=True):
    """The person before a background out of focus.

    The blur is taken over background pixels alone (normalised convolution, Knutsson and Westin 1993),
    so that the person does not bleed into it.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.
        strength: radius of the blur as a share of the photo's longer side, 0..0.2.
        shape: "disc", as a wide-open lens blurs, or "gaussian", of the disc's variance.
        decontaminate: whether the old background's colour is taken out of the edges.

    Returns:
        uint8 `[H, W, 3]` RGB.

    Raises:
        ValueError: `strength` is out of range or `shape` unknown.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}; received {shape!r}.")
    if not 0 <= strength <= MAX_STRENGTH:
        raise ValueError(f"strength must lie in 0..{MAX_STRENGTH}; received {strength}.")
    height, width = alpha.shape
    size = within(BLUR_RADIUS / strength if strength else math.inf, height, width)
    radius = round(strength * max(size))
    if radius == 0:
        return image.copy()
    weight = 1 - cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    light = _linear(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    light *= cv2.merge([weight] * 3)  # NumPy is slow at stretching one channel over three
    blurred = _blurred(light, radius, shape)
    blurred /= cv2.merge([_blurred(weight, radius, shape) + 1e-6] * 3)
    return _blend(image, alpha, cv2.resize(_coded(blurred), (width, height)), decontaminate)


def _blurred(light, radius, shape):
    if shape == "gaussian":
        return cv2.GaussianBlur(light, (0, 0), radius / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    return cv2.filter2D(light, -1, disc / disc.sum())


def replace_background(image, alpha, background, decontaminate=True):
    """The person before another picture or a plain colour.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.
        background: uint8 `[h, w, 3]` RGB, scaled and cropped about its centre to fill the photo; or a colour
            `(red, green, blue)`, 0..255.
        decontaminate: whether the old background's colour is taken out of the edges.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    background = np.asarray(background, np.uint8)
    height, width = alpha.shape
    if background.ndim == 1:
        return _blend(image, alpha, np.full_like(image, background), decontaminate)
    scale = max(height / background.shape[0], width / background.shape[1])
    size = (max(width, round(background.shape[1] * scale)), max(height, round(background.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    filled = cv2.resize(background, size, interpolation=interpolation)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return _blend(image, alpha, filled[top : top + height, left : left + width], decontaminate)


def _blend(image, alpha, background, decontaminate):
    """The person before `background`, uint8 `[H, W, 3]`; only pixels that show both are computed."""
    foreground = estimate_foreground(image, alpha) if decontaminate else image
    result = cv2.copyTo(foreground, (alpha > 0.5).view(np.uint8), np.array(background))
    mixed = (alpha > 0) & (alpha < 1)
    share = alpha[mixed][:, None]
    result[mixed] = _coded(_linear(foreground[mixed]) * share + _linear(background[mixed]) * (1 - share))
    return result


def _linear(pixels):
    """sRGB uint8 to linear light float32 0..1 (IEC 61966-2-1)."""
    return cv2.LUT(pixels, _LINEAR)


def _coded(light):
    """Linear light float32 0..1 to sRGB uint8 (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)


_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)

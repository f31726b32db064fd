"""A photo or a mask fitted to the network's frame, or to a longest side, never stretched."""

from typing import NamedTuple

import cv2
import numpy as np

PAD_VALUE = 127  # mid grey: zero once MobileNetV2's normalisation has been applied


def within(side, height, width):
    """`(width, height)` of a picture whose longer side is at most `side` pixels, as OpenCV takes sizes."""
    scale = min(1, side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


class Box(NamedTuple):
    """Where a letterboxed photo lies inside the frame, in pixels of the frame."""

    top: int
    left: int
    height: int
    width: int


def letterbox_box(image_height, image_width, height, width):
    """The largest centred box of the photo's proportions inside a frame of `height` x `width`."""
    scale = min(height / image_height, width / image_width)
    box_height = min(height, max(1, round(image_height * scale)))
    box_width = min(width, max(1, round(image_width * scale)))
    return Box((height - box_height) // 2, (width - box_width) // 2, box_height, box_width)


def letterbox(pixels, height, width, value=PAD_VALUE):
    """Fits a photo or a mask into a frame without stretching it, and fills the rest with `value`.

    Args:
        pixels: uint8 `[H, W, 3]` photo, resized by area or bilinearly; or uint8 `[H, W]` mask, resized to its
            nearest pixel so that it stays two-valued.
        height, width: of the frame, in pixels.
        value: 0..255, what the frame holds beside the photo.

    Returns:
        `(framed, box)`: uint8 `[height, width, ...]`, and the `Box` where the photo lies.
    """
    box = letterbox_box(*pixels.shape[:2], height, width)
    shrinks = box.height < pixels.shape[0] or box.width < pixels.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if pixels.ndim == 2:
        interpolation = cv2.INTER_NEAREST_EXACT
    fitted = cv2.resize(pixels, (box.width, box.height), interpolation=interpolation)
    framed = np.full((height, width, *pixels.shape[2:]), value, pixels.dtype)
    framed[box.top : box.top + box.height, box.left : box.left + box.width] = fitted
    return framed, box

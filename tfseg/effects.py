"""What to make of a picture and its alpha: the command line's choices as one function."""

import os
from functools import partial

import cv2
import numpy as np
from PIL import ImageColor

from tfseg.closed_form import load_estimator, refine_closed_form
from tfseg.composite import MAX_STRENGTH, blur_background, cut_out, replace_background
from tfseg.image import ImageError, read_image
from tfseg.letterbox import within
from tfseg.matte import MAX_FEATHER, MAX_OPENING, finish, soften
from tfseg.video import VideoBackground
from tfseg.videoreader import VideoError, is_video


def choose_effect(options):
    """The effect of a command line.

    Args:
        options: of `tfseg.cli.parse`.

    Returns:
        `(image, alpha, seconds) -> pixels`: uint8 `[H, W, 3]` RGB, float32 `[H, W]` in 0..1 and the time in a video,
        to uint8 `[H, W]`, `[H, W, 3]` or `[H, W, 4]`.

    Raises:
        ImageError: an option is out of range, or the background neither a colour nor a picture nor a video.
    """
    if options.command == "mask":
        return lambda image, alpha, seconds: np.round(alpha * 255).astype(np.uint8)
    decontaminate = options.decontaminate
    if options.command == "cutout":
        return lambda image, alpha, seconds: cut_out(image, alpha, decontaminate)
    if options.command == "blur":
        check("--strength", options.strength, MAX_STRENGTH)
        return lambda image, alpha, seconds: blur_background(
            image, alpha, options.strength, options.shape, decontaminate
        )
    background = read_background(options.background, options.max_pixels)
    return lambda image, alpha, seconds: replace_background(image, alpha, background(seconds), decontaminate)


def read_background(text, max_pixels):
    """A colour by name or code, a picture or a video of at most `max_pixels`, as a function of the time in seconds."""
    try:
        colour = ImageColor.getcolor(text, "RGB")
        return lambda seconds: colour
    except ValueError:
        if not os.path.exists(text):
            raise ImageError(f"--background: {text!r} is no colour and no such file.") from None
    try:
        if is_video(text):
            return VideoBackground(text, max_pixels).at
        picture = read_image(text, max_pixels)
    except (ImageError, VideoError) as error:
        raise ImageError(f"--background: {error}") from error
    return lambda seconds: picture


def choose_finish(options, threshold):
    """From a network's alpha to that of the composite; `threshold` is the model's.

    Returns:
        `(alpha, image) -> alpha`: float32 `[H, W]` in 0..1 and uint8 `[H, W, 3]` RGB, to an alpha of the same kind.

    Raises:
        ImageError: an option is out of range.
        ImportError: what it needs is not installed.
    """
    check("--feather", options.feather, MAX_FEATHER)
    check("--opening", options.opening, MAX_OPENING)
    if options.threshold is not None:
        if not 0 < options.threshold < 1:
            raise ImageError(f"--threshold: {options.threshold} is out of range; it lies between 0 and 1.")
        threshold = options.threshold
    steps = partial(finish, threshold=threshold, largest_only=options.largest_only, opening=options.opening)
    if options.refine == "guided":
        return lambda alpha, image: steps(alpha, feather=options.feather)
    load_estimator()  # what is missing is told before the first photo
    return lambda alpha, image: soften(refine_closed_form(image, steps(alpha)), options.feather)


def check(name, value, most):
    if not 0 <= value <= most:
        raise ImageError(f"{name}: {value} is out of range; it is a share of the longer side, 0..{most}.")


def fit(image, max_side):
    """The picture with its longer side at most `max_side` pixels; None leaves it as it is."""
    height, width = image.shape[:2]
    if not max_side or max(height, width) <= max_side:
        return image
    return cv2.resize(image, within(max_side, height, width), interpolation=cv2.INTER_AREA)

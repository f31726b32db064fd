"""Photos and masks in, photos and masks out: the only decoder in the project, and every limit on what it accepts.

    read_image(path or bytes) -> uint8 [H, W, 3] RGB, upright
    read_mask(path or bytes)  -> uint8 [H, W], 0 background, 1 person
    write_image(path, pixels) -> a whole file or no file
    letterbox(pixels, height, width) -> the pixels fitted to the network, never stretched

Every fault of a file ends in one `ImageError`.
"""

import contextlib
import io
import os
import re
import secrets
import stat
import warnings
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 100_000_000
MAX_BYTES = 300_000_000
PAD_VALUE = 127  # mid grey: zero once MobileNetV2's normalisation has been applied

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # of Pillow's; PostScript among the others runs programs
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
DECODER_FAULTS = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, MemoryError, OverflowError)
WRITABLE = (".png", ".webp", ".jpg", ".jpeg")


class ImageError(ValueError):
    """A picture that cannot be read or written; the message names the file and the reason."""


def read_image(source):
    """Decodes a photo to what a person would see on a screen.

    EXIF orientation is applied, transparency is laid over white, and of an animation the first frame is taken.

    Args:
        source: a path, or the bytes of the file.

    Returns:
        uint8 `[H, W, 3]`, RGB, 0..255.

    Raises:
        ImageError: the file is missing, no picture, damaged, or larger than `MAX_PIXELS`.
    """
    with _opened(source) as (picture, name):
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I") or picture.mode == "F":
            picture = _eight_bit(picture, name)
        if picture.has_transparency_data:
            rgba = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return np.array(picture.convert("RGB"))


def read_mask(source):
    """Decodes a two-valued mask: zero is background, any one other value is person.

    Args:
        source: a path, or the bytes of the file.

    Returns:
        uint8 `[H, W]` in {0, 1}.

    Raises:
        ImageError: as `read_image`, or the mask holds more than zero and one other value.
    """
    with _opened(source) as (picture, name):
        picture = ImageOps.exif_transpose(picture)
        if picture.mode == "P":
            picture = picture.convert("RGB")
        grey = np.asarray(
            picture if picture.mode in ("1", "L", "F") or picture.mode.startswith("I") else picture.convert("L")
        )
        values = np.unique(grey)
    foreground = values[values != 0]
    if len(foreground) > 1:
        raise ImageError(
            f"{name}: a mask must hold 0 (background) and one other value (person), but this one holds "
            f"{len(values)} values: {', '.join(map(str, values[:6]))}{', ...' if len(values) > 6 else ''}. "
            "Save it as PNG without smoothing or JPEG compression."
        )
    return (grey != 0).astype(np.uint8)


def image_size(source):
    """Height and width of a photo as `read_image` returns it, read from the header alone.

    Raises:
        ImageError: as `read_image`, for faults that the header shows.
    """
    with _opened(source) as (picture, _):
        width, height = picture.size
        sideways = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (width, height) if sideways else (height, width)


def write_image(path, pixels, quality=92):
    """Writes a picture in the format that the file's extension names, under a temporary name first.

    Args:
        path: ends in .png, .webp, .jpg or .jpeg; JPEG takes no alpha channel.
        pixels: uint8 `[H, W]`, `[H, W, 3]` RGB or `[H, W, 4]` RGBA.
        quality: 1..100, for JPEG and WebP.

    Raises:
        ImageError: the extension is not writable, the format cannot hold the pixels, or the disk refuses.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise ImageError(
            f"{path}: cannot write {path.suffix or 'a name without extension'}; use one of {', '.join(WRITABLE)}."
        )
    if pixels.ndim == 3 and pixels.shape[2] == 4 and path.suffix.lower() in (".jpg", ".jpeg"):
        raise ImageError(f"{path}: JPEG cannot hold transparency; write .png or .webp.")
    try:
        with replacing(path) as temporary:
            Image.fromarray(pixels).save(temporary, quality=quality, method=4, compress_level=4)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be written: {error}") from error


@contextlib.contextmanager
def replacing(path):
    """A temporary path beside `path` to write to; it takes the final name only when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder):
    """Removes what `replacing` leaves in a folder when its process is killed."""
    for path in Path(folder).glob(".*"):
        if re.fullmatch(r"\.[0-9a-f]{12}(\.\w+)?", path.name):
            path.unlink()


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


@contextlib.contextmanager
def _opened(source):
    """The Pillow picture behind a path or bytes, and its name; every failure inside becomes `ImageError`."""
    name = "image" if isinstance(source, bytes | bytearray | memoryview) else os.fspath(source)
    try:
        content = _content(source, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise ImageError(f"{name}: {picture.width}x{picture.height} pixels; the limit is {MAX_PIXELS:,}.")
                yield picture, name
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(
            f"{name}: not a picture in a format that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF)."
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: more pixels than the limit of {MAX_PIXELS:,}.") from None
    except DECODER_FAULTS as error:
        raise ImageError(f"{name}: damaged or unreadable picture: {error}") from error


def _content(source, name):
    if isinstance(source, bytes | bytearray | memoryview):
        return source
    try:
        status = os.stat(source)
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{name}: not a file.")
    if status.st_size > MAX_BYTES:
        raise ImageError(f"{name}: {status.st_size:,} bytes; the limit is {MAX_BYTES:,}.")
    return Path(source).read_bytes()


def _eight_bit(picture, name):
    """16-bit grey to 8-bit, by its high byte; floating-point pictures have no agreed white and are refused."""
    if picture.mode == "F":
        raise ImageError(f"{name}: floating-point pixels; convert it to 8 or 16 bits first.")
    return Image.fromarray((np.clip(np.asarray(picture), 0, 65535) // 257).astype(np.uint8))

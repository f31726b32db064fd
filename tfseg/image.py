"""Photos and masks in, photos and masks out: the only decoder in the project, and every limit on what it accepts.

    read_image(path or bytes) -> uint8 [H, W, 3] RGB, upright
    read_mask(path or bytes)  -> uint8 [H, W], 0 background, 1 person
    write_image(path, pixels) -> a whole file or no file

Every fault of a file ends in one `ImageError`.
"""

import contextlib
import io
import logging
import math
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tfseg.console import quiet
from tfseg.replacing import replacing

MAX_PIXELS = 26_000_000  # of which a cut-out still fits into 1 GB of memory
FLAG = "--max-pixels of the tfseg commands"
MAX_BYTES = 300_000_000
MAX_SCANS = 100  # of a JPEG; cameras write 1, progressive encoders about 10, and each may cost a walk over all pixels

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")  # Pillow's; PostScript among the others runs programs
EXTENSIONS = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif"
)  # fmt: skip
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
WRITABLE = (".png", ".webp", ".jpg", ".jpeg")

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it logs of a damaged file, it raises as well


class ImageError(ValueError):
    """A picture that cannot be read or written; the message names the file and the reason."""


def read_image(source, max_pixels=MAX_PIXELS):
    """Decodes a photo to what a person would see on a screen.

    EXIF orientation is applied, transparency is laid over white, and of an animation the first frame is taken.

    Args:
        source: a path, or the bytes of the file.
        max_pixels: a photo whose header names more is refused before anything is decoded.

    Returns:
        uint8 `[H, W, 3]`, RGB, 0..255.

    Raises:
        ImageError: the file is missing, no picture, damaged, or larger than `max_pixels`.
    """
    with _opened(source, max_pixels) as (picture, name):
        _decode(picture)
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I") or picture.mode == "F":
            picture = _eight_bit(picture, name)
        if picture.has_transparency_data:
            rgba = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return np.array(picture.convert("RGB"))


def read_mask(source, max_pixels=MAX_PIXELS):
    """Decodes a two-valued mask: zero is background, any one other value is person.

    Args:
        source: a path, or the bytes of the file.
        max_pixels: as of `read_image`.

    Returns:
        uint8 `[H, W]` in {0, 1}.

    Raises:
        ImageError: as `read_image`, or the mask holds more than zero and one other value.
    """
    with _opened(source, max_pixels) as (picture, name):
        _decode(picture)
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


def image_size(source, max_pixels=MAX_PIXELS):
    """Height and width of a photo as `read_image` returns it, read from the header alone.

    Raises:
        ImageError: as `read_image`, for faults that the header shows.
    """
    with _opened(source, max_pixels) as (picture, _):
        width, height = picture.size
        # Pillow has turned the size of a TIFF already
        sideways = picture.format != "TIFF" and picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
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
def _opened(source, max_pixels):
    """The Pillow picture behind a path or bytes, and its name; every failure inside becomes `ImageError`."""
    name = "image" if isinstance(source, bytes | bytearray | memoryview) else os.fsdecode(source)
    try:
        content = _content(source, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                _check_work(picture, content, name, max_pixels)
                yield picture, name
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(f"{name}: {_unreadable(content)}") from None
    except Image.DecompressionBombError:
        most = min(max_pixels, 2 * Image.MAX_IMAGE_PIXELS)
        raise ImageError(f"{name}: more than {most:,} pixels, the limit ({FLAG}).") from None
    except Exception as error:  # a damaged file raises whatever its decoder raises
        raise ImageError(f"{name}: damaged or unreadable picture: {error or type(error).__name__}") from error


def _content(source, name):
    if isinstance(source, bytes | bytearray | memoryview):
        size = len(source)
    else:
        try:
            status = os.stat(source)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise ImageError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{name}: not a file.")
        size = status.st_size
    if size > MAX_BYTES:
        raise ImageError(f"{name}: {size:,} bytes; the limit is {MAX_BYTES:,}.")
    return source if isinstance(source, bytes | bytearray | memoryview) else Path(source).read_bytes()


def _decode(picture):
    with quiet() if picture.format == "TIFF" else contextlib.nullcontext():  # libtiff itself prints what it finds
        picture.load()


def _check_work(picture, content, name, max_pixels):
    """Refuses, from the header, what would take more than its share of time and memory to decode."""
    sides = [picture.size]
    if picture.format == "TIFF":
        sides.append([picture.tag_v2.get(tag, 0) for tag in (322, 323)])  # a tile may be larger than its picture
    width, height = max(sides, key=math.prod)
    if width * height > max_pixels:
        raise ImageError(f"{name}: {width}x{height} pixels; the limit is {max_pixels:,} ({FLAG}).")
    if picture.format in ("JPEG", "MPO") and (scans := count_scans(content)) > MAX_SCANS:
        raise ImageError(f"{name}: a JPEG of {scans} scans; the limit is {MAX_SCANS}.")


def count_scans(content):
    """Scans of a JPEG's first picture (ITU-T T.81, B.1), at most `MAX_SCANS` + 1; 0 where its markers lead nowhere."""
    content, place, scans = bytes(content), 2, 0
    while scans <= MAX_SCANS:
        place = content.find(b"\xff", place)
        if place < 0 or place + 4 > len(content) or content[place + 1] == 0xD9:
            break
        marker = content[place + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # within a scan's data, or without a segment
            place += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
    return scans


def _unreadable(content):
    if bytes(content[4:8]) == b"ftyp" and bytes(content[8:12]) in HEIF_BRANDS:
        return "a HEIC picture, which cannot be read; save it as JPEG, PNG or AVIF."
    return "not a picture in a format that can be read (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF)."


def _eight_bit(picture, name):
    """16-bit grey to 8-bit, by its high byte; floating-point pictures have no agreed white and are refused."""
    if picture.mode == "F":
        raise ImageError(f"{name}: floating-point pixels; convert it to 8 or 16 bits first.")
    return Image.fromarray((np.clip(np.asarray(picture), 0, 65535) // 257).astype(np.uint8))

"""A result as the bytes of a picture file, with what its photo said beside the pixels."""

import io
import warnings
from pathlib import Path

from PIL import Image

from tfseg.image import FORMATS, ImageError

ORIENTATION = 0x0112  # of EXIF; results are upright
MAX_PROFILE = 1_000_000  # bytes; Pillow for one reads no PNG with more
PILLOW_NAMES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def read_extras(source, exif=False):
    """What of a photo's metadata belongs into a picture made from it.

    Args:
        source: a path or the bytes of a photo that `read_image` has read.
        exif: whether to keep EXIF, which may hold place, time and owner. Its orientation is set to upright.

    Returns:
        dict with `icc_profile`, bytes, if the photo has one for RGB, and `exif`, bytes, if it is wanted and there.

    Raises:
        ImageError: the EXIF is wanted and damaged.
    """
    is_content = isinstance(source, bytes | bytearray | memoryview)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(source) if is_content else source, formats=FORMATS) as picture:
            extras = {}
            profile = picture.info.get("icc_profile") or b""
            if profile[16:20] == b"RGB " and len(profile) <= MAX_PROFILE:  # others do not describe the result's pixels
                extras["icc_profile"] = profile
            if exif and picture.info.get("exif"):
                try:
                    tags = picture.getexif()
                    tags[ORIENTATION] = 1
                    extras["exif"] = tags.tobytes()
                except Exception as error:  # a damaged tag raises whatever its reader raises
                    name = "image" if is_content else source
                    raise ImageError(f"{name}: its EXIF is damaged and cannot be kept: {error}") from error
            return extras


def encode(pixels, extension, extras=None, quality=92):
    """Encodes a picture.

    Args:
        pixels: uint8 `[H, W]`, `[H, W, 3]` RGB or `[H, W, 4]` RGBA.
        extension: .png, .webp, .jpg or .jpeg; JPEG takes no alpha channel.
        extras: what `read_extras` gives; a grey picture takes no profile.
        quality: 1..100, for JPEG and WebP.

    Returns:
        bytes of the file.

    Raises:
        ImageError: the format cannot hold a picture of this size.
    """
    extras = dict(extras or {})
    if pixels.ndim == 2:
        extras.pop("icc_profile", None)
    content = io.BytesIO()
    try:
        Image.fromarray(pixels).save(
            content, PILLOW_NAMES[extension.lower()], quality=quality, method=4, compress_level=4, **extras
        )
    except (OSError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise ImageError(f"{Path(extension).name}: cannot hold {width}x{height} pixels: {error}") from error
    return content.getvalue()

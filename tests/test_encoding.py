import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from tfseg.encoding import encode, read_extras
from tfseg.image import ImageError, read_image

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 30, 4), np.uint8)
CAMERA, LATITUDE = 0x0110, {1: "N", 2: (52.0, 31.0, 0.0)}


@pytest.fixture
def photo():
    """A photo's file: taken sideways, at a place, with a colour profile."""
    exif = Image.Exif()
    exif[0x0112], exif[CAMERA] = 6, "box camera"
    exif.get_ifd(0x8825).update(LATITUDE)
    content = io.BytesIO()
    Image.fromarray(PIXELS[..., :3]).save(content, "JPEG", exif=exif, icc_profile=PROFILE)
    return content.getvalue()


def decoded(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("extension", [".png", ".webp", ".jpg", ".JPEG"])
def test_the_colour_profile_is_kept_and_the_place_is_not(photo, extension):
    picture = decoded(encode(read_image(photo), extension, read_extras(photo)))
    assert picture.info["icc_profile"] == PROFILE
    assert not picture.getexif() and picture.size == (40, 30)


@pytest.mark.parametrize("extension", [".png", ".webp", ".jpg"])
def test_exif_is_kept_when_wanted_and_says_upright(photo, extension):
    exif = decoded(encode(read_image(photo), extension, read_extras(photo, exif=True))).getexif()
    assert (exif[CAMERA], exif[0x0112]) == ("box camera", 1)
    assert exif.get_ifd(0x8825)[1] == "N"


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_of_other_colours_than_rgb_is_left_out(mode):
    content, space = io.BytesIO(), {"L": b"GRAY", "CMYK": b"CMYK"}[mode]
    Image.new(mode, (8, 8)).save(content, "JPEG", icc_profile=PROFILE[:16] + space + PROFILE[20:])
    assert read_extras(content.getvalue()) == {}


def test_a_mask_takes_no_colour_profile():
    picture = decoded(encode(PIXELS[..., 0], ".png", {"icc_profile": PROFILE}))
    assert picture.mode == "L" and "icc_profile" not in picture.info


def test_transparent_pixels_come_back_as_they_were():
    assert np.array_equal(np.asarray(decoded(encode(PIXELS, ".png"))), PIXELS)
    assert np.array_equal(np.asarray(decoded(encode(PIXELS, ".webp")))[..., 3], PIXELS[..., 3])


def test_a_picture_too_large_for_the_format_is_named():
    with pytest.raises(ImageError, match=r"\.webp.*17000x1"):
        encode(np.zeros((1, 17000), np.uint8), ".webp")

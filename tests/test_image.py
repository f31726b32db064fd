import contextlib
import io
import os
import resource

import hostile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tfseg import image as module
from tfseg.image import ImageError, count_scans, image_size, read_image, read_mask, write_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(picture, form="PNG", **options):
    """The bytes of a file that holds a Pillow picture or an array."""
    content = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(content, form, **options)
    return content.getvalue()


def palette(indices, *colours):
    indices = np.asarray(indices, np.uint8)
    picture = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    picture.putpalette([channel for colour in colours for channel in colour])
    return picture


EXIF = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # orientation 6

# What the camera stored, by EXIF orientation, when the scene is `upright`.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_photo_size_and_mask_are_upright_whatever_the_exif_orientation(orientation, tmp_path):
    upright = np.repeat(np.repeat(np.uint8([[RED, GREEN], [BLUE, WHITE], [WHITE, RED]]), 16, axis=0), 16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    stored = np.ascontiguousarray(STORED[orientation](upright))
    path.write_bytes(encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0))
    assert image_size(path) == (48, 32)
    np.testing.assert_allclose(read_image(path).astype(int), upright, atol=6)

    mask = (upright[..., 0] > 0).astype(np.uint8)
    np.testing.assert_array_equal(read_mask(encoded(np.ascontiguousarray(STORED[orientation](mask)), exif=exif)), mask)


@pytest.mark.parametrize(
    "content, expected",
    [
        (encoded(np.full((2, 2), 77, np.uint8)), (77, 77, 77)),
        (encoded(Image.new("1", (2, 2), 1)), WHITE),
        (encoded(Image.new("LA", (2, 2), (0, 51))), (204, 204, 204)),  # black at 20 % over white
        (encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 102))), (255, 153, 153)),  # red at 40 % over white
        (encoded(Image.new("RGBA", (2, 2), (9, 9, 9, 0)), "WEBP", lossless=True), WHITE),
        (encoded(palette([[1, 1], [1, 1]], RED, BLUE)), BLUE),
        (encoded(palette([[1, 1], [1, 1]], RED, BLUE), transparency=0), BLUE),
        (encoded(palette([[1, 1], [1, 1]], RED, BLUE), transparency=1), WHITE),
        (encoded(Image.new("RGB", (2, 2), GREEN), transparency=GREEN), WHITE),
        (encoded(np.full((2, 2), 65535, np.uint16)), WHITE),
        (encoded(np.full((2, 2), 100 * 257, np.uint16)), (100, 100, 100)),
        (encoded(np.full((2, 2), 100 * 257, np.int32), "TIFF"), (100, 100, 100)),
        (encoded(Image.new("RGB", (2, 2), BLUE), "BMP"), BLUE),
        (
            encoded(
                Image.new("RGB", (2, 2), RED), "GIF", save_all=True, append_images=[Image.new("RGB", (2, 2), BLUE)]
            ),
            RED,
        ),
        (
            encoded(
                Image.new("RGB", (2, 2), RED), "TIFF", save_all=True, append_images=[Image.new("RGB", (2, 2), BLUE)]
            ),
            RED,
        ),
    ],
    ids=[
        "grey",
        "1-bit",
        "grey+alpha",
        "rgba",
        "webp+alpha",
        "palette",
        "palette-other-transparent",
        "palette-transparent",
        "rgb-transparent",
        "16-bit-white",
        "16-bit-grey",
        "32-bit-grey",
        "bmp",
        "gif-animated",
        "tiff-pages",
    ],
)
def test_every_kind_of_picture_reads_as_what_a_screen_shows(content, expected):
    pixels = read_image(content)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.uint8(expected), (2, 2, 3)))


def test_cmyk_jpeg_reads_in_its_true_colours():
    cyan, yellow = (
        encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG"),
        Image.new("CMYK", (16, 16), (0, 0, 255, 0)),
    )
    np.testing.assert_allclose(read_image(cyan)[8, 8].astype(int), (0, 255, 255), atol=4)
    np.testing.assert_allclose(read_image(encoded(yellow, "JPEG"))[8, 8].astype(int), (255, 255, 0), atol=4)


def test_a_phones_jpeg_with_a_second_picture_inside_reads_as_its_first():
    content = encoded(
        Image.new("RGB", (16, 16), RED), "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16), BLUE)]
    )
    np.testing.assert_allclose(read_image(content)[8, 8].astype(int), RED, atol=4)


def test_path_text_bytes_and_memoryview_read_alike(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    content = encoded(pixels)
    (tmp_path / "photo.PNG").write_bytes(content)
    for source in (
        tmp_path / "photo.PNG",
        str(tmp_path / "photo.PNG"),
        content,
        bytearray(content),
        memoryview(content),
    ):
        np.testing.assert_array_equal(read_image(source), pixels)


PHOTO = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), "JPEG")


@pytest.mark.parametrize("reader", [read_image, read_mask, image_size])
@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "not a file"),
        (lambda path: os.mkfifo(path), "not a file"),
        (lambda path: path.write_bytes(b""), "not a picture"),
        (lambda path: path.write_text("This is no photo.\n" * 99), "not a picture"),
        (lambda path: path.write_bytes(PHOTO[:100]), "damaged"),
        (
            lambda path: path.write_bytes(
                b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
            ),
            "not a pic",
        ),
    ],
    ids=["missing", "folder", "pipe", "empty", "text", "header-cut", "postscript"],
)
def test_what_is_no_picture_is_refused_with_its_name_and_the_reason(tmp_path, reader, make, reason):
    path = tmp_path / "holiday.jpg"
    make(path)
    with pytest.raises(ImageError) as error:
        reader(path)
    assert str(error.value).startswith(f"{path}: ") and reason in str(error.value)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_a_picture_cut_in_half_is_damaged(tmp_path, form):
    content = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), form)
    path = tmp_path / "half.jpg"
    path.write_bytes(content[: len(content) // 2])
    for reader in (read_image, read_mask):
        with pytest.raises(ImageError, match="half.jpg: .*"):
            reader(path)


SEEDS = [
    encoded(np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8), form, **options)
    for form, options in (
        ("JPEG", {"exif": b"Exif\0\0" + EXIF, "progressive": True}),
        ("JPEG", {"exif": b"Exif\0\0" + EXIF}),
        ("PNG", {"exif": EXIF}),
        ("WEBP", {"exif": EXIF}),
        ("AVIF", {"exif": EXIF}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
    )
]
DAMAGE = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.integers(0, 2**16), st.integers(0, 7)),
        st.tuples(st.just("cut"), st.integers(0, 2**16), st.just(0)),
        st.tuples(st.just("splice"), st.integers(0, 2**16), st.integers(0, len(SEEDS) - 1)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(seed=st.sampled_from(SEEDS), damage=DAMAGE)
def test_any_damage_in_a_file_is_an_image_error_or_harmless(seed, damage):
    content = bytearray(seed)
    for kind, place, detail in damage:
        place %= len(content) + 1
        if kind == "flip" and place < len(content):
            content[place] ^= 1 << detail
        elif kind == "cut":
            del content[place:]
        elif kind == "splice":
            content[place : place + 64] = SEEDS[detail][place : place + 64]
    for reader in (read_image, read_mask, image_size):
        with contextlib.suppress(ImageError):
            reader(bytes(content))
    with contextlib.suppress(ImageError):
        assert read_image(bytes(content)).shape[:2] == image_size(bytes(content))


@pytest.mark.parametrize("reader", [read_image, read_mask, image_size])
def test_more_pixels_or_bytes_than_the_limit_are_refused(monkeypatch, tmp_path, reader):
    path = tmp_path / "huge.png"
    path.write_bytes(encoded(np.zeros((10, 11), np.uint8)))
    reader(path, max_pixels=110)
    with pytest.raises(ImageError, match="huge.png: 11x10 pixels; the limit is 109"):
        reader(path, max_pixels=109)
    monkeypatch.setattr(module, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(ImageError, match=f"huge.png: {path.stat().st_size} bytes; the limit"):
        reader(path)


@pytest.mark.parametrize(
    "name", ["bomb.png", "largest.png", "bomb.bmp", "bomb.gif", "bomb.webp", "bomb.tif", "scans.jpg"]
)
def test_what_a_header_makes_expensive_is_refused_before_anything_is_decoded(name):
    content, before = hostile.photos()[name], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match="limit|not a picture"):
        read_image(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


def test_scans_of_a_jpeg_are_counted_but_not_what_follows_its_end():
    progressive = encoded(np.zeros((32, 32, 3), np.uint8), "JPEG", progressive=True)
    assert count_scans(PHOTO) == 1
    assert 5 < count_scans(progressive) < 20
    assert count_scans(PHOTO + b"\xff\xda" * 9999) == 1
    assert count_scans(b"\xff\xd8" + b"\xff" * 9) == 0


def test_a_heic_photo_is_called_what_it_is():
    with pytest.raises(ImageError, match="a HEIC picture, which cannot be read; save it as JPEG"):
        read_image(hostile.photos()["heic.heic"])


def test_floating_point_photos_are_refused():
    with pytest.raises(ImageError, match="floating-point"):
        read_image(encoded(np.zeros((2, 2), np.float32), "TIFF"))


DRAWN = np.uint8([[0, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    "content",
    [
        encoded(DRAWN),
        encoded(DRAWN * 255),
        encoded(DRAWN * 7),
        encoded(Image.fromarray(DRAWN * 255).convert("1")),
        encoded(palette(DRAWN, (0, 0, 0), (128, 0, 0))),
        encoded(palette(1 - DRAWN, WHITE, (0, 0, 0))),
        encoded(np.stack([DRAWN * 255] * 3, axis=-1)),
        encoded(np.stack([DRAWN] * 3, axis=-1)),
        encoded(Image.fromarray(DRAWN * 255).convert("LA")),
        encoded(DRAWN.astype(np.uint16)),
        encoded(DRAWN.astype(np.uint16) * 65535),
        encoded(DRAWN.astype(np.int32), "TIFF"),
        encoded(DRAWN.astype(np.float32), "TIFF"),
        encoded(DRAWN.astype(np.float32) * 0.5, "TIFF"),
        encoded(DRAWN * 255, "GIF"),
    ],
    ids=[
        "01",
        "0255",
        "07",
        "1-bit",
        "palette",
        "palette-swapped",
        "rgb",
        "rgb-01",
        "grey+alpha",
        "16-bit-01",
        "16-bit",
        "32-bit",
        "float",
        "float-half",
        "gif",
    ],
)
def test_every_two_valued_mask_reads_as_0_and_1(content):
    mask = read_mask(content)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, DRAWN)


@pytest.mark.parametrize("value, expected", [(0, 0), (255, 1)])
def test_a_mask_of_one_value_is_all_background_or_all_person(value, expected):
    np.testing.assert_array_equal(read_mask(encoded(np.full((2, 3), value, np.uint8))), np.full((2, 3), expected))


def test_a_mask_of_more_than_two_values_is_refused_by_name_with_its_values(tmp_path):
    path = tmp_path / "soft.png"
    path.write_bytes(encoded(np.uint8([[0, 255], [128, 0]])))
    with pytest.raises(ImageError, match=r"soft.png: .* holds 3 values: 0, 128, 255\."):
        read_mask(path)
    path.write_bytes(encoded(np.uint8([[1, 255]])))  # two values, but neither is background
    with pytest.raises(ImageError, match="soft.png: .*1, 255"):
        read_mask(path)
    path.write_bytes(encoded(np.arange(20, dtype=np.uint16)[None] * 3000))
    with pytest.raises(ImageError, match=r"holds 20 values: 0, 3000, 6000, 9000, 12000, 15000, \.\.\."):
        read_mask(path)


@pytest.mark.parametrize("name, tolerance", [("a.png", 0), ("a.PNG", 0), ("a.webp", 16), ("a.jpg", 8), ("a.JPEG", 8)])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "rgb"])
def test_written_pictures_read_back(tmp_path, name, tolerance, channels):
    ramp = np.broadcast_to(np.arange(0, 256, 4, np.uint8).reshape(-1, 1, *[1] * len(channels)), (64, 48, *channels))
    path = tmp_path / "new" / "folder" / name
    write_image(path, np.array(ramp))
    expected = np.broadcast_to(np.arange(0, 256, 4).reshape(-1, 1, 1), (64, 48, 3))
    np.testing.assert_allclose(read_image(path).astype(int), expected, atol=tolerance)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["cut.png", "cut.webp"])
def test_transparency_survives_writing(tmp_path, name):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, :16, 3] = 255
    write_image(tmp_path / name, pixels)
    with Image.open(tmp_path / name) as picture:
        assert picture.mode == "RGBA"
        np.testing.assert_array_equal(np.array(picture)[..., 3], pixels[..., 3])


@pytest.mark.parametrize(
    "name, pixels, reason",
    [
        ("cut.jpg", np.zeros((4, 4, 4), np.uint8), "transparency"),
        ("cut.JPEG", np.zeros((4, 4, 4), np.uint8), "transparency"),
        ("photo.gif", np.zeros((4, 4, 3), np.uint8), "cannot write .gif"),
        ("photo", np.zeros((4, 4, 3), np.uint8), "without extension"),
        ("photo.png", np.zeros((4, 4), np.float32), "cannot be written"),
    ],
)
def test_a_refused_picture_leaves_the_old_file_and_nothing_else(tmp_path, name, pixels, reason):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(ImageError, match=f"{name}: .*{reason}"):
        write_image(path, pixels)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_where_no_file_can_be_the_error_names_the_path(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "folder.png", tmp_path / "file" / "below.png"):
        with pytest.raises(ImageError, match=f"{path.name}: cannot be written"):
            write_image(path, np.zeros((4, 4), np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]

"""Files that are made to hurt whoever reads them: photos, videos and names, drawn here and nothing of anyone's."""

import io
import os
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
from PIL import Image

SIDE = 65_535
SCENE = np.tile(np.linspace(0, 255, 96, dtype=np.uint8)[None, :, None], (72, 1, 3))


def encoded(pixels=SCENE, form="JPEG", mode=None, **options):
    """The bytes of a picture file of a uint8 array or a Pillow picture."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    content = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(content, form, **options)
    return content.getvalue()


def photos():
    """Name to bytes of photos: odd but whole ones, bombs, and damaged ones."""
    jpeg, png = encoded(), encoded(form="PNG")
    frames = {"save_all": True, "append_images": [Image.fromarray(SCENE[::-1])]}
    made = {
        "empty.jpg": b"",
        "one byte.png": b"\x89",
        "text.jpg": b"no picture\n" * 99,
        "zeros.jpg": bytes(100_000),
        "png called jpg.jpg": png,
        "jpeg called png.png": jpeg,
        "junk after.jpg": jpeg + os.urandom(100_000),
        "junk after.png": png + bytes(100_000),
        "half.jpg": jpeg[: len(jpeg) // 2],
        "half.png": png[: len(png) // 2],
        "cmyk.jpg": encoded(mode="CMYK"),
        "grey and alpha.png": encoded(form="PNG", mode="LA"),
        "16 bits.png": encoded(SCENE[..., 0].astype(np.uint16) * 257, "PNG"),
        "palette.png": encoded(form="PNG", mode="P", transparency=3),
        "animated.gif": encoded(form="GIF", **frames),
        "animated.webp": encoded(form="WEBP", **frames),
        "animated.png": encoded(form="PNG", **frames),
        "tall line.png": encoded(np.zeros((SIDE, 1, 3), np.uint8), "PNG"),
        "wide line.png": encoded(np.zeros((1, SIDE, 3), np.uint8), "PNG"),
        "one pixel.png": encoded(np.zeros((1, 1, 3), np.uint8), "PNG"),
        "broken profile.jpg": encoded(icc_profile=os.urandom(3000)),
        "large profile.jpg": encoded(icc_profile=bytes(16) + b"RGB " + os.urandom(2_000_000)),
        "broken exif.jpg": encoded(exif=b"Exif\0\0II*\0" + b"\xff" * 200),
        "broken tables.jpg": damaged_tables(jpeg),
        "bomb.png": png_header(SIDE, SIDE),
        "largest.png": png_header(2**31 - 1, 2**31 - 1),
        "bomb.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, SIDE, SIDE, 1, 24, 0, 0, 0, 0, 0, 0),
        "bomb.gif": b"GIF89a" + struct.pack("<HHBBB", SIDE, SIDE, 0, 0, 0) + b"!\xf9\4\x08\0\0\0\0,",
        "bomb.webp": webp_header(16_384, 16_384),
        "bomb.tif": tiff_header(8, 8, 40_000),
        "just too large.png": png_header(6_000, 6_000, zlib.compress(bytes(18_001 * 6_000), 1)),
        "scans.jpg": many_scans(2_000),
        "heic.heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(999),
        "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "vector.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    }
    made |= {f"orientation {code}.jpg": encoded(exif=orientation(code)) for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)}
    return made


def orientation(code):
    exif = Image.Exif()
    exif[0x0112] = code
    return exif


def damaged_tables(jpeg):
    """A JPEG whose Huffman tables are noise."""
    damaged, place = bytearray(jpeg), 0
    while (place := damaged.find(b"\xff\xc4", place + 1)) > 0:
        damaged[place + 22 : place + 30] = bytes(range(248, 256))
    return bytes(damaged)


def png_header(width, height, data=b""):
    """A PNG of a header and of data, 8-bit RGB."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def webp_header(width, height):
    """An animated WebP of a large canvas and one small frame."""
    frame = encoded(SCENE[:8, :8], "WEBP", lossless=True)[12:]
    inner = bytes(6) + struct.pack("<I", 7)[:3] * 2 + bytes(4) + frame
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + size + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    chunks += b"ANMF" + struct.pack("<I", len(inner)) + inner
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def tiff_header(width, height, tile):
    """A small TIFF that is stored as one huge tile."""
    data = zlib.compress(bytes(50_000_000), 1)
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile, 324: 8, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def many_scans(count):
    """A progressive JPEG whose last scan comes again and again."""
    jpeg = encoded(np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8), progressive=True)
    last = jpeg.rfind(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * min(count, 400) + jpeg[-2:]


def clip(path, rate=25, frames=12, codec="libx264", size=(64, 48)):
    """Writes a video of moving stripes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = 1 / Fraction(rate)
        container.start_encoding()
        for index in range(frames):
            stripes = np.full((size[1], size[0], 3), 40, np.uint8)
            stripes[:, (5 * index) % size[0] :: 7] = 220
            frame = av.VideoFrame.from_ndarray(stripes, "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def videos(folder):
    """Name to bytes of videos: cut off, without frames, of changing size, of absurd rates, without an index."""
    whole = {form: clip(folder / f"whole{form}") for form in (".mp4", ".mkv", ".avi", ".ts")}
    large, still = clip(folder / "large.ts", size=(128, 96)), clip(folder / "none.mp4", frames=0)
    mp4 = whole[".mp4"]
    moved = mp4.find(b"mdhd") + 16  # where the header says how many ticks a second has
    made = {f"half{form}": content[: len(content) // 2] for form, content in whole.items()}
    made |= {f"nine tenths{form}": content[: len(content) * 9 // 10] for form, content in whole.items()}
    made |= {
        "no frames.mp4": still,
        "changing size.ts": whole[".ts"] + large + whole[".ts"],
        "changing size back.ts": large + whole[".ts"],
        "million a second.mp4": clip(folder / "fast.mp4", rate=1_000_000),
        "one an hour.mkv": clip(folder / "slow.mkv", rate=Fraction(1, 3600), frames=3),
        "no ticks.mp4": mp4[:moved] + bytes(4) + mp4[moved + 4 :],
        "many ticks.mp4": mp4[:moved] + b"\xff" * 4 + mp4[moved + 4 :],
        "no index.mp4": mp4.replace(b"moov", b"free"),
        "no index.avi": whole[".avi"].replace(b"idx1", b"JUNK"),
        "no cues.mkv": whole[".mkv"].replace(b"\x1c\x53\xbb\x6b", b"\xec\x53\xbb\x6b"),
        "no data.mp4": mp4.replace(b"mdat", b"free"),
        "noise inside.mp4": mp4[: len(mp4) // 3] + os.urandom(300) + mp4[len(mp4) // 3 + 300 :],
        "playlist.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "list.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "photo.mp4": encoded(),
        "empty.mp4": b"",
        "noise.mkv": os.urandom(100_000),
    }
    return {**{f"whole{form}": content for form, content in whole.items()}, **made}


NAMES = (
    b"with space.jpg",
    b"new\nline.jpg",
    b"-dash.jpg",
    b"--help.jpg",
    b"caf\xe9.jpg",
    b"\xff\xfe.jpg",
    b"x" * 251 + b".jpg",
    b"escape\x1b[31m.jpg",
    "人.jpg".encode(),
    b"#00b140.jpg",
    b"file:a.jpg",
    b"%s%n.jpg",
    b"'\"$(x).jpg",
)


def write_names(folder):
    """Writes a photo under every hostile name, and what is no file: a folder, a pipe, links; gives their paths."""
    for name in NAMES:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(encoded())
    for extension in (".jpg", ".gif", ".mp4"):
        os.mkdir(folder / f"folder{extension}")
        os.mkfifo(folder / f"pipe{extension}")
        os.symlink(f"loop{extension}", folder / f"loop{extension}")
        os.symlink("/dev/zero", folder / f"device{extension}")
        os.symlink("nowhere", folder / f"dangling{extension}")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))

"""Short videos that tests make themselves, and what is in a video."""

import struct
from fractions import Fraction

import av
import numpy as np

from tfseg.videoreader import Picture, opened, read_items

HEIGHT, WIDTH = 48, 64
STAMPS = [0, 40, 100, 120, 200, 240, 300, 340, 380, 460]  # milliseconds


def painted(index):
    """Red, the person, in the upper left quarter; a grey that grows with the frame's number elsewhere."""
    pixels = np.full((HEIGHT, WIDTH, 3), 20 * index, np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (220, 20, 20)
    return pixels


def write(path, stamps=STAMPS, sound="aac", matrix=None):
    """A video of variable frame rate with a tone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if matrix:
            stream.codec_context.colorspace = stream.codec_context.color_trc = matrix
            stream.codec_context.color_primaries = matrix
        tone = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(painted(index), "rgb24").reformat(
                format="yuv420p", dst_colorspace=matrix
            )
            frame.pts, frame.time_base, frame.duration = stamp, Fraction(1, 1000), 40
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for index in range(24 if tone else 0):
            wave = np.sin(np.arange(1024) / 10).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * index, Fraction(1, 48000)
            container.mux(tone.encode(frame))
        if tone:
            container.mux(tone.encode(None))
    return path


def turned(path, clip):
    """The clip with the mark that a phone held upright leaves: to be shown turned by 90 degrees clockwise."""
    content = bytearray(clip.read_bytes())
    start = content.find(struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000), content.find(b"tkhd"))
    content[start : start + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, HEIGHT << 16, 0, 0x40000000)
    path.write_bytes(content)
    return path


def pictures(path):
    with opened(path) as (given, stream):
        return [item for item in read_items(given, stream) if isinstance(item, Picture)]


def colours(picture):
    """Upper left, upper right, lower left and lower right."""
    height, width = picture.shape[:2]
    return [picture[y, x].astype(int) for y in (height // 4, -height // 4) for x in (width // 4, -width // 4)]

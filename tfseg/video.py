"""Videos in, videos out: frame count, time stamps, rotation, colour coding and sound stay what they were.

    convert("me.mp4", "me.webm", recipe)    every frame through a `tfseg.results.Recipe`

FFmpeg, through PyAV, decodes and encodes. Decoding, segmenting, the effect and encoding run side by side, a few
frames apart, so that a video of any length takes the memory of these frames.
"""

import errno
import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image

from tfseg.ahead import ahead
from tfseg.allocator import keep_freed_memory
from tfseg.image import EXTENSIONS, FORMATS, MAX_PIXELS
from tfseg.replacing import replacing
from tfseg.smoothing import Smoothing
from tfseg.videowriter import VideoWriter

VIDEO_EXTENSIONS = (
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ts", ".mts", ".ogv"
)  # fmt: skip
VIDEO_WRITABLE = (".mp4", ".webm", ".mov", ".gif")
DEMUXERS = ("mov", "matroska", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv", "ogg", "gif")
MAX_RATE = 1000  # frames a second; what a header says beyond that is no camera's


class VideoError(ValueError):
    """A video that cannot be read or written; the message names the file and the reason."""


class Picture(NamedTuple):
    """A frame: uint8 `[H, W, 1, 3 or 4]`, upright; its time stamp and duration in units of the video's time base."""

    pixels: np.ndarray
    stamp: int
    duration: int
    seconds: float


def is_video(path):
    """Whether a file is a video or an animated GIF, by its name, or by its content where the name says too little."""
    extension = Path(path).suffix.lower()
    if extension in VIDEO_EXTENSIONS:
        return True
    if extension in EXTENSIONS and extension != ".gif" or not os.path.isfile(path):
        return False
    try:
        with Image.open(path, formats=FORMATS) as picture:
            return picture.format == "GIF" and picture.is_animated
    except Exception:  # a damaged GIF is reported when it is read
        return extension != ".gif" and _is_container(path)


def _is_container(path):
    """Whether FFmpeg knows what it is; what else may be wrong with it is reported when it is read."""
    try:
        with opened(path):
            return True
    except VideoError as error:
        unknown = (av.InvalidDataError, av.ArgumentError)  # the latter for what is none of `DEMUXERS`
        return not isinstance(error.__cause__, unknown)
    except OSError:
        return True


def convert(source, result, recipe, advance=lambda: None):
    """Makes a video of a video, under a temporary name first.

    Args:
        source: path of the video or animated GIF.
        result: path; its extension, one of `VIDEO_WRITABLE`, names the format. Sound is copied, or encoded anew where
            the format cannot hold it; a GIF has none.
        recipe: `tfseg.results.Recipe`.
        advance: called after every frame that is written.

    Raises:
        VideoError: the video cannot be read or the result not be encoded.
        OSError: the disk refuses.
    """
    keep_freed_memory()
    with (
        opened(source, recipe.max_pixels) as (given, stream),
        replacing(result) as temporary,
        VideoWriter(temporary, given, stream) as writer,
        closing(ahead(read_items(given, stream, recipe.every))) as frames,  # before what the threads use is closed
        closing(ahead(_segmented(frames, recipe))) as segmented,
        closing(ahead(_made(segmented, recipe))) as results,
    ):
        for item in results:
            writer.write(item)
            if isinstance(item, Picture):
                advance()
        if not writer.pictures:
            raise VideoError(f"{source}: holds no frame that can be read.")


def _segmented(items, recipe):
    """Each picture, fitted, with its alpha; sound goes through, with None."""
    smoothing = Smoothing(recipe.segmenter, recipe.smooth)
    for item in items:
        alpha = None
        if isinstance(item, Picture):
            item = item._replace(pixels=recipe.fit(item.pixels))
            alpha = smoothing.alpha(item.pixels)
        yield item, alpha


def _made(segmented, recipe):
    for item, alpha in segmented:
        if isinstance(item, Picture):
            item = item._replace(pixels=recipe.effect(item.pixels, recipe.finish(alpha, item.pixels), item.seconds))
        yield item


@contextmanager
def opened(path, max_pixels=MAX_PIXELS):
    """The opened container and its video stream; what FFmpeg reports inside becomes VideoError, or OSError for a full
    disk."""
    if not os.path.isfile(path):
        raise VideoError(f"{path}: {'not a file' if os.path.lexists(path) else 'No such file or directory'}.")
    # Of FFmpeg's formats some are lists of other files and of addresses in the network, and names may be such as well.
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS), "max_pixels": str(max_pixels)}
    try:
        with av.open(f"file:{os.fspath(path)}", options=options, metadata_errors="replace") as given:
            streams = [s for s in given.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            if not streams:
                raise VideoError(f"{path}: holds no video stream.")
            _check(streams[0], path, max_pixels)
            streams[0].thread_type = "AUTO"
            streams[0].codec_context.options = {"max_pixels": str(max_pixels)}  # frames may grow on the way
            yield given, streams[0]
    except av.FFmpegError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror) from error
        if isinstance(error, av.InvalidDataError):
            raise VideoError(f"{path}: not a video that can be read, or a damaged one.") from error
        raise VideoError(f"{path}: {error.strerror or error}") from error


def _check(stream, path, max_pixels):
    """Refuses, from the header, what takes more than its share of time and memory, or has no picture to show."""
    if stream.codec_context is None:
        raise VideoError(f"{path}: in a coding that cannot be read.")
    rate = stream.average_rate or stream.guessed_rate or 25
    if stream.width * stream.height > max_pixels:
        raise VideoError(
            f"{path}: frames of {stream.width}x{stream.height} pixels; the limit is {max_pixels:,} (--max-pixels)."
        )
    if stream.width < 1 or stream.height < 1 or stream.time_base is None:
        raise VideoError(f"{path}: its header tells no size of the frames; not a video that can be read.")
    if not 0 < rate <= MAX_RATE:
        raise VideoError(f"{path}: {rate} frames a second by its header; the limit is {MAX_RATE}.")


def read_items(given, stream, every=1):
    """Yields, in the file's order, a `Picture` for every `every`-th frame and the packets of the sound."""
    index, stamp, size = 0, None, None
    step = int(1 / (stream.average_rate or stream.guessed_rate or 25) / stream.time_base)
    for packet in given.demux(stream, *given.streams.audio):
        if packet.stream.type == "audio":
            yield packet
            continue
        for frame in packet.decode():
            if frame.pts is not None:
                stamp = frame.pts if stamp is None else max(frame.pts, stamp + 1)
            else:
                stamp = 0 if stamp is None else stamp + step
            if index % every == 0:
                duration = (frame.duration or step) * every
                size = size or (frame.width, frame.height)
                yield Picture(_upright(frame, *size), stamp, duration, float(stamp * stream.time_base))
            index += 1


def _upright(frame, width, height):
    """uint8 `[H, W, 3]` RGB, scaled to this size and turned as the file says; transparency is laid over white."""
    if any(component.is_alpha for component in frame.format.components):
        rgba = frame.reformat(width, height, "rgba").to_ndarray().astype(np.float32)
        pixels = np.rint(255 + (rgba[..., :3] - 255) * rgba[..., 3:] / 255).astype(np.uint8)
    else:
        pixels = frame.reformat(width, height, "rgb24", src_color_range=frame.color_range).to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def count_frames(path):
    """How many frames a video has by its header, and 0 where that says nothing or the file cannot be read."""
    try:
        with opened(path) as (given, stream):
            seconds = (given.duration or 0) / av.time_base
            return stream.frames or round(seconds * (stream.average_rate or 0))
    except (VideoError, OSError):
        return 0


class VideoBackground:
    """A video as background: what it shows at a time, begun again when it ends before the person's does.

    Raises:
        VideoError: it cannot be read.
    """

    def __init__(self, path, max_pixels=MAX_PIXELS):
        self.path, self.max_pixels = path, max_pixels
        self._rewind()

    def at(self, seconds):
        """The frame shown at a time, uint8 `[H, W, 3]` RGB; going back in time starts from the first frame again."""
        if seconds < self.asked:
            self._rewind()
        self.asked = seconds
        while self.coming[0] <= seconds:
            self.shown, self.coming = self.coming, next(self.frames)
        return self.shown[1]

    def _rewind(self):
        self.asked, self.frames = 0, self._endless()
        try:
            self.shown, self.coming = next(self.frames), next(self.frames)
        except StopIteration:
            raise VideoError(f"{self.path}: holds no frame that can be read.") from None

    def _endless(self):
        begin, end = 0, 0
        while True:
            with opened(self.path, self.max_pixels) as (given, stream):
                for item in read_items(given, stream):
                    if isinstance(item, Picture):
                        yield begin + item.seconds, item.pixels
                        end = begin + item.seconds + float(item.duration * stream.time_base)
            if end == begin:
                return
            begin = end

"""Reads videos: which files are videos, what is in them, and their frames upright, in RGB, with their time stamps.

    with opened("me.mp4") as (given, stream):
        for item in read_items(given, stream): ...    # a Picture, or a packet of the sound

FFmpeg, through PyAV, decodes.
"""

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image

from tfseg.image import EXTENSIONS, FORMATS, MAX_PIXELS

VIDEO_EXTENSIONS = (
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ts", ".mts", ".ogv"
)  # fmt: skip
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

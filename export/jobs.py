"""Whole commands, timed by stage: a cut-out of a large photo, videos with their background out of focus."""

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from tfseg.cli import choose_recipe, parse
from tfseg.encoding import encode, read_extras
from tfseg.image import read_image, write_image
from tfseg.sample import portraits
from tfseg.smoothing import Smoothing
from tfseg.video import convert
from tfseg.videoreader import Picture, opened, read_items
from tfseg.videowriter import VideoWriter

PHOTO = (4000, 3000)  # height and width of 12 megapixels, upright
VIDEOS = ((360, 640), (720, 1280))  # height and width
FRAMES, RATE = 75, 25
REPEATS = 3


class Stopwatch:
    """Seconds by stage, collected over repetitions."""

    def __init__(self):
        self.seconds = defaultdict(list)

    @contextmanager
    def __call__(self, stage):
        start = time.perf_counter()
        yield
        self.seconds[stage].append(time.perf_counter() - start)

    def medians(self):
        """Median milliseconds by stage."""
        return {stage: 1000 * float(np.median(values)) for stage, values in self.seconds.items()}


def time_jobs():
    """Times every job.

    Returns:
        a list of dicts: name, stages (median milliseconds), result (what it comes to, in words).
    """
    with tempfile.TemporaryDirectory() as folder:
        jobs = [time_photo(Path(folder))]
        return jobs + [time_video(Path(folder), height, width) for height, width in VIDEOS]


def time_photo(folder):
    """`tfseg cutout` of a 12-megapixel photo: an enlarged portrait, so that it holds less detail than a real one."""
    path = folder / "photo.jpg"
    write_image(path, cv2.resize(upright(portraits()["grace_hopper"][0]), PHOTO[::-1], interpolation=cv2.INTER_CUBIC))
    recipe, watch = choose_recipe(parse(["cutout", str(path)])), Stopwatch()
    for _ in range(REPEATS):
        with watch("decode"):
            image = read_image(path)
        with watch("segment"):
            alpha = recipe.segmenter.alpha(image, mirror=True)
        with watch("finish"):
            alpha = recipe.finish(alpha, image)
        with watch("effect"):
            pixels = recipe.effect(image, alpha, 0)
        with watch("encode"):
            encode(pixels, ".png", read_extras(path, recipe.exif))
    start = time.perf_counter()
    command = [sys.executable, "-m", "tfseg.cli", "cutout", path, "-o", folder / "cutout.png"]
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    stages = watch.medians()
    name = f"`tfseg cutout`, JPEG {PHOTO[1]}x{PHOTO[0]} to PNG"
    return {"name": name, "stages": stages, "seconds": seconds, "result": f"{seconds:.2f} s with the program's start"}


def time_video(folder, height, width):
    """`tfseg blur` of a clip: each stage by itself, then all side by side as the command runs them."""
    source, result, watch = folder / f"{width}x{height}.mp4", folder / f"{width}x{height}-blurred.mp4", Stopwatch()
    draw_clip(source, height, width)
    recipe = choose_recipe(parse(["blur", str(source)]))
    smoothing = Smoothing(recipe.segmenter, recipe.smooth)
    with opened(source) as (given, stream), VideoWriter(result, given, stream) as writer:
        items = read_items(given, stream)
        while True:
            with watch("decode"):
                item = next(items, None)
            if not isinstance(item, Picture):
                break
            with watch("segment"):
                alpha = smoothing.alpha(item.pixels)
            with watch("finish"):
                alpha = recipe.finish(alpha, item.pixels)
            with watch("effect"):
                pixels = recipe.effect(item.pixels, alpha, item.seconds)
            with watch("encode"):
                writer.write(item._replace(pixels=pixels))
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        convert(source, result, recipe)
        rates.append(FRAMES / (time.perf_counter() - start))
    rate = float(np.median(rates))
    name = f"`tfseg blur`, H.264 {width}x{height}, {FRAMES} frames"
    return {"name": name, "stages": watch.medians(), "rate": rate, "result": f"{rate:.1f} frames per second"}


def draw_clip(path, height, width):
    """Writes an H.264 clip of a portrait that a hand-held camera pans over: every pixel moves in every frame."""
    photo = portraits()["grace_hopper"][0]
    scale = 1.15 * max(width / photo.shape[1], height / photo.shape[0])
    large = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    room = np.array(large.shape[:2]) - (height, width)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(FRAMES):
            sway = 0.5 + 0.1 * np.sin([number / 7, number / 11])
            top, left = (room * sway * (0.4, 1)).astype(int)
            frame = np.ascontiguousarray(large[top : top + height, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))


def upright(photo):
    """The middle of a photo, three parts wide and four high: uint8 `[H, W, ...]` to uint8 `[h, w, ...]`."""
    height, width = photo.shape[:2]
    kept = min(width, height * 3 // 4)
    left = (width - kept) // 2
    return photo[: kept * 4 // 3, left : left + kept]

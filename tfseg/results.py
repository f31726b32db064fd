"""Many photos and videos: what is done stays done, what is bad is named, and nothing is kept in memory."""

import errno
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from tfseg.console import printable
from tfseg.encoding import encode, read_extras
from tfseg.image import MAX_PIXELS, ImageError, read_image
from tfseg.progress import Progress
from tfseg.replacing import replacing
from tfseg.segmenter import Segmenter
from tfseg.video import convert
from tfseg.videoreader import VideoError, count_frames

FULL = (errno.ENOSPC, errno.EDQUOT)
SETTLED = 1.0  # seconds without a change, after which a watched file is taken to be complete


class DiskFull(ImageError):
    """Nothing more can be written; the message names the file."""


class Recipe(NamedTuple):
    """How a result is made: the picture is fitted, segmented, its alpha finished, and both go into the effect.

    `fit(image)`, `finish(alpha, image)` and `effect(image, alpha, seconds)` as in `tfseg.effects`. `exif`: whether a
    photo's EXIF is kept. `every`: of a video, this many frames make one. `smooth`: whether its masks are smoothed.
    `max_pixels`: larger photos and frames are refused before they are decoded.
    """

    segmenter: Segmenter
    fit: Callable
    finish: Callable
    effect: Callable
    exif: bool = False
    every: int = 1
    smooth: bool = True
    max_pixels: int = MAX_PIXELS


class Outcome(NamedTuple):
    """How many results were made, were there already, and could not be made."""

    made: int
    kept: int
    failed: int


def develop(source, recipe, extension):
    """Makes the result of one photo.

    Args:
        source: path or bytes of the photo.
        recipe: `Recipe`.
        extension: of the format, with dot.

    Returns:
        bytes of the result's file.

    Raises:
        ImageError: the photo cannot be read or the result not be held by the format.
    """
    image = recipe.fit(read_image(source, recipe.max_pixels))
    pixels = recipe.effect(image, recipe.finish(recipe.segmenter.alpha(image, mirror=True), image), 0)
    return encode(pixels, extension, read_extras(source, recipe.exif))


def run(tasks, recipe, overwrite=False, jobs=1):
    """Makes every result that is not there yet; one bad input does not stop the others, a full disk does.

    Paths of results go to standard output, faults, each in a line, to standard error.

    Args:
        tasks: list of `tfseg.folder.Task`.
        recipe: `Recipe`.
        overwrite: whether results that are there are made anew.
        jobs: how many photos are worked on at a time, from 1; videos come after them, one at a time.

    Returns:
        `Outcome`; what a full disk kept from being tried has failed, too.
    """
    todo = [task for task in tasks if overwrite or not os.path.exists(task.result)]
    photos, videos = ([task for task in todo if task.video == video] for video in (False, True))
    made = 0
    with Progress(len(todo), "files") as progress:
        one_by_one = ((task, _attempt(task, recipe)) for task in videos)
        for task, fault in chain(_side_by_side(photos, recipe, jobs), one_by_one):
            if fault:
                progress.say(f"tfseg: {printable(fault)}", sys.stderr)
            else:
                made += 1
                progress.say(printable(task.result))
            if isinstance(fault, DiskFull):
                break
            progress.advance()
    return Outcome(made, len(tasks) - len(todo), len(todo) - made)


def watch(find, recipe, overwrite=False, jobs=1):
    """Runs for ever what `find`, a function without arguments, gives as list of `tfseg.folder.Task`.

    A file is taken when it has not changed for `SETTLED` seconds, and again only when it has changed. The clock of the
    files is only compared with itself: it may be another machine's, or be set.
    """
    tried, seen = {}, {}
    while True:
        now = time.monotonic()
        found = {task: _state(task.source) for task in find()}
        seen = {
            task.source: seen[task.source] if seen.get(task.source, (None,))[0] == state else (state, now)
            for task, state in found.items()
        }
        fresh = [
            task
            for task, state in found.items()
            if state and now - seen[task.source][1] >= SETTLED and tried.get(task.source) != state
        ]
        run(fresh, recipe, overwrite, jobs)
        tried.update((task.source, found[task]) for task in fresh)
        time.sleep(SETTLED / 2)


def _state(path):
    """What changes when a file is written to; None where it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def write(path, content):
    """Writes bytes to a file, whole or not at all. Raises ImageError, or DiskFull."""
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _side_by_side(tasks, recipe, jobs):
    """Yields each task with what went wrong, or None, in order; no more than twice `jobs` are begun and not told."""
    waiting = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for task in tasks:
                waiting.append((task, pool.submit(_attempt, task, recipe)))
                if len(waiting) == 2 * jobs:
                    task, attempt = waiting.popleft()
                    yield task, attempt.result()
            for task, attempt in waiting:
                yield task, attempt.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _attempt(task, recipe):
    """Makes one result. Returns None, or what went wrong."""
    try:
        if task.video:
            with Progress(count_frames(task.source) // recipe.every, "frames") as progress:
                convert(task.source, task.result, recipe, progress.advance)
        else:
            write(task.result, develop(task.source, recipe, task.result.suffix))
    except (ImageError, VideoError) as error:
        return error
    except OSError as error:
        return _unwritable(task.result, error)
    return None


def _unwritable(path, error):
    kind = DiskFull if error.errno in FULL else ImageError
    return kind(f"{path}: cannot be written: {error.strerror or error}")

"""Many photos and videos: what is done stays done, what is bad is named, and nothing is kept in memory."""

import errno
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from tfseg.encoding import encode, read_extras
from tfseg.image import ImageError, read_image, replacing
from tfseg.progress import Progress
from tfseg.segmenter import Segmenter
from tfseg.video import VideoError, convert, count_frames

FULL = (errno.ENOSPC, errno.EDQUOT)
SETTLED = 1.0  # seconds without a change, after which a watched file is taken to be complete


class DiskFull(ImageError):
    """Nothing more can be written; the message names the file."""


class Recipe(NamedTuple):
    """How a result is made: the picture is fitted, segmented, its alpha finished, and both go into the effect.

    `fit(image)`, `finish(alpha)` and `effect(image, alpha, seconds)` as in `tfseg.effects`. `exif`: whether a photo's
    EXIF is kept. `every`: of a video, this many frames make one. `smooth`: whether masks are smoothed over time.
    """

    segmenter: Segmenter
    fit: Callable
    finish: Callable
    effect: Callable
    exif: bool = False
    every: int = 1
    smooth: bool = True


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
    image = recipe.fit(read_image(source))
    pixels = recipe.effect(image, recipe.finish(recipe.segmenter.alpha(image, mirror=True)), 0)
    return encode(pixels, extension, read_extras(source, recipe.exif))


def run(tasks, recipe, overwrite=False):
    """Makes every result that is not there yet; one bad input does not stop the others, a full disk does.

    Paths of results go to standard output, faults, each in a line, to standard error.

    Args:
        tasks: list of `tfseg.folder.Task`.
        recipe: `Recipe`.
        overwrite: whether results that are there are made anew.

    Returns:
        `Outcome`; what a full disk kept from being tried has failed, too.
    """
    todo = [task for task in tasks if overwrite or not task.result.exists()]
    made = 0
    with Progress(len(todo), "files") as progress:
        for task in todo:
            fault = _attempt(task, recipe)
            if fault:
                progress.say(f"tfseg: {fault}", sys.stderr)
            else:
                made += 1
                progress.say(task.result)
            if isinstance(fault, DiskFull):
                break
            progress.advance()
    return Outcome(made, len(tasks) - len(todo), len(todo) - made)


def watch(find, recipe, overwrite=False):
    """Runs for ever what `find`, a function without arguments, gives as list of `tfseg.folder.Task`.

    A file is taken when it has not been written to for `SETTLED` seconds, and again only when it has changed.
    """
    tried = {}
    while True:
        written = {task: task.source.stat().st_mtime for task in find() if task.source.exists()}
        fresh = [t for t, at in written.items() if time.time() - at >= SETTLED and tried.get(t.source) != at]
        run(fresh, recipe, overwrite)
        tried.update((task.source, written[task]) for task in fresh)
        time.sleep(SETTLED)


def write(path, content):
    """Writes bytes to a file, whole or not at all. Raises ImageError, or DiskFull."""
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from error


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

"""From what was named on the command line to the files it means, and to the place of every result."""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tfseg.image import EXTENSIONS, WRITABLE, ImageError
from tfseg.videoreader import VIDEO_EXTENSIONS, is_video
from tfseg.videowriter import WRITABLE as VIDEO_WRITABLE

OPAQUE = (".jpg", ".jpeg", ".mp4")


class Task(NamedTuple):
    """A photo or a video, and the file to make from it."""

    source: Path
    result: Path
    video: bool


def plan(inputs, out, command, format=None, may_be_empty=False):
    """Decides what is read and where each result goes, and writes nothing.

    Args:
        inputs: paths of photos, videos and folders. Of a folder all photos and videos at any depth are taken, but
            for hidden ones.
        out: the result's path, for one photo or video; a folder, in which the tree of an input folder is mirrored;
            or None for beside the input, with the command added to its name.
        command: "cutout", "mask", "blur" or "replace".
        format: extension of the results, without dot, of the inputs that it suits; None for the command's usual one.
        may_be_empty: whether a folder without photos and videos is no fault.

    Returns:
        list of `Task`.

    Raises:
        ImageError: there is nothing to read, a format that cannot hold the result, or a result that would replace an
            input or another result, or lie inside an input folder.
    """
    inputs, out = [Path(path) for path in inputs], Path(out) if out else None
    found = [entry for path in inputs for entry in _find(path, out, command, len(inputs) > 1)]
    videos = [is_video(source) for source, _ in found]
    if not may_be_empty:
        _check_folders(inputs, found)
    if format and found and not any(f".{format}" in formats(command, video) for video in videos):
        raise ImageError(f"--format: {format} cannot hold this result; use {_spoken(formats(command, videos[0]))}.")
    if out and out.suffix.lower() in EXTENSIONS + VIDEO_EXTENSIONS and not os.path.isdir(out):
        if len(found) > 1 or os.path.isdir(inputs[0]):
            raise ImageError(f"{out}: one file for {_spoken(inputs)}; name a folder.")
        if out.suffix.lower() not in formats(command, videos[0]):
            raise ImageError(
                f"{out}: {out.suffix} cannot hold this result; write {_spoken(formats(command, videos[0]))}."
            )
        tasks = [Task(inputs[0], out, videos[0])]
    else:
        stems = Counter(_stem(place) for _, place in found)
        tasks = []
        for (source, place), video in zip(found, videos, strict=True):
            extension = _extension(source, command, video, format)
            shared = stems[_stem(place)] > 1
            result = place.with_name(place.name + extension) if shared else place.with_suffix(extension)
            tasks.append(Task(source, result, video))
    _check_nothing_is_lost(tasks)
    return tasks


def _find(path, out, command, one_of_several):
    """Yields each file that an input means, and the place of its result under the file's own name."""
    if not os.path.isdir(path):  # which takes a name that no file can have for no folder
        yield path, out / path.name if out else path.with_name(f"{path.stem}-{command}{path.suffix}")
        return
    name = path.resolve().name
    if out and Path(os.path.realpath(out)).is_relative_to(path.resolve()):
        raise ImageError(f"{out}: lies inside {path}, which is read; name a folder outside of it.")
    top = (out / name if one_of_several else out) if out else path.resolve().with_name(f"{name}-{command}")
    for folder, subfolders, files in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for file in sorted(files):
            if not file.startswith(".") and Path(file).suffix.lower() in EXTENSIONS + VIDEO_EXTENSIONS:
                yield Path(folder, file), top / Path(folder).relative_to(path) / file


def _check_folders(inputs, found):
    for path in inputs:
        if os.path.isdir(path) and not any(source.is_relative_to(path) for source, _ in found):
            raise ImageError(f"{path}: no photo and no video in this folder.")


def _stem(place):
    return str(place.with_suffix("")).casefold()


def formats(command, video):
    """Extensions that can hold the result."""
    return tuple(e for e in (VIDEO_WRITABLE if video else WRITABLE) if command != "cutout" or e not in OPAQUE)


def _extension(source, command, video, format):
    if format and f".{format}" in formats(command, video):
        return f".{format}"
    if not video:
        return ".png" if command in ("cutout", "mask") else ".jpg"
    return ".gif" if source.suffix.lower() == ".gif" else ".webm" if command == "cutout" else ".mp4"


def _check_nothing_is_lost(tasks):
    read = {(status.st_dev, status.st_ino) for task in tasks if (status := _status(task.source))}
    taken = {}
    for source, result, _ in tasks:
        status = _status(result)
        if status and (status.st_dev, status.st_ino) in read:
            raise ImageError(f"{result}: the result would replace an input; name another place.")
        if result in taken:
            raise ImageError(f"{taken[result]} and {source}: both would be written to {result}; name them apart.")
        taken[result] = source


def _status(path):
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _spoken(words):
    return " or ".join(map(str, words)) if len(words) < 8 else f"{len(words)} inputs"

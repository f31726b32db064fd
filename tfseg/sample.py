"""Labelled photos without a download: two public-domain portraits, pasted over person-free photographs.

    portraits()               -> {"astronaut": (image, mask), "grace_hopper": (image, mask)}
    write_sample_set(folder)  -> SampleSet: folders of pictures and masks to train and to validate on
    python -m tfseg.sample DIR   writes the two portraits as they are

The photographs come from the installed scikit-image and matplotlib; only the two masks ship with this package.
Training shows Eileen Collins, validation Grace Hopper, before different backgrounds.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfseg.image import read_image, read_mask, write_image
from tfseg.replacing import replacing
from tfseg.scene import crop, expose, make_cutout, paste, take_background

VERSION = 1  # raise it when other pictures come out of the same seed, so that old folders are written anew

PHOTOS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}
PEOPLE = {"train": "astronaut", "val": "grace_hopper"}
# Only pictures whose source states CC0 or public domain, and without faces (the coins bear some).
BACKGROUNDS = {
    "train": ("brick.png", "chelsea.png", "coffee.png", "grass.png", "hubble_deep_field.jpg", "text.png"),
    "val": ("rocket.jpg", "gravel.png", "retina.jpg", "clock_motion.png"),
}
SIZES = ((240, 320), (320, 240), (270, 360), (360, 270), (300, 400), (400, 300), (320, 320), (400, 400))


HEADS = {"astronaut": (228, 100, 172), "grace_hopper": (260, 170, 305)}  # centre x and y, height, in photo pixels

# The helmet hides part of the astronaut. It is no part of her, but without it she would have a hole in her side.
HELMET = (
    (364, 349), (375, 346), (395, 343), (415, 344), (435, 350), (455, 361), (472, 376), (486, 396), (493, 417),
    (496, 445), (503, 457), (507, 475), (507, 511), (281, 511), (272, 470), (285, 415), (305, 380), (340, 352),
)  # fmt: skip


class SampleSet(NamedTuple):
    """Folders that each hold `images/` and, unless every picture is without a person, `masks/`."""

    train: list
    val: list


def portraits():
    """The two portraits and their hand-made masks.

    Returns:
        `{"astronaut": (image, mask), "grace_hopper": (image, mask)}`: uint8 `[H, W, 3]` RGB of 512x512 and 600x512
        pixels, and uint8 `[H, W]` in {0, 1}, 1 on the person with all she wears.

    Raises:
        ImportError: scikit-image or matplotlib is not installed.
        ImageError: the installed package lacks the photo.
    """
    masks = Path(__file__).parent / "samples"
    return {key: (read_image(_shipped(*place)), read_mask(masks / f"{key}_mask.png")) for key, place in PHOTOS.items()}


def person_free():
    """A photograph without any person, which ships inside scikit-image: uint8 `[H, W, 3]`. Raises as `portraits`."""
    return read_image(_shipped("skimage", "data/rocket.jpg"))


def write_sample_set(folder, count_train=96, count_val=24, seed=0):
    """Writes pictures with a person, their masks, and some pictures without a person (an eighth as many).

    The same arguments give the same files. A folder that holds this very set already is left as it is; another
    sample set in it is replaced, and files of other names are not touched.

    Args:
        folder: gets `train/images/*.jpg`, `train/masks/*.png`, `train_empty/images/*.jpg`, the same for `val`, and
            `sample.json`, which is written last. Pictures are 240 to 400 pixels high and wide; masks hold 0 and 255.
        count_train, count_val: pictures with a person, at least 1.
        seed: integer from 0.

    Returns:
        `SampleSet(train, val)`, each `[folder with masks, folder without people]`.

    Raises:
        ValueError: a count below 1, or a negative seed.
        ImportError, ImageError: as `portraits`; ImageError also when the folder cannot be written.
    """
    if min(count_train, count_val) < 1 or seed < 0:
        raise ValueError(f"counts start at 1 and seeds at 0, not {count_train} and {count_val}, {seed}.")
    folder = Path(folder)
    result = SampleSet(*([folder / split, folder / f"{split}_empty"] for split in PEOPLE))
    record = {"version": VERSION, "seed": seed, "train": count_train, "val": count_val}
    if not _complete(folder, result, record):
        (folder / "sample.json").unlink(missing_ok=True)
        for stale in _pictures(result):
            stale.unlink()
        for split, folders in zip(PEOPLE, result, strict=True):
            _write_split(split, *folders, record[split], seed)
        with replacing(folder / "sample.json") as temporary:
            temporary.write_text(json.dumps(record) + "\n")
    return result


def _complete(folder, result, record):
    try:
        found = json.loads((folder / "sample.json").read_text())
    except (OSError, ValueError):
        return False
    expected = sum(2 * count + _empty(count) for count in (record["train"], record["val"]))
    return found == record and len(_pictures(result)) == expected


def _pictures(result):
    return [path for folder in result.train + result.val for path in folder.glob("*/sample_*.*")]


def _empty(count):
    return -(-count // 8)


def _write_split(split, folder, empty_folder, count, seed):
    person = PEOPLE[split]
    cutout = _cutout(person)
    photos = [read_image(_shipped("skimage", f"data/{name}")) for name in BACKGROUNDS[split]]
    for number in range(count + _empty(count)):
        # One generator for each picture: a larger set begins with the pictures of the smaller one.
        alone = number >= count
        rng = np.random.default_rng([seed, *split.encode(), alone, number - count if alone else number])
        size = SIZES[rng.integers(len(SIZES))]
        background = take_background(rng, photos[rng.integers(len(photos))], *size)
        if alone:
            write_image(empty_folder / "images" / f"sample_{number - count:04d}.jpg", expose(rng, background))
            continue
        image, mask = crop(rng, cutout, *size) if number % 10 == 0 else paste(rng, cutout, background)
        write_image(folder / "images" / f"sample_{person}_{number:04d}.jpg", image)
        write_image(folder / "masks" / f"sample_{person}_{number:04d}.png", mask * 255)


def _cutout(name):
    photo, mask = portraits()[name]
    foreground = mask.copy()
    if name == "astronaut":
        cv2.fillPoly(foreground, [np.array(HELMET, np.int32)], 1)
    return make_cutout(photo, mask, foreground, HEADS[name])


def _shipped(package, path):
    # The package's place is looked up without importing it: that would take seconds, for one file of its data.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        project = {"skimage": "scikit-image"}.get(package, package)
        raise ImportError(f"the sample set needs photos from {project}: pip install 'tfseg[train]' brings it.")
    return Path(spec.submodule_search_locations[0]) / path


if __name__ == "__main__":
    for name, (image, _) in portraits().items():
        write_image(Path(sys.argv[1]) / f"{name}.png", image)

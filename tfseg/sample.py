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

from tfseg.image import read_image, read_mask, replacing, write_image

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


class Cutout(NamedTuple):
    """A person ready to be pasted: all pixel arrays have the height and width of the photo."""

    photo: np.ndarray  # uint8 [H, W, 3], as it is
    image: np.ndarray  # uint8 [H, W, 3], the person's colours continued past her outline
    mask: np.ndarray  # uint8 [H, W] in {0, 1}: person
    foreground: np.ndarray  # uint8 [H, W] in {0, 1}: person and what hides her
    head: tuple  # centre x, centre y, height


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
    return read_image(_shipped("skimage", "data/coffee.png"))


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
    cutout = _cutout(person, *portraits()[person])
    photos = [read_image(_shipped("skimage", f"data/{name}")) for name in BACKGROUNDS[split]]
    for number in range(count + _empty(count)):
        # One generator for each picture: a larger set begins with the pictures of the smaller one.
        alone = number >= count
        rng = np.random.default_rng([seed, *split.encode(), alone, number - count if alone else number])
        size = SIZES[rng.integers(len(SIZES))]
        background = _background(rng, photos[rng.integers(len(photos))], *size)
        if alone:
            write_image(empty_folder / "images" / f"sample_{number - count:04d}.jpg", _camera(rng, background))
            continue
        image, mask = _crop(rng, cutout, *size) if number % 10 == 0 else _paste(rng, cutout, background)
        write_image(folder / "images" / f"sample_{person}_{number:04d}.jpg", image)
        write_image(folder / "masks" / f"sample_{person}_{number:04d}.png", mask * 255)


def _shipped(package, path):
    # The package's place is looked up without importing it: that would take seconds, for one file of its data.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        project = {"skimage": "scikit-image"}.get(package, package)
        raise ImportError(f"the sample set needs photos from {project}: pip install 'tfseg[train]' brings it.")
    return Path(spec.submodule_search_locations[0]) / path


def _cutout(name, photo, mask):
    foreground = mask.copy()
    if name == "astronaut":
        cv2.fillPoly(foreground, [np.array(HELMET, np.int32)], 1)
    # Outline pixels mix person and old background; repainted from inside, they leave no halo over a new one.
    certain = cv2.erode(foreground, np.ones((3, 3), np.uint8))
    around = cv2.dilate(foreground, np.ones((21, 21), np.uint8))
    image = cv2.inpaint(photo, around - certain, 3, cv2.INPAINT_TELEA)
    return Cutout(photo, image, mask, foreground, HEADS[name])


def _paste(rng, cutout, background):
    """The person before `background` (float `[H, W, 3]`): uint8 image `[H, W, 3]` and mask `[H, W]` in {0, 1}."""
    height, width = background.shape[:2]
    matrix = _placement(rng, cutout, height, width)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))

    def moved(layer, blur):
        # Blurred before it shrinks, so that nothing aliases; an outline so blurred is the feathered alpha.
        layer = cv2.GaussianBlur(layer.astype(np.float32), (0, 0), blur / scale) if blur / scale > 0.3 else layer
        return cv2.warpAffine(np.float32(layer), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    alpha = moved(cutout.foreground, 0.7)[..., None]
    image = _relight(rng, moved(cutout.image, 0.35)) * alpha + background * (1 - alpha)
    return _camera(rng, image), (moved(cutout.mask, 0.7) > 0.5).astype(np.uint8)


def _placement(rng, cutout, height, width):
    """Affine matrix `[2, 3]` from photo to frame that brings no edge of the photo that cuts the person into view."""
    head_x, head_y, head_height = cutout.head
    scale = np.exp(rng.uniform(np.log(0.22), np.log(1.0))) * min(height, width) / head_height
    angle = np.deg2rad(np.clip(rng.normal(0, 5), -12, 12))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flipped = rng.random() < 0.5
    if flipped:
        turn[:, 0] *= -1
    shift = np.array([rng.uniform(0.25, 0.75) * width, rng.uniform(0.3, 0.6) * height]) - turn @ (head_x, head_y)

    bottom, side = (turn @ edge + shift[:, None] for edge in _cut_edges(cutout.foreground))
    down = max(0, height - bottom[1].min())
    side = side[0, side[1] + down < height]
    out = 0
    if side.size:
        out = min(0, -1 - side.max()) if flipped else max(0, width - side.min())
    return np.column_stack([turn, shift + (out, down)])


def _cut_edges(foreground):
    """Where the foreground runs out of the photo, as points `[2, N]` (x, y): at its bottom, at its right-hand side."""
    height, width = foreground.shape
    columns, rows = np.flatnonzero(foreground[-1]), np.flatnonzero(foreground[:, -1])
    return np.stack([columns, 0 * columns + height - 1]), np.stack([0 * rows + width - 1, rows])


def _crop(rng, cutout, height, width):
    """A window of the portrait as it was taken, with the head in it; uint8 image and mask of `height` x `width`."""
    photo_height, photo_width = cutout.mask.shape
    scale = min(photo_height / height, photo_width / width) * rng.uniform(0.7, 1)
    crop_height, crop_width = int(height * scale), int(width * scale)
    top = int(np.clip(cutout.head[1] - rng.uniform(0.35, 0.55) * crop_height, 0, photo_height - crop_height))
    left = int(np.clip(cutout.head[0] - rng.uniform(0.4, 0.6) * crop_width, 0, photo_width - crop_width))
    window = slice(top, top + crop_height), slice(left, left + crop_width)
    image = cv2.resize(cutout.photo[window], (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(cutout.mask[window].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return image, (mask > 0.5).astype(np.uint8)


def _background(rng, photo, height, width):
    """A window of the photo as float `[height, width, 3]`: often tinted, where grey, and often out of focus."""
    scale = min(photo.shape[0] / height, photo.shape[1] / width) * rng.uniform(0.5, 1)
    crop_height, crop_width = int(height * scale), int(width * scale)
    top = rng.integers(photo.shape[0] - crop_height + 1)
    left = rng.integers(photo.shape[1] - crop_width + 1)
    image = photo[top : top + crop_height, left : left + crop_width].astype(np.float32)
    if (image == image[..., :1]).all():
        image = image * rng.uniform(0.75, 1.15, 3)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    image = cv2.resize(np.float32(image), (width, height), interpolation=interpolation)
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 4))
    return _relight(rng, image)


def _relight(rng, image):
    """Other brightness, contrast and colour temperature; float `[H, W, 3]`, 0..255."""
    warmth = np.exp(np.clip(rng.normal(0, 0.06), -0.12, 0.12))
    gain = np.exp(rng.uniform(-0.3, 0.12)) * np.array([warmth, 1, 1 / warmth])
    gamma = np.exp(np.clip(rng.normal(0, 0.15), -0.3, 0.3))
    return 255 * np.clip(np.clip(image / 255, 0, 1) ** gamma * gain, 0, 1)


def _camera(rng, image):
    """What one light and one sensor do to the whole scene, so that its parts belong together; uint8 `[H, W, 3]`."""
    noise = rng.normal(0, rng.uniform(0.5, 4), image.shape)
    return np.round(np.clip(_relight(rng, image) + noise, 0, 255)).astype(np.uint8)


if __name__ == "__main__":
    for name, (image, _) in portraits().items():
        write_image(Path(sys.argv[1]) / f"{name}.png", image)

"""Labelled photos on disk: pairs of photo and mask, what is wrong with a folder of them, and leak-free splits.

pairs = find_pairs("photos")
train, val = split_pairs(pairs, validation_share=0.2, seed=0)
"""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfseg.duplicates import duplicate_groups
from tfseg.image import EXTENSIONS, ImageError, image_size, read_image, read_mask
from tfseg.letterbox import within

MAX_PIXELS = 100_000_000  # a photo to train on is made smaller at once


class DataError(ValueError):
    """A folder or a pair that cannot be trained on; the message names every file concerned."""


class Pair(NamedTuple):
    """A photo and its mask; no mask means that no person is in the photo."""

    image: Path
    mask: Path | None


class Fault(NamedTuple):
    """Why a file of a folder of labelled photos cannot be used: a kind, for counting, and a sentence."""

    file: Path
    kind: str
    text: str


def find_pairs(folder):
    """Lists and checks the labelled photos of a folder.

    Three layouts are understood: `images/` with `masks/` (same stem); `images/` alone (photos without any person);
    and `NAME/` beside `NAME_mask/` (same stem), where `folder` is `NAME` or the folder around both.

    Args:
        folder: a path.

    Returns:
        A list of `Pair`, sorted by file name, never empty.

    Raises:
        DataError: no such folder, no photos, or a pair with a partner missing, unreadable, of another size or with
            a mask that is not two-valued.
    """
    pairs, faults = check_pairs(folder)
    for fault in faults:
        more = f" {len(faults) - 1} more: python -m training.check_data {folder}" if len(faults) > 1 else ""
        raise DataError(f"{fault.text}{more}")
    return pairs


def refuse_filled(out):
    """Raises ValueError where --out, a path, is a folder with files: photos of two draws in one are not told apart."""
    if out.is_dir() and any(out.iterdir()):
        raise ValueError(f"--out: {out} is not empty; name a new folder.")


def check_pairs(folder):
    """Lists the labelled photos of a folder, in the layouts of `find_pairs`, and what is wrong with the others.

    Args:
        folder: a path.

    Returns:
        `(pairs, faults)`: list of `Pair`, sorted by file name, and list of `Fault`.

    Raises:
        DataError: no such folder, or no photos.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    images, masks = _layout(folder)
    photos, faults = _by_stem(images)
    if not photos:
        raise DataError(f"{images}: no photos in it (looked for {', '.join(EXTENSIONS)}).")
    labels, twice = _by_stem(masks) if masks else ({}, [])
    faults += twice
    unclear = {fault.file.stem for fault in faults}
    for stem in sorted(labels.keys() - photos.keys()):
        expected = f"expected {images / stem}.jpg (or another photo format)"
        faults.append(Fault(labels[stem], "photo missing", f"{labels[stem]}: its photo is missing; {expected}."))
    for stem in sorted(photos.keys() - labels.keys()) if masks else ():
        expected = f"expected {masks / stem}.png"
        faults.append(Fault(photos[stem], "mask missing", f"{photos[stem]}: its mask is missing; {expected}."))
    stems = sorted(photos.keys() & labels.keys() if masks else photos.keys())
    pairs = [Pair(photos[stem], labels.get(stem)) for stem in stems if stem not in unclear]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_check, pairs))
    faults += [fault for fault in found if fault]
    return [pair for pair, fault in zip(pairs, found, strict=True) if not fault], faults


def read_pair(pair, longest_side=math.inf):
    """Decodes a pair and makes it no larger than `longest_side` pixels, in its own proportions.

    Returns:
        `(image, mask)`: uint8 `[H, W, 3]` RGB and uint8 `[H, W]` in {0, 1}; each pixel of a smaller mask
        is what most of it shows.

    Raises:
        ImageError: either file cannot be decoded.
    """
    image = read_image(pair.image, MAX_PIXELS)
    mask = read_mask(pair.mask, MAX_PIXELS) if pair.mask else np.zeros(image.shape[:2], np.uint8)
    if max(mask.shape) > longest_side:
        size = within(longest_side, *mask.shape)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        mask = (cv2.resize(255 * mask, size, interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)
    return image, mask


def split_pairs(pairs, validation_share=0.2, seed=0):
    """Splits pairs so that near-duplicate photos, mirrored ones included, always fall on the same side.

    Args:
        pairs: list of `Pair`.
        validation_share: 0..1, exclusive; the share of photos that validation gets, as near as whole groups allow.
        seed: the same pairs and seed give the same split.

    Returns:
        `(train, val)`, two lists of `Pair`, neither empty.

    Raises:
        DataError: the photos are too few, or too alike, to split.
    """
    pairs = sorted(pairs)
    with ThreadPoolExecutor() as pool:
        groups = duplicate_groups(list(pool.map(_reduced, pairs)))
    if len(groups) < 2:
        raise DataError(
            f"{pairs[0].image.parent}: {len(pairs)} photo(s), {len(groups)} of them distinct; a split into "
            "training and validation needs at least 2 distinct photos. Add photos or name a validation folder "
            "with --val-data."
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    wanted = max(1, round(len(pairs) * validation_share))
    val = []
    for group in order[:-1]:
        if abs(len(val) + len(groups[group]) - wanted) < abs(len(val) - wanted):
            val += [pairs[index] for index in groups[group]]
    if not val:  # every group is more than twice what was wanted
        val = [pairs[index] for index in min(groups, key=len)]
    return sorted(set(pairs) - set(val)), sorted(val)


def _layout(folder):
    """The folders of photos and of masks (None where every photo is person-free)."""
    if (folder / "images").is_dir():
        return folder / "images", folder / "masks" if (folder / "masks").is_dir() else None
    sibling = folder.with_name(folder.name + "_mask")
    if sibling.is_dir():
        return folder, sibling
    inside = [
        masks for masks in sorted(folder.glob("*_mask")) if masks.with_name(masks.name.removesuffix("_mask")).is_dir()
    ]
    if len(inside) == 1:
        return inside[0].with_name(inside[0].name.removesuffix("_mask")), inside[0]
    sets = [str(child.parent) for child in sorted(folder.glob("*/images"))]
    hint = f" Name one of its sets instead: {', '.join(sets)}." if sets else ""
    raise DataError(f"{folder}: found neither images/ (with or without masks/) nor NAME/ beside NAME_mask/.{hint}")


def _by_stem(folder):
    """Stem -> path of the pictures in a folder, and a `Fault` for each further one of a stem: either could be meant."""
    found, faults = {}, []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith("."):
            if path.stem in found:
                text = f"{found[path.stem]} and {path}: two files of the same stem; keep one."
                faults.append(Fault(path, "two of one name", text))
            else:
                found[path.stem] = path
    return found, faults


def _reduced(pair):
    """A photo as small as telling duplicates allows: all of them at full size would not fit into memory."""
    return cv2.resize(read_image(pair.image, MAX_PIXELS), (64, 64), interpolation=cv2.INTER_AREA)


def _check(pair):
    """What is wrong with a pair by the photo's header and by its mask: a `Fault`, or None."""
    try:
        size = image_size(pair.image, MAX_PIXELS)
        if pair.mask is None:
            return None
        mask = read_mask(pair.mask, MAX_PIXELS)
    except ImageError as error:
        both = f" (pair: {pair.image} and {pair.mask})" if pair.mask else ""
        return Fault(pair.image, "unreadable", f"{error}{both}")
    if mask.shape == size:
        return None
    return Fault(
        pair.image,
        "sizes differ",
        f"{pair.mask}: {mask.shape[1]}x{mask.shape[0]} pixels, but its photo {pair.image} is {size[1]}x{size[0]}; "
        "a mask must have its photo's size.",
    )

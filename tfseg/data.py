"""Labelled photos on disk to batches for the network: pairs, leak-free splits, tf.data pipelines.

    pairs = find_pairs("photos")
    train, val = split_pairs(pairs, validation_share=0.2, seed=0)
    dataset = make_dataset(train, 320, 256, batch_size=16, augment=CopyPaste(Augment(320, 256)))

A batch is `(image, mask, weight)`: image float32 `[B, H, W, 3]` in 0..255, mask float32 `[B, H, W, 1]` in {0, 1},
weight float32 `[B, H, W, 1]`, 1 everywhere but on the person's border. H x W is the frame that was asked for, or, in
batches of photos that are wider than high, that frame laid on its side, as `Segmenter` takes them.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfseg.duplicates import duplicate_groups
from tfseg.image import EXTENSIONS, ImageError, image_size, letterbox, read_image, read_mask

MAX_PIXELS = 100_000_000  # a photo to train on is made smaller at once
OTHER_FRAME_SHARE = 0.2  # of the training examples lie in an upright frame though the photo is wide, or the reverse
BORDER_SHARE = 1 / 40  # width of the weighted border, as a share of the frame's shorter side


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


def read_pair(pair):
    """Decodes a pair: `(image, mask)`, uint8 `[H, W, 3]` RGB and uint8 `[H, W]` in {0, 1}. Raises ImageError."""
    image = read_image(pair.image, MAX_PIXELS)
    return image, read_mask(pair.mask, MAX_PIXELS) if pair.mask else np.zeros(image.shape[:2], np.uint8)


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


def steps_per_epoch(pairs, batch_size):
    """Whole batches in one pass over the pairs, at least one."""
    return max(1, len(pairs) // batch_size)


def make_dataset(
    pairs,
    height,
    width,
    batch_size,
    augment=None,
    seed=0,
    first_epoch=0,
    border_weight=1.0,
    cache_bytes=4 << 30,
    place=(0, 1),
):
    """A tf.data pipeline over pairs.

    With `augment` it is for training: it never ends, every `steps_per_epoch` batches are one pass in a new order, and
    what epoch N shows depends on `seed` and N alone, so that a resumed training sees what an unbroken one would.
    Without, it is for validation: one pass, upright photos first, letterboxed, the last batch short. A batch that holds
    both upright and wide photos, of which there is one in a pass, has the frame that suits most of them.

    Args:
        pairs: list of `Pair`.
        height, width: of the network's input, pixels; for wide photos the two are exchanged.
        batch_size: photos in a batch; fewer when there are fewer pairs.
        augment: a `CopyPaste`, or None.
        seed: of the order and of the augmentation.
        first_epoch: the pass to begin with, from 0.
        border_weight: what a border pixel weighs more than another, from 0.
        cache_bytes: decoded photos are kept in memory up to this many bytes.
        place: `(process, processes)` of a training on several hosts; this process gets its even share of each batch.

    Returns:
        `tf.data.Dataset` of `(image, mask, weight)` as described at the head of this module.
    """
    import tensorflow as tf

    load = _Loader(pairs, 2 * max(height, width), cache_bytes)
    batch_size = min(batch_size, len(pairs))
    wide = _wide(pairs) if height != width else np.zeros(len(pairs), bool)

    def element(index, landscape, epoch):
        if augment is None:
            image, mask = load(index)
            frame = (width, height) if landscape else (height, width)
            image, mask = letterbox(image, *frame)[0], letterbox(mask, *frame, value=0)[0]
        else:
            image, mask = augment(load, len(pairs), index, (seed, int(epoch), int(index)), landscape)
        return image, mask[..., None], 1 + np.float32(border_weight) * border(mask)[..., None]

    def shaped(index, landscape, epoch):
        image, mask, weight = tf.numpy_function(element, [index, landscape, epoch], [tf.uint8, tf.uint8, tf.float32])
        sides = [height, width] if height == width else [None, None]
        image.set_shape([*sides, 3])
        mask.set_shape([*sides, 1])
        weight.set_shape([*sides, 1])
        return image, mask, weight

    def order(epoch):
        indices, landscape = _ordered(wide, batch_size, None if augment is None else (seed, int(epoch), len(pairs)))
        return indices, landscape, np.full(len(indices), epoch)

    def examples(epoch):
        drawn = tf.numpy_function(order, [epoch], [tf.int64, tf.bool, tf.int64])
        return tf.data.Dataset.from_tensor_slices(tuple(drawn))

    epochs = tf.data.Dataset.range(first_epoch, 1 if augment is None else np.iinfo(np.int32).max)
    process, processes = place
    return (
        epochs.flat_map(examples)
        .shard(processes, process)
        .map(shaped, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size // processes)
        .map(lambda image, mask, weight: (tf.cast(image, tf.float32), tf.cast(mask, tf.float32), weight))
        .prefetch(2)
    )


def _wide(pairs):
    """Which photos are wider than high: bool `[N]`."""
    with ThreadPoolExecutor() as pool:
        sizes = pool.map(lambda pair: image_size(pair.image, MAX_PIXELS), pairs)
        return np.array([width > height for height, width in sizes])


def _ordered(wide, batch_size, seed=None):
    """One pass over photos in batches of one orientation.

    Args:
        wide: bool `[N]`, which photos are wider than high.
        batch_size: the rest that fills no batch is left out, if there is a seed.
        seed: tuple of ints, of the order; None: upright photos first, in their order, and all of them.

    Returns:
        `(indices, landscape)`: int64 and bool `[n]`, which photos and whether their batch has the lying frame.
    """
    indices, lying = np.arange(len(wide)), wide
    if seed is not None:
        generator = np.random.default_rng(seed)
        indices = generator.permutation(indices)[: len(wide) // batch_size * batch_size]
        lying = wide ^ (generator.random(len(wide)) < OTHER_FRAME_SHARE)
    indices = indices[np.argsort(lying[indices], kind="stable")]
    batches = np.split(indices, range(batch_size, len(indices), batch_size))
    if seed is not None:
        batches = [batches[index] for index in generator.permutation(len(batches))]
    landscape = [np.full(len(batch), lying[batch].mean() > 0.5) for batch in batches]
    return np.concatenate(batches), np.concatenate(landscape)


def photo_fault(error):
    """What `ImageError` made a pipeline fail: TensorFlow wraps it into an error of its own, with all it went through.

    Args:
        error: raised while a dataset of `make_dataset` was read.

    Returns:
        `ImageError`, or None where the failure is another one.
    """
    message = re.search(r"ImageError: (.+)", str(error))
    return message and ImageError(message[1])


def border(mask):
    """The pixels near the person's outline, where segmenters err.

    Args:
        mask: uint8 `[H, W]` in {0, 1}.

    Returns:
        float32 `[H, W]` in {0, 1}: a band inside and outside the outline, `BORDER_SHARE` of the shorter side wide.
    """
    size = max(3, round(min(mask.shape) * BORDER_SHARE) | 1)  # odd, so that the band lies evenly on the outline
    return cv2.morphologyEx(
        mask, cv2.MORPH_GRADIENT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    ).astype(np.float32)


class _Loader:
    """Decodes pairs no larger than training can use, and keeps them until the memory budget is spent."""

    def __init__(self, pairs, longest_side, cache_bytes):
        self.pairs, self.longest_side, self.budget = pairs, longest_side, cache_bytes
        self.kept = {}

    def __call__(self, index):
        index = int(index)
        if index in self.kept:
            return self.kept[index]
        image, mask = read_pair(self.pairs[index])
        scale = self.longest_side / max(mask.shape)
        if scale < 1:
            size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
        if self.budget >= image.nbytes + mask.nbytes:
            self.budget -= image.nbytes + mask.nbytes
            self.kept[index] = image, mask
        return image, mask


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

"""Pairs of photo and mask to batches for the network: tf.data pipelines.

    dataset = make_dataset(pairs, 320, 256, batch_size=16, augment=CopyPaste(Augment(320, 256)))

A batch is `(image, mask, weight)`: image float32 `[B, H, W, 3]` in 0..255, mask float32 `[B, H, W, 1]` in {0, 1},
weight float32 `[B, H, W, 1]`, 1 everywhere but on the person's border. H x W is the frame that was asked for, or, in
batches of photos that are wider than high, that frame laid on its side, as `Segmenter` takes them.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from tfseg.image import ImageError, image_size
from tfseg.letterbox import letterbox
from tfseg.pairs import MAX_PIXELS, read_pair

OTHER_FRAME_SHARE = 0.2  # of the training examples lie in an upright frame though the photo is wide, or the reverse
BORDER_SHARE = 1 / 40  # width of the weighted border, as a share of the frame's shorter side


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
        image, mask = read_pair(self.pairs[index], self.longest_side)
        if self.budget >= image.nbytes + mask.nbytes:
            self.budget -= image.nbytes + mask.nbytes
            self.kept[index] = image, mask
        return image, mask

"""The calibration set: photos that show the converter how far the values of every tensor reach."""

import numpy as np

from tfseg.image import read_image, read_mask
from tfseg.letterbox import letterbox
from tfseg.pairs import find_pairs

CALIBRATION_PHOTOS = 200  # enough for stable ranges; more only take longer


def pick(folders, count):
    """About `count` pairs, as many from each folder as it has and evenly spread over it.

    Raises:
        DataError: a folder cannot be read.
        ValueError: none of the photos holds a person.
    """
    share = -(-count // len(folders))
    pairs = [pair for folder in folders for pair in spread(find_pairs(folder), share)]
    if not any(pair.mask and read_mask(pair.mask).any() for pair in pairs):
        raise ValueError(f"{', '.join(folders)}: no photo with a person; name at least one folder with masks.")
    return pairs


def spread(items, count):
    """At most `count` of the items, evenly spread over the list."""
    if len(items) <= count:
        return items
    return [items[index] for index in np.linspace(0, len(items) - 1, count).astype(int)]


def calibration_set(photos, height, width, shown=lambda: None):
    """The converter's representative dataset.

    Args:
        photos: paths.
        height, width: of the network's input, pixels.
        shown: called for every photo.

    Yields:
        `[frame]`: the letterboxed photo, float32 `[1, height, width, 3]`, 0..255.
    """
    for number, photo in enumerate(photos):
        frame = letterbox(read_image(photo), height, width)[0].astype(np.float32)
        if number == 0:
            frame[0, 0], frame[0, 1] = 0, 255  # the input's range is the bytes', whatever these photos hold
        yield [frame[None]]
        shown()

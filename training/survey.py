"""A folder of labelled photos looked through before anything is trained on it: what it holds, and what is wrong.

found = survey("photos")
found.pairs     what can be trained on
found.faults    what cannot, each with its reason
"""

import functools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from tfseg.image import ImageError
from tfseg.pairs import Fault, Pair, check_pairs, read_pair
from tfseg.segmenter import Segmenter

FRAME = 0.5  # of the frame's upper, left and right edge: a mask that covers more is asked about
SEEN = 0.1  # mean probability outside the mask from which the model has seen a person there
ALIKE = 0.02  # mean difference, of 1, up to which a photo is its mask


class Survey(NamedTuple):
    """What is in a folder: its name; list of `Pair` to train on, and for each its height, width and share of person;
    list of `Fault`."""

    folder: str
    pairs: list[Pair]
    sizes: list[tuple[int, int]]
    shares: list[float]
    faults: list[Fault]


def survey(folder):
    """Decodes every photo of a folder and compares it with its mask.

    Args:
        folder: a path, in one of the layouts of `tfseg.pairs.find_pairs`.

    Returns:
        `Survey`. Beside what `find_pairs` refuses, a fault is: a photo that breaks off, a mask that marks the
        background, a photo that is a copy of its mask, and every mask, where all masks of a folder are empty.

    Raises:
        DataError: no such folder, or no photos.
    """
    pairs, faults = check_pairs(folder)
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(_look, pairs))
    labelled = [look for pair, look in zip(pairs, looks, strict=True) if pair.mask and not look.fault]
    if labelled and not any(look.share for look in labelled):
        faults += [_fault(pair, "all masks empty", NO_PERSON) for pair in pairs if pair.mask]
        pairs, looks = [], []
    good = [index for index, look in enumerate(looks) if not look.fault]
    return Survey(
        str(folder),
        [pairs[index] for index in good],
        [looks[index].size for index in good],
        [looks[index].share for index in good],
        faults + [look.fault for look in looks if look.fault],
    )


NO_PERSON = "every mask of its folder is empty; photos without a person need no masks folder"


class _Look(NamedTuple):
    size: tuple[int, int] | None
    share: float
    fault: Fault | None


def _look(pair):
    try:
        image, mask = read_pair(pair)
    except ImageError as error:
        return _Look(None, 0, Fault(pair.image, "unreadable", str(error)))
    fault = None
    if pair.mask and 0 < mask.mean() < 1:
        if _is_copy(image, mask):
            fault = _fault(pair, "photo is its mask", "the photo is a copy of its mask")
        elif _is_inverted(image, mask):
            fault = _fault(pair, "mask inverted", "the mask marks the background, not the person")
    return _Look(mask.shape, float(mask.mean()), fault)


def _fault(pair, kind, reason):
    return Fault(pair.image, kind, f"{pair.image}: {reason} (mask: {pair.mask}).")


def _is_copy(image, mask):
    difference = np.abs(image / np.float32(255) - mask[..., None]).mean()
    return difference < ALIKE or difference > 1 - ALIKE


def _is_inverted(image, mask):
    """Whether a mask covers the frame's edges, as persons hardly do, and the shipped model sees a person elsewhere."""
    if np.concatenate([mask[0], mask[:, 0], mask[:, -1]]).mean() < FRAME:
        return False
    alpha = _segmenter().alpha(image)
    return alpha[mask == 0].mean() > max(SEEN, alpha[mask == 1].mean())


@functools.cache
def _segmenter():
    return Segmenter.load()


def fault_table(surveys):
    """Faults by folder and kind, each kind with how many and the first of them; a text of several lines."""
    rows = []
    for found in surveys:
        counts = Counter(fault.kind for fault in found.faults)
        for kind, count in counts.most_common():
            first = next(fault.text for fault in found.faults if fault.kind == kind)
            rows.append(f"{count:6}  {kind:18}  {first}")
    return "\n".join(["cannot be trained on:", *rows])

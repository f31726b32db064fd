"""Labelled photos on the card, decoded once: of a few thousand each takes less than a megabyte."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from tfseg.data import OTHER_FRAME_SHARE
from tfseg.pairs import find_pairs, read_pair
from tfseg.paste import person_free_strips

SIDE = 448  # pixels of a canvas; a larger photo is made smaller


class Source(NamedTuple):
    """A folder of labelled photos: its path, its share of the examples, and what its borders weigh."""

    folder: str
    share: float
    border_weight: float


class Photos:
    """The photos of several sources and what is drawn from them.

    Attributes:
        canvases: uint8 `[N, SIDE, SIDE, 4]` on the card: RGB and mask (0 or 255), the photo in the upper left corner.
        border_weights: float `[N]`.
        lying_share: 0..1, of the batches that have the lying frame.
    """

    def __init__(self, sources, device):
        items, chances, border_weights = [], [], []
        for source in sources:
            found = _decoded(source.folder)
            items += found
            chances += [source.share / len(found)] * len(found)
            border_weights += [source.border_weight] * len(found)
        self.canvases = torch.from_numpy(np.stack([canvas for canvas, _, _ in items])).to(device)
        self.border_weights = torch.tensor(border_weights, device=device)
        sizes = np.array([size for _, size, _ in items])
        whole = np.concatenate([np.zeros_like(sizes), sizes], 1)
        self.regions = torch.tensor(whole, dtype=torch.float32, device=device)
        wide, chances = sizes[:, 1] > sizes[:, 0], np.array(chances)
        lying = chances * np.where(wide, 1 - OTHER_FRAME_SHARE, OTHER_FRAME_SHARE)
        self.lying_share = float(lying.sum() / chances.sum())
        self._chances = {
            True: torch.tensor(lying, dtype=torch.float32, device=device),
            False: torch.tensor(chances - lying, dtype=torch.float32, device=device),
        }
        strips = [(index, strip) for index, (_, _, found) in enumerate(items) for strip in found]
        self._strip_photos = torch.tensor([index for index, _ in strips], dtype=torch.int64, device=device)
        self._strips = torch.tensor([strip for _, strip in strips], dtype=torch.float32, device=device)
        self._strip_chances = torch.tensor(
            [chances[index] / len(items[index][2]) for index, _ in strips], dtype=torch.float32, device=device
        )

    def __len__(self):
        return len(self.canvases)

    def draw(self, count, lying):
        """Photos for frames of one orientation: `(indices, regions)`, int64 `[count]` and float `[count, 4]`."""
        indices = torch.multinomial(self._chances[lying], count, replacement=True)
        return indices, self.regions[indices]

    def draw_person_free(self, count):
        """The same, of strips beside, above or below the people of a photo; none where no photo has any."""
        if count == 0 or not len(self._strips):
            return self._strip_photos.new_zeros(0), self.regions[:0]
        chosen = torch.multinomial(self._strip_chances, count, replacement=True)
        return self._strip_photos[chosen], self._strips[chosen]


def _decoded(folder):
    """The pairs of a folder as lists of `(canvas, (height, width), strips)`. Raises DataError and ImageError."""
    with ThreadPoolExecutor() as pool:  # a process forked beside the threads of PyTorch may never wake
        return list(pool.map(_decode, find_pairs(folder)))


def _decode(pair):
    image, mask = read_pair(pair, SIDE)
    canvas = np.zeros((SIDE, SIDE, 4), np.uint8)
    height, width = mask.shape
    canvas[:height, :width, :3], canvas[:height, :width, 3] = image, 255 * mask
    strips = [(top, left, bottom - top, right - left) for top, bottom, left, right in person_free_strips(mask)]
    return canvas, (height, width), strips

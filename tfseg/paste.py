"""Copy-paste: people moved before other backgrounds and beside other people, and frames without anybody.

Labelled photos of people rarely show groups and hardly ever an empty room, and what a network has not seen it gets
wrong: it takes whatever fills the frame for a person. The masks allow to make such photos (Ghiasi et al. 2021,
arXiv:2012.07177).
"""

import cv2
import numpy as np

SMALLEST_SHARE = 0.35  # a person-free crop has at least this share of each side of its photo
TRIES = 8


class CopyPaste:
    """Augments a photo, and in some of the draws exchanges or shares its background.

    Args:
        augment: `(image, mask, seed, landscape) -> (image, mask)`, to the network's size.
        paste_share: 0..1, share of the draws whose person is pasted onto another photo; onto a person-free crop
            in half of them, beside the other's people in the rest.
        person_free_share: 0..1, share of the draws that show a person-free crop instead.
    """

    def __init__(self, augment, paste_share=0.0, person_free_share=0.0):
        self.augment, self.paste_share, self.person_free_share = augment, paste_share, person_free_share

    def __call__(self, load, count, index, seed, landscape=False):
        """Makes one training example.

        Args:
            load: `index -> (image, mask)`, uint8 `[H, W, 3]` and uint8 `[H, W]` in {0, 1}.
            count: how many photos `load` knows.
            index: of the photo.
            seed: tuple of ints; the same seed gives the same example.
            landscape: whether the example is to lie on its side.

        Returns:
            `(image, mask)` at the size that `augment` gives.
        """
        generator = np.random.default_rng((*seed, 1))
        draw = generator.random()
        photo = load(index)
        if draw < self.person_free_share:
            return self.augment(*(_person_free(load, count, generator) or photo), seed, landscape)
        image, mask = self.augment(*photo, seed, landscape)
        if draw > 1 - self.paste_share and mask.any():
            other = _person_free(load, count, generator) if generator.random() < 0.5 else None
            other = other or load(int(generator.integers(count)))
            image, mask = paste(image, mask, *self.augment(*other, (*seed, 2), landscape))
        return image, mask


def paste(image, mask, background, background_mask):
    """Puts the person of one photo before another photo of the same size.

    Args:
        image, background: uint8 `[H, W, 3]`.
        mask, background_mask: uint8 `[H, W]` in {0, 1}.

    Returns:
        `(image, mask)`: edges blended over about two pixels, the mask that of all people seen.
    """
    # From 0 on the outline to 1 inside: nothing of the old background comes along.
    alpha = np.clip(2 * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1) - 1, 0, 1)[..., None]
    mixed = alpha * image + (1 - alpha) * background
    return np.rint(mixed).astype(np.uint8), np.maximum(mask, background_mask)


def person_free_crop(image, mask, generator):
    """A random crop that lies outside the box around the people.

    Args:
        image: uint8 `[H, W, 3]`.
        mask: uint8 `[H, W]` in {0, 1}.
        generator: `numpy.random.Generator`.

    Returns:
        `(image, mask)` of the crop, or None when the people leave no room for one of `SMALLEST_SHARE` of each side.
    """
    strips = person_free_strips(mask)
    if not strips:
        return None
    top, bottom, left, right = strips[generator.integers(len(strips))]
    return image[top:bottom, left:right], mask[top:bottom, left:right]


def person_free_strips(mask):
    """Where a person-free crop may lie: `(top, bottom, left, right)` of each strip; without people, the whole mask."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [(0, height, 0, width)]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    strips = [(0, top, 0, width), (bottom, height, 0, width), (0, height, 0, left), (0, height, right, width)]
    smallest = SMALLEST_SHARE * height, SMALLEST_SHARE * width
    return [s for s in strips if s[1] - s[0] >= smallest[0] and s[3] - s[2] >= smallest[1]]


def _person_free(load, count, generator):
    """A person-free crop of some photo, or None when none of several had room for one."""
    for _ in range(TRIES):
        crop = person_free_crop(*load(int(generator.integers(count))), generator)
        if crop:
            return crop
    return None

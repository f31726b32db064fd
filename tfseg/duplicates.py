"""Near-duplicate photos, so that no copy of a training photo is ever validated on.

A photo's 64-bit difference hash (N. Krawetz, "Kind of Like That", 2013) proposes candidates, its own and its mirror
image's; the correlation of the two grey thumbnails decides.
"""

import cv2
import numpy as np

HASH_BITS = 10  # hashes that differ in at most this many of 64 bits are looked at more closely
CORRELATION = 0.95


def duplicate_groups(images):
    """Groups photos so that two near-duplicates are never in different groups.

    Args:
        images: list of uint8 `[H, W, 3]`.

    Returns:
        A list of lists of indices into `images`; a photo like no other is a group of one.
    """
    thumbnails = np.stack([_thumbnail(image) for image in images])
    hashes = np.stack([difference_hash(thumbnail) for thumbnail in thumbnails])
    mirrored = np.stack([difference_hash(thumbnail[:, ::-1]) for thumbnail in thumbnails])
    parent = np.arange(len(images))

    def root(index):
        while parent[index] != index:
            index = parent[index]
        return index

    for first in range(len(images)):
        for others, flip in ((hashes, 1), (mirrored, -1)):
            near = np.flatnonzero(np.bitwise_count(hashes[first] ^ others[:first]) <= HASH_BITS)
            for second in near:
                if _alike(thumbnails[first], thumbnails[second][:, ::flip]):
                    parent[root(first)] = root(second)
    groups = {}
    for index in range(len(images)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def difference_hash(grey):
    """64 bits, one for each cell of an 8x8 grid: is it brighter than its right neighbour?

    Args:
        grey: float32 or uint8 `[H, W]`.

    Returns:
        A numpy uint64.
    """
    cells = cv2.resize(np.ascontiguousarray(grey), (9, 8), interpolation=cv2.INTER_AREA)
    return np.packbits(cells[:, :-1] > cells[:, 1:]).view(np.uint64)[0]


def _thumbnail(image):
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA).astype(
        np.float32
    )


def _alike(one, other):
    one, other = one - one.mean(), other - other.mean()
    energies = (one**2).sum(), (other**2).sum()
    if max(energies) < 32 * 32:  # both nearly flat: nothing to correlate, and alike for all that can be told
        return True
    return (one * other).sum() > CORRELATION * np.sqrt(energies[0] * energies[1])

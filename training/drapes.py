"""Portraits before flags and curtains: people whose masks were drawn, over cloth that is drawn here.

    python -m training.drapes --data data/portraits --photos 500 --out data/drapes

Cloth that hangs beside somebody has folds and colours as clothes have, and a network that has seen little of it takes
it along; and it loses clothes of the colour of what is behind them. So half of the cloth has the colours of what the
person wears. Each photo shows one person of --data, where the person was, before a wall with cloth on one side or all
over; `training.fit --data` takes the folder. Replaced backgrounds as training photos: Dwibedi et al. 2017, "Cut, Paste
and Learn", arXiv:1708.01642.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from tfseg.console import OneLineParser
from tfseg.image import ImageError, write_image
from tfseg.matte import estimate_foreground
from tfseg.pairs import find_pairs, read_pair, refuse_filled
from tfseg.progress import Progress
from training.cloth import COLOURS, backdrop

SIDE = 640  # pixels at most
SHARE = (0.1, 0.6)  # of the photo that is person
ALIKE = 0.5  # of the photos have cloth of the clothes' colours
STANDING = 0.3  # of the lowest rows that is person, as in portraits: nobody is to hover before the cloth


def main(arguments=None):
    parser = OneLineParser(
        prog="training.drapes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders of labelled portraits")
    parser.add_argument("--photos", type=int, default=500, help="to make, from 1 (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="from 0 (default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for images/ and masks/; must be empty")
    options = parser.parse_args(arguments)
    if options.photos < 1 or options.seed < 0:
        parser.error("--photos begins at 1, --seed at 0")
    try:
        refuse_filled(options.out)
        pairs = [pair for folder in options.data for pair in find_pairs(folder) if pair.mask]
        count = write(pairs, options.photos, options.out, np.random.default_rng(options.seed))
    except (ValueError, ImageError, OSError) as error:
        print(f"training.drapes: {error}", file=sys.stderr)
        return 2
    print(f"{count} photos in {options.out}/")
    return 0


def write(pairs, most, out, rng):
    """Writes up to so many photos and masks, each of another pair; returns how many there are.

    Raises:
        ValueError: no pair shows a person whom the lower edge cuts off.
    """
    count = 0
    with Progress(most, "photos") as progress:
        for index in rng.permutation(len(pairs)):
            image, mask = read_pair(pairs[index], SIDE)
            if mask[-3:].mean() < STANDING or not SHARE[0] <= mask.mean() <= SHARE[1]:
                continue
            photo, mask = drape(image, mask, rng)
            name = f"{count:05}_{pairs[index].image.stem}"
            write_image(out / "images" / f"{name}.jpg", photo, quality=90)
            write_image(out / "masks" / f"{name}.png", 255 * mask)
            progress.advance()
            count += 1
            if count == most:
                break
    if not count:
        raise ValueError("--data: no photo shows a person who reaches the lower edge, as in a portrait.")
    return count


def drape(image, mask, rng):
    """A person before cloth.

    Args:
        image, mask: uint8 `[H, W, 3]` RGB and `[H, W]` in {0, 1}.
        rng: `numpy.random.Generator`.

    Returns:
        `(photo, mask)` of the same shapes; the mask is a pixel narrower, since drawn ones hold a rim of background.
    """
    height, width = mask.shape
    narrower = cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
    alpha = cv2.GaussianBlur(narrower, (0, 0), rng.uniform(0.7, 1.3))
    behind = backdrop(height, width, rng, worn(image, narrower, rng) if rng.random() < ALIKE else COLOURS)
    photo = alpha[..., None] * estimate_foreground(image, alpha) + (1 - alpha[..., None]) * behind
    return photo.round().astype(np.uint8), (alpha >= 0.5).astype(np.uint8)


def worn(image, mask, rng):
    """Four colours of a person's lower half, clothes in most portraits: uint8 `[4, 3]` RGB."""
    smooth = cv2.medianBlur(image, 9)
    rows, columns = np.nonzero(mask)
    chosen = rng.choice(np.flatnonzero(rows >= np.median(rows)), 4)
    return smooth[rows[chosen], columns[chosen]]


if __name__ == "__main__":
    sys.exit(main())

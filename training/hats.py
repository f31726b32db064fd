"""Photos in which somebody wears a hat, out of folders of labelled photos: few do, and a network cuts hats off.

    make teacher
    python -m training.hats --data data/portraits data/scenes --out data/hats

The multiclass teacher tells faces from things that are worn or held; a hat is such a thing right above the largest
face. It must be inside the photo's mask, as some hands leave hats out. On a face far away dark glasses pass for a hat
too. `training.fit --data` takes the folder beside the others, so that hats are seen twice as often.
"""

import argparse
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

from tfseg.console import OneLineParser
from tfseg.image import ImageError
from tfseg.pairs import find_pairs, read_pair, refuse_filled
from tfseg.progress import Progress
from training.multiclass import FACE, SIDE, THINGS, Multiclass

LEAST_FACE = 60  # of the teacher's pixels; below, whatever is above a face may be anything
LEAST_HAT = 0.25  # of the face's area
LEAST_INSIDE = 0.8  # of the hat, inside the mask
WIDEST = 2  # faces, as far as `find_hat` looks


def main(arguments=None):
    parser = OneLineParser(
        prog="training.hats", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    parser.add_argument(
        "--width",
        type=float,
        default=0,
        metavar="FACES",
        help=f"of the hat at least, 0 to {WIDEST} (default %(default)s)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for images/ and masks/; must be empty")
    options = parser.parse_args(arguments)
    if not 0 <= options.width <= WIDEST:
        parser.error(f"--width is from 0 to {WIDEST} faces, not {options.width:g}")
    try:
        refuse_filled(options.out)
        pairs = [pair for folder in options.data for pair in find_pairs(folder) if pair.mask]
        count = copy(pairs, Multiclass(), options.out, options.width)
    except (ValueError, ImageError, OSError) as error:
        print(f"training.hats: {error}", file=sys.stderr)
        return 2
    print(f"{count} of {len(pairs)} photos in {options.out}/")
    return 0


def copy(pairs, teacher, out, width=0):
    """Copies the pairs with a hat of that many faces; returns how many they are. Raises ValueError without any."""
    count = 0
    with Progress(len(pairs), "photos") as progress:
        for pair in pairs:
            if is_worn(teacher, *read_pair(pair), width):
                for part, file in (("images", pair.image), ("masks", pair.mask)):
                    (out / part).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, out / part / f"{count:05}_{pair.image.stem}{file.suffix.lower()}")
                count += 1
            progress.advance()
    if not count:
        raise ValueError("--data: no photo shows a hat above a face.")
    return count


def is_worn(teacher, image, mask, width=0):
    """Whether a hat at least `width` faces wide is worn in a photo, uint8 `[H, W, 3]` RGB, and is inside its mask,
    `[H, W]` in {0, 1}.
    """
    hat, face, face_width = find_hat(teacher.classes(image))
    inside = cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) == 1
    large = hat.sum() > LEAST_HAT * face and hat.any(axis=0).sum() >= width * face_width
    return bool(large and (hat & inside).sum() >= LEAST_INSIDE * hat.sum())


def find_hat(classes):
    """Things right above the largest face, of uint8 `[H, W]` classes.

    Returns:
        `(hat, area, width)`: bool `[H, W]`, and the face's area and width in pixels.

    Above a face is from its forehead to one and a half faces higher, and half a face to either side.
    """
    hat = np.zeros(classes.shape, bool)
    count, _, boxes, _ = cv2.connectedComponentsWithStats((classes == FACE).astype(np.uint8))
    if count == 1:
        return hat, 0, 0
    x, y, width, height, area = boxes[1 + boxes[1:, cv2.CC_STAT_AREA].argmax()]
    if area >= LEAST_FACE:
        rows = slice(max(0, y - 3 * height // 2), y + height // 7)
        columns = slice(max(0, x - width // 2), x + width + width // 2)
        hat[rows, columns] = classes[rows, columns] == THINGS
    return hat, area, width


if __name__ == "__main__":
    sys.exit(main())

"""Pictures side by side in rows, for the README: transparent ones over a chequered ground.

python -m training.montage --columns 4 --out docs/effects.jpg me.png me-cutout.png me-blurred.jpg me-replaced.jpg
"""

import sys

import cv2
import numpy as np
from PIL import Image

from tfseg.console import OneLineParser
from tfseg.image import ImageError, read_image, write_image

CHEQUER = 12  # pixels; side of a square
GAP = 6  # pixels of white between pictures


def main(arguments=None):
    parser = OneLineParser(prog="training.montage", description=__doc__.split("\n")[0])
    parser.add_argument("pictures", nargs="+", help="picture files, row by row")
    parser.add_argument("--out", required=True, help="picture to write")
    parser.add_argument("--columns", type=int, default=4, help="pictures in a row, from 1 (default %(default)s)")
    parser.add_argument("--height", type=int, default=280, help="of each row, in pixels, from 1 (default %(default)s)")
    options = parser.parse_args(arguments)
    if min(options.columns, options.height) < 1:
        parser.error("--columns and --height start at 1")
    try:
        shown = [fitted(read_shown(path), options.height) for path in options.pictures]
        write_image(options.out, montage(shown, options.columns), quality=85)
    except (ImageError, OSError) as error:
        print(f"training.montage: {error}", file=sys.stderr)
        return 2
    return 0


def read_shown(path):
    """A picture as it is shown: uint8 `[H, W, 3]` RGB, over a chequered ground where it is transparent."""
    opaque = read_image(path)  # it refuses what is no picture, and lays transparency over white
    with Image.open(path) as picture:
        if picture.mode != "RGBA":
            return opaque
        pixels = np.asarray(picture).astype(np.float32)
    rows, columns = np.indices(pixels.shape[:2]) // CHEQUER
    ground = np.where((rows + columns) % 2, 255, 205)[..., None]
    share = pixels[..., 3:] / 255
    return np.round(pixels[..., :3] * share + ground * (1 - share)).astype(np.uint8)


def fitted(pixels, height):
    """The picture at this height, as wide as its proportions say."""
    width = max(1, round(pixels.shape[1] * height / pixels.shape[0]))
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def montage(pictures, columns):
    """Pictures of one height in rows of `columns`, white between and behind them: uint8 `[H, W, 3]`."""
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    rows = [
        np.hstack([np.pad(each, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for each in row]) for row in rows
    ]
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.vstack(rows)[:-GAP, :-GAP]


if __name__ == "__main__":
    sys.exit(main())

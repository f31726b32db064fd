"""The boxes about people that detection sets come with, and whether a mask is of the same people."""

import numpy as np

SMALL = 0.005  # of the photo; whoever is that small may be missed
LEAST_FILLED = 0.2  # of a box
MARGIN = 0.03  # of the photo's side, which boxes may be too tight by
MOST_OUTSIDE = 0.03  # of the mask, beside all boxes


def read_boxes(photo):
    """Boxes of all people of a photo, float64 `[N, 4]`: centre, width and height, as shares of the sides. None without.

    Raises:
        ValueError: the file is not as YOLO writes it.
    """
    path = photo.parent.with_name("labels") / f"{photo.stem}.txt"
    if not path.is_file():
        return None
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        return np.array([[float(number) for number in line[1:5]] for line in lines]).reshape(-1, 4)
    except ValueError as error:
        raise ValueError(f"{path}: expected lines of class, centre x and y, width and height: {error}") from error


def fits(mask, boxes):
    """Whether a mask, uint8 `[H, W]` in {0, 1}, fills every box but the smallest and hardly leaves them."""
    height, width = mask.shape
    outside, filled = mask.astype(bool), True
    for x, y, wide, high in boxes:
        rows = slice(*np.clip([y - high / 2 - MARGIN, y + high / 2 + MARGIN], 0, 1).dot(height).astype(int))
        columns = slice(*np.clip([x - wide / 2 - MARGIN, x + wide / 2 + MARGIN], 0, 1).dot(width).astype(int))
        filled &= wide * high <= SMALL or mask[rows, columns].mean() >= LEAST_FILLED
        outside[rows, columns] = False
    return bool(filled and mask.any() and outside.sum() <= MOST_OUTSIDE * mask.sum())

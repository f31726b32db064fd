"""Pictures of a training: curves, the learning-rate finder's sweep, galleries."""

import cv2
import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from tfseg.image import write_image
from tfseg.replacing import replacing


def plot_curves(history, path):
    """Draws loss and Dice over the epochs.

    Args:
        history: list of dicts with epoch, loss, dice, val_loss, val_dice.
        path: PNG to write.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4))
    epochs = [row["epoch"] for row in history]
    for axis, name in zip(axes, ("loss", "dice"), strict=True):
        axis.plot(epochs, [row[name] for row in history], label="training", color="#8a8a8a")
        axis.plot(epochs, [row[f"val_{name}"] for row in history], label="validation", color="#c2185b")
        axis.set(xlabel="epoch", title={"loss": "Loss", "dice": "Dice"}[name])
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def plot_sweep(rates, losses, suggestion, path):
    """Draws the losses of a sweep over the learning rates and marks the suggestion.

    Args:
        rates, losses: as of `training.finder.sweep`.
        suggestion: one of the rates.
        path: PNG to write.
    """
    figure, axis = plt.subplots(figsize=(7, 4))
    axis.semilogx(rates, losses, color="#8a8a8a")
    axis.axvline(suggestion, color="#c2185b", label=f"suggested: {suggestion:.1e}")
    axis.set(xlabel="learning rate", ylabel="smoothed loss")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def draw_gallery(cells, path, columns=4, cell_height=240):
    """Draws captioned pictures in rows, for people to look at.

    Args:
        cells: list of `(caption, [uint8 [H, W, 3], ...])`; the pictures of a cell stand side by side, of one size.
        path: picture to write.
        columns: cells in a row.
        cell_height: pixels.
    """
    drawn = [_cell(caption, pictures, cell_height) for caption, pictures in cells]
    width = max(cell.shape[1] for cell in drawn)
    drawn = [np.pad(cell, ((0, 0), (0, width - cell.shape[1]), (0, 0)), constant_values=255) for cell in drawn]
    drawn += [np.full_like(drawn[0], 255)] * (-len(drawn) % columns)
    rows = [np.hstack(drawn[start : start + columns]) for start in range(0, len(drawn), columns)]
    write_image(path, np.vstack(rows))


def outline(image, mask, colour=(255, 0, 200)):
    """The photo with the mask's outline drawn on it; uint8 `[H, W, 3]` and `[H, W]` in {0, 1} to uint8 `[H, W, 3]`."""
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(image.copy(), contours, -1, colour, max(1, round(max(image.shape) / 240)))


def _cell(caption, pictures, height):
    scale = height / pictures[0].shape[0]
    size = (max(1, round(pictures[0].shape[1] * scale)), height)
    row = np.hstack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures])
    strip = np.full((22, row.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, caption, (3, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.pad(np.vstack([strip, row]), ((0, 4), (0, 6), (0, 0)), constant_values=255)

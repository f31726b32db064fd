"""Checkpoints: the best weights by Dice and by loss, the last with its optimizer, and the history beside them.

Every file is whole at every moment, and `last.keras` is written after the history, so a killed run resumes at the end
of its last whole epoch.
"""

import csv
import math
import time

import keras

from tfseg.replacing import replacing

COLUMNS = ("epoch", "loss", "dice", "val_loss", "val_dice", "seconds")


class Checkpoints(keras.callbacks.Callback):
    """Writes best_dice.keras, best_loss.keras, last.keras and history.csv into a folder.

    It must stand before `keras.callbacks.SwapEMAWeights` in the list of callbacks: the best weights are then saved
    while the averaged ones are still in the network, and the last after the raw ones are back.

    Args:
        out: folder, as `pathlib.Path`.
        copy: the network in which the best weights are saved: as the trained one, but for its input's size.
        history: list of dicts of `COLUMNS`, the epochs before this run.
    """

    def __init__(self, out, copy, history):
        super().__init__()
        self.out, self.copy, self.history = out, copy, list(history)

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_test_end(self, logs=None):
        if logs["dice"] > max((row["val_dice"] for row in self.history), default=-math.inf):
            self._save_weights(self.out / "best_dice.keras")
        if logs["loss"] < min((row["val_loss"] for row in self.history), default=math.inf):
            self._save_weights(self.out / "best_loss.keras")

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started, 1)}
        self.history.append({column: row.get(column, logs.get(column)) for column in COLUMNS})
        with replacing(self.out / "history.csv") as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.history)
        with replacing(self.out / "last.keras") as temporary:
            self.model.save(temporary)

    def _save_weights(self, path):
        self.copy.set_weights(self.model.get_weights())
        with replacing(path) as temporary:
            self.copy.save(temporary)


def read_history(path, epochs=None):
    """Reads history.csv; an empty list where there is none.

    Args:
        path: of the file, as `pathlib.Path`.
        epochs: how many of its epochs are wanted, from the first; None: all.

    Raises:
        ValueError: the file is damaged, or holds fewer epochs.
    """
    rows = []
    try:
        if path.exists():
            with open(path, newline="") as file:
                rows = [
                    {name: int(row[name]) if name == "epoch" else float(row[name]) for name in COLUMNS}
                    for row in csv.DictReader(file)
                ]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise ValueError(f"{path}: damaged, so the run cannot be resumed: {error!r}") from error
    if epochs and len(rows) < epochs:
        raise ValueError(f"{path}: holds {len(rows)} epochs where last.keras has {epochs}; the run cannot be resumed.")
    return rows[:epochs]

"""How a training gets on: a line on the screen, log.jsonl for programs, and an end when there is no use in going on."""

import json
import math
import sys
import time
from datetime import UTC, datetime, timedelta

import keras
import numpy as np

LOG_SECONDS = 10.0
SCREEN_SECONDS = 0.5


class Progress(keras.callbacks.Callback):
    """Shows scores, photos per second and the time left, and appends them to log.jsonl.

    A line of log.jsonl has time (UTC), epoch (from 1), step (from 1, in the epoch), loss, dice and photos_per_second;
    the one that ends an epoch has val_loss, val_dice and learning_rate too. On a terminal the line on the screen
    renews itself, elsewhere there is one an epoch.

    Args:
        path: of log.jsonl.
        photos: in a step.
        steps: in an epoch.
        epochs: of the whole run.
    """

    def __init__(self, path, photos, steps, epochs):
        super().__init__()
        self.path, self.photos, self.steps, self.epochs = path, photos, steps, epochs
        self.begun, self.done = None, 0  # of this process, which may have resumed the run
        self.live = sys.stdout.isatty()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.epoch_begun = epoch, time.monotonic()
        self.begun = self.begun or self.epoch_begun
        self.logged = self.shown = self.epoch_begun

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        now = time.monotonic()
        self.rate = (batch + 1) * self.photos / (now - self.epoch_begun)
        steps_left = (self.epochs - self.epoch) * self.steps - batch - 1
        self.left = steps_left * (now - self.begun) / self.done
        if now - self.logged >= LOG_SECONDS:
            self._log(step=batch + 1, **logs)
            self.logged = now
        if self.live and now - self.shown >= SCREEN_SECONDS:
            self._show(f"step {batch + 1}/{self.steps}", logs, end="")
            self.shown = now

    def on_epoch_end(self, epoch, logs=None):
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._log(step=self.steps, **logs, learning_rate=rate)
        self._show(f"{time.monotonic() - self.epoch_begun:.0f} s", logs, end="\n")

    def _log(self, step, **scores):
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "epoch": self.epoch + 1, "step": step}
        line |= {name: float(score) for name, score in scores.items()}
        line["photos_per_second"] = round(self.rate, 2)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")

    def _show(self, position, logs, end):
        scores = "  ".join(f"{name} {float(score):.4f}" for name, score in logs.items())
        line = f"epoch {self.epoch + 1}/{self.epochs}  {position}  {scores}  {self.rate:.1f} photos/s"
        line += f"  {timedelta(seconds=round(self.left))} left"
        print(f"\r\033[K{line}" if self.live else line, end=end, flush=True)


class FiniteLoss(keras.callbacks.Callback):
    """Ends a training whose loss is no number any more; it must stand before `Checkpoints`, to spare the last good one.

    Args:
        out: folder of the run, named in the message.
    """

    def __init__(self, out):
        super().__init__()
        self.out = out

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs["loss"], f"in step {batch + 1}")

    def on_test_end(self, logs=None):
        self._check(logs["loss"], "in validation")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def _check(self, loss, where):
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss became {float(loss)} {where} of epoch {self.epoch}; {self.out} holds the run as it was "
                "after the last whole epoch. Start another with a lower --learning-rate or with --clip-norm 1."
            )


class EarlyStopping(keras.callbacks.Callback):
    """Stops after `patience` epochs in a row without a better validation Dice.

    Unlike Keras' it looks at the history, so that it decides after a resume as it would have without a stop.

    Args:
        patience: epochs, from 1.
        history: list of dicts with val_dice, to which `Checkpoints` adds before this is asked.
    """

    def __init__(self, patience, history):
        super().__init__()
        self.patience, self.history = patience, history

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = exhausted(self.history, self.patience)


def exhausted(history, patience):
    """Whether the last `patience` epochs brought no better validation Dice; never with a patience of 0."""
    best = np.argmax([row["val_dice"] for row in history]) if history else 0
    return bool(patience) and len(history) - 1 - best >= patience

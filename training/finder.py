"""Which learning rate? A sweep over exponentially rising rates (Smith 2017, arXiv:1506.01186)."""

import math
import sys

import numpy as np

LOWEST, HIGHEST = 1e-7, 1.0
STEPS = 120
SMOOTHING = 0.9  # momentum of the average over losses
DIVERGED = 4.0  # times the lowest smoothed loss


def sweep(model, dataset, steps=STEPS):
    """Trains a network at rising rates until its loss diverges.

    Args:
        model: compiled, with a learning rate that can be set; its weights are of no use afterwards.
        dataset: of `tfseg.data.make_dataset`, for training.
        steps: between `LOWEST` and `HIGHEST`, from 2.

    Returns:
        `(rates, losses)`: two lists of equal length, `losses` smoothed; they end where the loss diverged.
    """
    rates, raw, losses = [], [], []
    for rate, batch in zip(np.geomspace(LOWEST, HIGHEST, steps), dataset, strict=False):
        model.optimizer.learning_rate = rate
        model.reset_metrics()
        raw.append(float(model.train_on_batch(*map(np.asarray, batch), return_dict=True)["loss"]))
        if not math.isfinite(raw[-1]):
            break
        rates.append(float(rate))
        losses.append(smoothed(raw)[-1])
        if sys.stdout.isatty():
            print(f"\r{len(rates)}/{steps}  rate {rate:.1e}  loss {losses[-1]:.4f}", end="", flush=True)
        if losses[-1] > DIVERGED * min(losses):
            break
    if sys.stdout.isatty():
        print()
    return rates, losses


def smoothed(losses, momentum=SMOOTHING):
    """Moving average of a list of numbers, corrected for its beginning at zero; a list of the same length."""
    average, result = 0.0, []
    for count, loss in enumerate(losses, 1):
        average = momentum * average + (1 - momentum) * loss
        result.append(average / (1 - momentum**count))
    return result


def suggest(rates, losses):
    """The rate at which the loss falls fastest over the logarithm of the rate.

    Args:
        rates, losses: as of `sweep`.

    Raises:
        ValueError: the loss fell nowhere.
    """
    slopes = np.gradient(losses, np.log(rates)) if len(rates) > 1 else np.zeros(1)
    if slopes.min() >= 0:
        raise ValueError("the loss fell at no learning rate; look at the data and the first weights (--init).")
    return rates[int(np.argmin(slopes))]

"""Learning rates over a training.

All but "plateau" are functions of the step, which the optimizer's checkpoint holds; "plateau" is one of the history,
which lies beside it. So a resumed run goes on at the rate at which it was stopped.
"""

import keras

SCHEDULES = ("constant", "cosine", "one_cycle", "restarts", "plateau")
ONE_CYCLE_START = 1 / 25  # of the peak, where one_cycle begins
ONE_CYCLE_END = 1e-4  # of the peak, where it ends
CYCLE_GROWTH = 2.0  # length of a cycle of restarts, in lengths of the one before
PEAK_DECAY = 0.5  # its peak, in peaks of the one before
PLATEAU_FACTOR = 0.5


def build_schedule(name, peak, steps, warmup_share=0.05, cycles=3):
    """The learning rate of every step.

    Args:
        name: of `SCHEDULES`. "cosine" (Loshchilov & Hutter 2017, arXiv:1608.03983) rises linearly from 0 and falls to
            0 along a cosine; "one_cycle" (Smith & Topin 2018, arXiv:1708.07120) begins at `ONE_CYCLE_START` and ends
            at `ONE_CYCLE_END` of the peak; "restarts" is the cosine again and again, each longer and lower; "constant"
            and "plateau" stay at the peak, the latter until `Plateau` lowers it.
        peak: above 0.
        steps: of the whole training, from 1.
        warmup_share: 0..1 exclusive, of the steps, in which "cosine" and "one_cycle" rise.
        cycles: of "restarts", from 1.

    Returns:
        A float, or a `keras.optimizers.schedules.LearningRateSchedule`.
    """
    if name in ("constant", "plateau"):
        return peak
    if name == "restarts":
        shares = sum(CYCLE_GROWTH**cycle for cycle in range(cycles))
        return keras.optimizers.schedules.CosineDecayRestarts(peak, steps / shares, CYCLE_GROWTH, PEAK_DECAY)
    start, end = (ONE_CYCLE_START, ONE_CYCLE_END) if name == "one_cycle" else (0.0, 0.0)
    warmup = round(steps * warmup_share)
    return keras.optimizers.schedules.CosineDecay(
        start * peak if warmup else peak,
        max(1, steps - warmup),
        alpha=end,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


def plateau_rate(peak, losses, patience):
    """The learning rate after some epochs: halved whenever `patience` epochs in a row brought no better loss.

    Args:
        peak: the rate to begin with.
        losses: validation losses so far, one an epoch.
        patience: epochs, from 1.
    """
    rate, best, waited = peak, float("inf"), 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == patience:
            rate, waited = rate * PLATEAU_FACTOR, 0
    return rate


class Plateau(keras.callbacks.Callback):
    """Lowers the learning rate by `plateau_rate` at the beginning of an epoch.

    Args:
        peak, patience: as there.
        history: list of dicts with val_loss, to which somebody adds after every epoch.
    """

    def __init__(self, peak, patience, history):
        super().__init__()
        self.peak, self.patience, self.history = peak, patience, history

    def on_epoch_begin(self, epoch, logs=None):
        losses = [row["val_loss"] for row in self.history]
        self.model.optimizer.learning_rate = plateau_rate(self.peak, losses, self.patience)

"""Train a person segmenter.

    python -m training.fit                                     # the embedded sample set, a few minutes
    python -m training.fit --data photos --out runs/mine       # your own labelled photos, from the shipped model
    python -m training.fit --out runs/mine --resume            # go on after a stop
    python -m training.fit --data photos --out runs/mine --find-lr    # suggest a --learning-rate

Writes into --out: best_dice.keras, best_loss.keras (weights for use), last.keras (with the optimizer, for --resume),
history.csv, curves.png, samples.png, log.jsonl, split.json and run.json; with --find-lr only lr_finder.png.
"""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import keras
import tensorflow as tf

from tfseg.augment import Augment
from tfseg.console import terminable
from tfseg.data import make_dataset, photo_fault, steps_per_epoch
from tfseg.paste import CopyPaste
from tfseg.replacing import remove_leftovers
from tfseg.unet import unet
from training.arguments import parse
from training.checkpoints import Checkpoints, read_history
from training.config import FitConfig
from training.devices import agree, check_step, filled, place, shared
from training.figures import plot_curves, plot_sweep
from training.finder import suggest, sweep
from training.lock import one_at_a_time
from training.monitor import EarlyStopping, FiniteLoss, Progress, exhausted
from training.record import check_photos, load_config, write_run
from training.samples import Samples
from training.schedules import Plateau
from training.sources import load_pairs
from training.state import check_network, freeze_parts, load_last, start, unfreeze
from training.substitutes import substitute


def main(arguments=None):
    given, mode = parse(arguments)
    try:
        with shared(load_config(given, mode)) as config:
            find_learning_rate(config) if mode == "find_lr" else fit(config)
    except (ValueError, ImportError) as error:  # DataError, ImageError and WeightsError among them
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # which names no file when a disk is full
        out = given.get("out", FitConfig.out)
        where = f"--out: {out} cannot be written: " if str(error.filename or out).startswith(out) else ""
        print(f"training.fit: {where}{error}", file=sys.stderr)
        return 2
    except tf.errors.ResourceExhaustedError:
        print("training.fit: out of memory; lower --batch-size, or --height and --width.", file=sys.stderr)
        return 2
    except tf.errors.OpError as error:
        if not (fault := photo_fault(error)):
            raise
        print(f"training.fit: {fault}", file=sys.stderr)
        return 2
    return 0


@one_at_a_time
def fit(config):
    """Trains as `config` says, from the last checkpoint in its folder if there is one.

    Returns:
        The history, a list of dicts: epoch (from 1), loss, dice, val_loss, val_dice, seconds.

    Raises:
        ValueError: data, weights or settings that cannot be trained with, and nothing has been written then; or the
            loss is no number any more.
        OSError: a file cannot be written.
    """
    keras.utils.set_random_seed(config.seed)
    out = Path(config.out)
    last = out / "last.keras"
    model = load_last(last) if last.exists() else build_model(config)
    train, val, skipped = load_pairs(config)
    check_photos(train, val, out)
    check_step(min(config.batch_size, len(train)))
    steps = steps_per_epoch(train, config.batch_size)
    if not model.compiled:
        start(model, config, steps)
    epoch = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // steps
    for_use = build_model(dataclasses.replace(config, init="none"), config.height, config.width)
    check_network(model, for_use, last)
    agree(photos=[pair.image.name for pair in train + val])
    checkpoints = Checkpoints(out, for_use, read_history(out / "history.csv", epoch))
    callbacks = build_callbacks(config, checkpoints, train, val, model.optimizer.use_ema)
    remove_leftovers(out)
    write_run(config, train, val, out, skipped)
    print(f"{len(train)} photos to train on, {len(val)} to validate on, {steps} steps an epoch; writing to {out}/")
    for end in sorted({min(config.frozen_epochs, config.epochs), config.epochs}):
        if not epoch < end or exhausted(checkpoints.history, config.patience):
            continue
        if epoch and epoch == config.frozen_epochs:
            model = load_last(last)  # as a resumed run begins: `model.fit` has left the averages in the network
            unfreeze(model, config)
        substitute(model).fit(
            training_data(config, train, epoch),
            validation_data=validation_data(config, val),
            steps_per_epoch=steps,
            initial_epoch=epoch,
            epochs=end,
            callbacks=callbacks,
            shuffle=False,  # the pipeline does it
            verbose=0,
        )
        epoch = end
    plot_curves(checkpoints.history, out / "curves.png")
    best = max(checkpoints.history, key=lambda row: row["val_dice"])
    print(f"best validation Dice {best['val_dice']:.4f} after epoch {best['epoch']}: {out / 'best_dice.keras'}")
    return checkpoints.history


def find_learning_rate(config):
    """Sweeps the learning rate on the training photos, draws lr_finder.png and prints a suggestion. Raises as `fit`."""
    keras.utils.set_random_seed(config.seed)
    model, (train, *_) = build_model(config), load_pairs(config)
    check_step(min(config.batch_size, len(train)))
    start(model, config, steps=None)
    rates, losses = sweep(substitute(model), training_data(config, train))
    suggestion, path = suggest(rates, losses), Path(config.out) / "lr_finder.png"
    plot_sweep(rates, losses, suggestion, path)
    print(f"suggestion: --learning-rate {suggestion:.1e} (loss over rate: {path})")
    return suggestion


def build_model(config, height=None, width=None):
    """The network with its first weights; unless a size is given, open for frames that stand and that lie."""
    model = unet(config.encoder, height, width, config.first_weights)
    freeze_parts(model, config)
    return model


def training_data(config, pairs, first_epoch=0):
    frame = Augment(config.height, config.width, config.crop_share, config.augment_strength)
    augment = CopyPaste(frame, config.paste_share, config.person_free_share)
    return make_dataset(
        pairs,
        config.height,
        config.width,
        config.batch_size,
        augment,
        config.seed,
        first_epoch,
        config.border_weight,
        place=place(),
    )


def validation_data(config, pairs):
    return make_dataset(
        filled(pairs),
        config.height,
        config.width,
        config.batch_size,
        border_weight=config.border_weight,
        place=place(),
    )


def build_callbacks(config, checkpoints, train, val, averages):
    """What watches the training; the order matters, as each of them says."""
    out, history = Path(config.out), checkpoints.history
    callbacks = [FiniteLoss(out), checkpoints]
    if config.samples_every:
        callbacks.append(Samples(val, config.height, config.width, config.samples_every, out / "samples.png"))
    if config.schedule == "plateau":
        callbacks.append(Plateau(config.learning_rate, config.plateau_patience, history))
    if config.patience:
        callbacks.append(EarlyStopping(config.patience, history))
    photos, steps = min(config.batch_size, len(train)), steps_per_epoch(train, config.batch_size)
    callbacks.append(Progress(out / "log.jsonl", photos, steps, config.epochs))
    if config.tensorboard:
        if importlib.util.find_spec("tensorboard") is None:
            raise ImportError("--tensorboard needs tensorboard; install it with: pip install 'tfseg[tensorboard]'")
        callbacks.append(keras.callbacks.TensorBoard(out / "tensorboard"))
    return [*callbacks, keras.callbacks.SwapEMAWeights()] if averages else callbacks


if __name__ == "__main__":
    try:
        with terminable():
            sys.exit(main())
    except KeyboardInterrupt:
        print("training.fit: stopped; --resume goes on after the last whole epoch.", file=sys.stderr)
        sys.exit(130)

"""Train a person segmenter.

    python -m training.fit                                     # the embedded sample set, a few minutes
    python -m training.fit --data photos --out runs/mine       # your own labelled photos, from the shipped model
    python -m training.fit --out runs/mine --resume            # go on after a stop

Writes into --out: best_dice.keras, best_loss.keras (weights for use), last.keras (with the optimizer, for --resume),
history.csv, curves.png, split.json and run.json.
"""

import dataclasses
import json
import platform
import sys
from pathlib import Path

import keras

import tfseg
from tfseg.augment import Augment
from tfseg.data import find_pairs, make_dataset, split_pairs, steps_per_epoch
from tfseg.encoders import freeze
from tfseg.image import replacing
from tfseg.losses import BCEDice
from tfseg.metrics import Dice
from tfseg.paste import CopyPaste
from tfseg.sample import write_sample_set
from tfseg.unet import unet
from training.checkpoints import Checkpoints, read_history
from training.config import FitConfig, flag, parse
from training.figures import plot_curves

BUNDLED = Path(tfseg.__file__).parent / "pretrained" / "person_mobilenet_v2.keras"
EMA_SPANS = 20  # spans of the moving average that fit into a training, at least


def main(arguments=None):
    given, resume = parse(arguments)
    try:
        config = load_config(given, resume)
        fit(config)
    except (ValueError, ImportError, OSError) as error:  # DataError, ImageError and WeightsError among them
        print(f"training.fit: {error}", file=sys.stderr)
        return 2
    return 0


def fit(config):
    """Trains as `config` says, from the last checkpoint in its folder if there is one.

    Returns:
        The history, a list of dicts: epoch (from 1), loss, dice, val_loss, val_dice, seconds.

    Raises:
        ValueError: data, weights or settings that cannot be trained with; nothing has been written then.
    """
    keras.utils.set_random_seed(config.seed)
    out = Path(config.out)
    last = out / "last.keras"
    model = load_last(last) if last.exists() else build_model(config)
    train, val = load_pairs(config)
    steps = steps_per_epoch(train, config.batch_size)
    if not model.compiled:
        compile_model(model, build_optimizer(config, steps), BCEDice(config.bce_weight))
    first_epoch = int(model.optimizer.iterations) // steps
    history = read_history(out / "history.csv")[:first_epoch]
    write_run(config, train, val, out)
    print(f"{len(train)} photos to train on, {len(val)} to validate on, {steps} steps an epoch; writing to {out}/")

    size = (config.height, config.width, config.batch_size)
    augment = CopyPaste(Augment(config.height, config.width), config.paste_share, config.person_free_share)
    checkpoints = Checkpoints(out, history)
    model.fit(
        make_dataset(train, *size, augment, config.seed, first_epoch, config.border_weight),
        validation_data=make_dataset(val, *size, border_weight=config.border_weight),
        steps_per_epoch=steps,
        initial_epoch=first_epoch,
        epochs=config.epochs,
        callbacks=[checkpoints, keras.callbacks.SwapEMAWeights()] if model.optimizer.use_ema else [checkpoints],
        shuffle=False,  # the pipeline does it
        verbose=1 if sys.stdout.isatty() else 2,
    )
    plot_curves(checkpoints.history, out / "curves.png")
    best = max(checkpoints.history, key=lambda row: row["val_dice"])
    print(f"best validation Dice {best['val_dice']:.4f} after epoch {best['epoch']}: {out / 'best_dice.keras'}")
    return checkpoints.history


def load_config(given, resume):
    """The settings of this run: those named, or on resuming those that the run was started with.

    Raises:
        ValueError: a run would be overwritten, or resumed with other settings.
    """
    config = FitConfig(**given)
    record = Path(config.out) / "run.json"
    if not record.exists():
        return config
    if not resume:
        raise ValueError(f"{config.out}: holds a run already; go on with --resume, or name another folder with --out.")
    try:
        settings = json.loads(record.read_text())["settings"]
        started = FitConfig(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{record}: damaged, so the run cannot be resumed: {error!r}") from error
    for name, value in given.items():
        if name != "out" and value != getattr(started, name):
            raise ValueError(
                f"{flag(name)}: {value} differs from the run's {getattr(started, name)} in {record}; leave it out "
                "to go on with the run, or start another with --out."
            )
    return dataclasses.replace(started, out=config.out)


def load_pairs(config):
    """Training and validation pairs, from folders or from the embedded sample set."""

    def found(folders):
        return [pair for folder in folders for pair in find_pairs(folder)]

    val = found(config.val_data)  # first, so that nothing has been written when a folder is wrong
    if not config.data:
        sample = write_sample_set(Path(config.out) / "sample", seed=config.seed)
        return found(sample.train), val or found(sample.val)
    train = found(config.data)
    return (train, val) if val else split_pairs(train, config.validation_share, config.seed)


def build_model(config):
    """The network with its first weights."""
    named = {"bundled": BUNDLED, "imagenet": "imagenet", "none": None}
    model = unet(config.encoder, config.height, config.width, named.get(config.init, config.init))
    freeze(model.get_layer("encoder"), config.encoder, config.frozen_stride)
    return model


def build_optimizer(config, steps):
    """AdamW along a warm-up and a cosine over the whole training, averaging the weights."""
    total = steps * config.epochs
    warmup = round(total * config.warmup_share)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else config.learning_rate,
        max(1, total - warmup),
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    momentum = min(config.ema_momentum, 1 - EMA_SPANS / total)  # in a short training the average must not span it all
    if momentum <= 0:
        return keras.optimizers.AdamW(schedule, config.weight_decay)
    return keras.optimizers.AdamW(schedule, config.weight_decay, use_ema=True, ema_momentum=momentum)


def load_last(path):
    """The network as it was at the end of its last whole epoch, optimizer included."""
    try:
        model = keras.models.load_model(path)
    except Exception as error:  # a damaged archive raises whatever its reader raises
        raise ValueError(f"{path}: damaged, so the run cannot be resumed: {str(error).splitlines()[0]}") from error
    compile_model(model, model.optimizer, model.loss)
    return model


def compile_model(model, optimizer, loss):
    """Compiles without XLA where that is several times slower: TensorFlow on a CPU."""
    slow = keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
    model.compile(optimizer, loss, metrics=[Dice()], weighted_metrics=[], jit_compile=False if slow else "auto")


def write_run(config, train, val, out):
    """Writes split.json and run.json: what was trained on, with which settings and versions."""
    split = {name: [str(pair.image) for pair in pairs] for name, pairs in (("train", train), ("val", val))}
    run = {
        "settings": dataclasses.asdict(config),
        "photos": {name: len(paths) for name, paths in split.items()},
        "person_free": {
            "train": sum(pair.mask is None for pair in train),
            "val": sum(pair.mask is None for pair in val),
        },
        "versions": {
            "python": platform.python_version(),
            "tfseg": tfseg.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
        },
        "machine": platform.platform(),
    }
    for name, content in (("split.json", split), ("run.json", run)):
        with replacing(out / name) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())

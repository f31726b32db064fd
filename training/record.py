"""The record of a run, with which settings and photos it was started: it can only be resumed as the same run."""

import dataclasses
import json
import platform
from pathlib import Path

import keras

import tfseg
from tfseg.replacing import replacing
from training.config import FitConfig, flag

PLACES = ("out", "samples_every", "tensorboard")  # settings that do not change what a run gives


def load_config(given, mode):
    """The settings of this run: those named, or on resuming those that the run was started with.

    Args:
        given, mode: as `training.arguments.parse` returns them.

    Raises:
        ValueError: a run would be overwritten, or resumed with other settings.
    """
    config = FitConfig(**given)
    record = Path(config.out) / "run.json"
    if mode == "find_lr" or not record.exists():
        return config
    if mode != "resume":
        raise ValueError(f"{config.out}: holds a run already; go on with --resume, or name another folder with --out.")
    try:
        settings = json.loads(record.read_text())["settings"]
        started = FitConfig(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{record}: damaged, so the run cannot be resumed: {error!r}") from error
    for name, value in given.items():
        if name not in PLACES and value != getattr(started, name):
            raise ValueError(
                f"{flag(name)}: {shown(value)} differs from the run's {shown(getattr(started, name))} in {record}; "
                "leave it out to go on with the run, or start another with --out."
            )
    places = {name: given[name] for name in PLACES if name in given} | {"out": config.out}
    return dataclasses.replace(started, **places)


def shown(value):
    """A setting as it stands on the command line."""
    return " ".join(value) or "nothing" if isinstance(value, tuple) else value


def check_photos(train, val, out):
    """Raises ValueError when a run would be resumed with other photos than those it was started with.

    Args:
        train, val: lists of `Pair`.
        out: folder of the run, as `pathlib.Path`; without a record of photos in it there is nothing to check.
    """
    record = out / "split.json"
    if not record.exists():
        return
    try:
        split = json.loads(record.read_text())
        before = {name: [Path(path).name for path in split[name]] for name in ("train", "val")}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{record}: damaged, so the run cannot be resumed: {error!r}") from error
    for name, pairs in (("train", train), ("val", val)):
        now = [pair.image.name for pair in pairs]
        if now != before[name]:
            gone, new = sorted(set(before[name]) - set(now)), sorted(set(now) - set(before[name]))
            changes = [f"{len(gone)} gone ({', '.join(gone[:3])})"] if gone else []
            changes += [f"{len(new)} new ({', '.join(new[:3])})"] if new else []
            raise ValueError(
                f"{record}: the {name} photos are not those of the run: {'; '.join(changes) or 'in another order'}. "
                "Put them back, or start another run with --init best_dice.keras and another --out."
            )


def write_run(config, train, val, out, skipped=0):
    """Writes split.json and run.json: what was trained on, what was left out, with which settings and versions."""
    split = {name: [str(pair.image) for pair in pairs] for name, pairs in (("train", train), ("val", val))}
    run = {
        "settings": dataclasses.asdict(config),
        "photos": {name: len(paths) for name, paths in split.items()},
        "skipped": skipped,
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

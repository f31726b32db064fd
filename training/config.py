"""The settings of a training: a field of `FitConfig` is a flag of `python -m training.fit` and a line of its help."""

import argparse
import dataclasses
import sys

from tfseg.encoders import STRIDES


def setting(default, help_text):
    return dataclasses.field(default=default, metadata={"help": help_text})


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """Everything that decides what a training gives. Raises ValueError, naming the flag, when one is out of range."""

    data: tuple[str, ...] = setting((), "folders of labelled photos; without any, the embedded sample set")
    val_data: tuple[str, ...] = setting((), "folders to validate on; without any, a leak-free split of --data")
    validation_share: float = setting(0.2, "share of the photos to split off for validation, 0..1 exclusive")
    encoder: str = setting("mobilenet_v2", "backbone: mobilenet_v2 or resnet101")
    init: str = setting("bundled", "first weights: bundled, imagenet, none, or a path (.keras checkpoint or notop .h5)")
    height: int = setting(320, "of the network's input, pixels, a multiple of 32")
    width: int = setting(256, "of the network's input, pixels, a multiple of 32")
    epochs: int = setting(20, "passes over the training photos, from 1")
    batch_size: int = setting(16, "photos in a step, from 1")
    learning_rate: float = setting(2e-4, "peak of the schedule, above 0; it warms up, then falls to 0 along a cosine")
    warmup_share: float = setting(0.05, "share of the steps in which the learning rate rises, 0..1")
    weight_decay: float = setting(1e-4, "decoupled weight decay of AdamW, per step and learning rate, from 0")
    ema_momentum: float = setting(
        0.99, "of the moving average of the weights, which is what is validated and kept, 0..1"
    )
    bce_weight: float = setting(0.5, "share of the cross-entropy in the loss, 0..1; the rest is log Dice")
    border_weight: float = setting(1.0, "what a pixel at the person's border weighs more than another, from 0")
    paste_share: float = setting(0.25, "share of the examples whose person is pasted onto another photo, 0..1")
    person_free_share: float = setting(0.1, "share of the examples that are crops without any person, 0..1")
    frozen_stride: int = setting(0, "encoder stages up to this stride keep their weights: 0 (none), 2, 4, 8, 16 or 32")
    seed: int = setting(0, "of split, order, augmentation and initial weights, from 0")
    out: str = setting("runs/fit", "folder for checkpoints, history and figures")

    def __post_init__(self):
        checks = {
            "validation_share": 0 < self.validation_share < 1,
            "height": self.height >= 32 and self.height % 32 == 0,
            "width": self.width >= 32 and self.width % 32 == 0,
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 1,
            "learning_rate": self.learning_rate > 0,
            "warmup_share": 0 <= self.warmup_share < 1,
            "weight_decay": self.weight_decay >= 0,
            "ema_momentum": 0 <= self.ema_momentum < 1,
            "bce_weight": 0 <= self.bce_weight <= 1,
            "border_weight": self.border_weight >= 0,
            "paste_share": 0 <= self.paste_share <= 1 - self.person_free_share,
            "person_free_share": 0 <= self.person_free_share <= 1,
            "frozen_stride": self.frozen_stride in (0, *STRIDES),
            "seed": self.seed >= 0,
        }
        for field in dataclasses.fields(self):
            if not checks.get(field.name, True):
                raise ValueError(
                    f"{flag(field.name)}: {getattr(self, field.name)} is out of range ({field.metadata['help']})."
                )


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, so that it is not lost under a screenful of usage."""

    def error(self, message):
        print(f"{self.prog}: {message} (--help lists every option)", file=sys.stderr)
        sys.exit(2)


def flag(name):
    return "--" + name.replace("_", "-")


def parse(arguments=None):
    """Reads the command line.

    Returns:
        `(given, resume)`: a dict of the settings that were named, by field, and whether to resume.
    """
    parser = OneLineParser(
        prog="training.fit",
        usage="python -m training.fit [--data DIR ...] [options]",
        description="Train a person segmenter on labelled photos.",
        argument_default=argparse.SUPPRESS,
    )
    for field in dataclasses.fields(FitConfig):
        many = isinstance(field.default, tuple)
        parser.add_argument(
            flag(field.name),
            help=field.metadata["help"] + ("" if many else f" (default {field.default})"),
            **({"nargs": "+", "action": "extend", "metavar": "DIR"} if many else {"type": type(field.default)}),
        )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out where it was stopped")
    given = vars(parser.parse_args(arguments))
    resume = given.pop("resume", False)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}, resume

"""The settings of a training; `training.arguments` makes each a flag of `python -m training.fit`."""

import dataclasses
import math
from pathlib import Path

import tfseg
from tfseg.encoders import ENCODERS, STRIDES
from training.schedules import SCHEDULES

BUNDLED_CHECKPOINT = Path(tfseg.__file__).parent / "pretrained" / "person_mobilenet_v2.keras"
BUNDLED_ENCODER = "mobilenet_v2"


def flag(name):
    return "--" + name.replace("_", "-")


def finite(value):
    return 0 <= value < math.inf


def setting(group, default, help_text, valid=lambda value: True):
    return dataclasses.field(default=default, metadata={"group": group, "help": help_text, "valid": valid})


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """Everything that decides what a training gives. Raises ValueError, naming the flag, when one is out of range."""

    data: tuple[str, ...] = setting(
        "photos",
        (),
        "folders of labelled photos, or tfds:NAME[/CONFIG][:SPLIT]; without any, the embedded sample set",
    )
    val_data: tuple[str, ...] = setting(
        "photos", (), "the same to validate on; without any, a leak-free split of --data"
    )
    validation_share: float = setting(
        "photos",
        0.2,
        "share of the photos to split off for validation, above 0 and below 1",
        lambda share: 0 < share < 1,
    )
    person_label: int = setting(
        "photos", -1, "value of a person in the masks of a tfds: set, 0..255; -1: all but 0", lambda n: -1 <= n <= 255
    )
    skip_bad: bool = setting(
        "photos", False, "leave out photos that cannot be used, counted in run.json, instead of stopping"
    )

    encoder: str = setting("network", "mobilenet_v2", f"backbone: {', '.join(ENCODERS)}", lambda name: name in ENCODERS)
    init: str = setting(
        "network",
        "auto",
        "first weights: bundled (of the shipped mobilenet_v2), imagenet, none, or a path (.keras checkpoint or notop "
        ".h5); auto: bundled where there are any, imagenet otherwise",
        bool,
    )
    height: int = setting(
        "network",
        320,
        "of the input for upright photos, pixels, a multiple of 32 from 32; wide photos have the sides exchanged",
        lambda n: n >= 32 and n % 32 == 0,
    )
    width: int = setting("network", 256, "the same, of its other side", lambda n: n >= 32 and n % 32 == 0)

    epochs: int = setting("length", 20, "passes over the training photos, from 1", lambda n: n >= 1)
    batch_size: int = setting("length", 16, "photos in a step, on all devices together, from 1", lambda n: n >= 1)
    patience: int = setting(
        "length", 0, "epochs without a better validation Dice after which to stop, from 1; 0: never", lambda n: n >= 0
    )

    schedule: str = setting(
        "learning rate", "cosine", f"of the learning rate: {', '.join(SCHEDULES)}", lambda name: name in SCHEDULES
    )
    learning_rate: float = setting("learning rate", 2e-4, "peak of the schedule, above 0", lambda x: 0 < x < math.inf)
    warmup_share: float = setting(
        "learning rate",
        0.05,
        "share of the steps in which cosine and one_cycle rise, from 0 and below 1",
        lambda x: 0 <= x < 1,
    )
    cycles: int = setting(
        "learning rate",
        3,
        "of restarts, 1..16; each is twice as long and half as high as the last",
        lambda n: 1 <= n <= 16,
    )
    plateau_patience: int = setting(
        "learning rate",
        3,
        "epochs without a better validation loss after which plateau halves the rate, from 1",
        lambda n: n >= 1,
    )
    encoder_rate: float = setting(
        "learning rate",
        1.0,
        "the encoder's learning rate as a share of the others', above 0 and at most 1",
        lambda x: 0 < x <= 1,
    )
    frozen_epochs: int = setting(
        "learning rate", 0, "epochs at the beginning in which the encoder keeps its weights, from 0", lambda n: n >= 0
    )
    frozen_stride: int = setting(
        "learning rate",
        0,
        "encoder stages up to this stride keep their weights: 0 (none), 2, 4, 8, 16 or 32",
        lambda n: n in (0, *STRIDES),
    )

    norms: str = setting(
        "weights",
        "auto",
        "batch norms' statistics, scales and offsets: trained; frozen, which is faster; auto: frozen where the first "
        "weights are a person segmenter's, bundled or a .keras checkpoint",
        lambda name: name in ("auto", "frozen", "trained"),
    )
    weight_decay: float = setting(
        "weights", 1e-4, "decoupled weight decay of AdamW, per step and learning rate, from 0", finite
    )
    clip_norm: float = setting(
        "weights", 0.0, "norm of the whole gradient beyond which it is shortened, above 0; 0: never", finite
    )
    ema_momentum: float = setting(
        "weights",
        0.99,
        "of the moving average of the weights, which is what is validated and kept, from 0 and below 1",
        lambda x: 0 <= x < 1,
    )

    bce_weight: float = setting(
        "loss", 0.5, "share of the cross-entropy in the loss, 0..1; the rest is log Dice", lambda x: 0 <= x <= 1
    )
    dice_smoothing: float = setting(
        "loss",
        0.0125,
        "pixels that soft Dice is smoothed by, as a share of the frame's, above 0; the fewer, the harder "
        "photos without any person pull",
        lambda x: 0 < x < math.inf,
    )
    border_weight: float = setting(
        "loss", 1.0, "what a pixel at the person's border weighs more than another, from 0", finite
    )

    crop_share: float = setting(
        "augmentation",
        0.5,
        "share of the examples that are crops, 0..1; the others show the whole photo, letterboxed",
        lambda x: 0 <= x <= 1,
    )
    augment_strength: float = setting(
        "augmentation",
        1.0,
        "how far geometry, light and sharpness vary, 0..1; less suits short trainings",
        lambda x: 0 <= x <= 1,
    )
    paste_share: float = setting(
        "augmentation",
        0.25,
        "share of the examples whose person is pasted onto another photo, 0..1",
        lambda x: 0 <= x <= 1,
    )
    person_free_share: float = setting(
        "augmentation", 0.1, "share of the examples that are crops without any person, 0..1", lambda x: 0 <= x <= 1
    )

    seed: int = setting(
        "run", 0, "of split, order, augmentation and initial weights, 0..4294967295", lambda n: 0 <= n < 2**32
    )
    samples_every: int = setting("run", 1, "epochs between two samples.png, from 1; 0: none", lambda n: n >= 0)
    tensorboard: bool = setting("run", False, "also write curves for TensorBoard into OUT/tensorboard")
    out: str = setting("run", "runs/fit", "folder for checkpoints, history and figures", bool)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not field.metadata["valid"](value):
                raise ValueError(f"{flag(field.name)}: {value!r} is out of range ({field.metadata['help']}).")
        if self.paste_share + self.person_free_share > 1:
            raise ValueError(
                f"--paste-share: {self.paste_share} is out of range (0..1, and with --person-free-share "
                f"{self.person_free_share} at most 1)."
            )

    @property
    def first_weights(self):
        """What `init` stands for, as `tfseg.unet.unet` takes weights: a path, "imagenet" or None."""
        auto = BUNDLED_CHECKPOINT if self.encoder == BUNDLED_ENCODER else "imagenet"
        return {"auto": auto, "bundled": BUNDLED_CHECKPOINT, "none": None}.get(self.init, self.init)

    @property
    def frozen_norms(self):
        """Whether batch norms stay as they are: the few photos of a fine-tuning make bad statistics."""
        trained = str(self.first_weights).endswith(".keras")
        return self.norms == "frozen" or (self.norms == "auto" and trained)

"""A network with its optimizer: at the start of a training, at the unfreezing of its encoder, after a stop."""

import zipfile

import keras

from tfseg.archive import check_archive
from tfseg.encoders import STRIDES, freeze
from tfseg.losses import BCEDice
from tfseg.metrics import Dice
from training.optimizer import FineTuningAdamW, widened
from training.schedules import build_schedule

EMA_SPANS = 20  # spans of the moving average that fit into a training, at least


def start(model, config, steps):
    """Freezes and compiles a new network; without `steps`, those of an epoch, for a sweep over learning rates."""
    if config.frozen_epochs:
        freeze(model.get_layer("encoder"), config.encoder, STRIDES[-1])
    smoothing = config.dice_smoothing * config.height * config.width
    compile_model(model, build_optimizer(model, config, steps), BCEDice(config.bce_weight, smoothing))


def freeze_parts(model, config):
    """Keeps the encoder's stages up to `frozen_stride` as they are and, with `frozen_norms`, every batch norm."""
    freeze(model.get_layer("encoder"), config.encoder, config.frozen_stride)
    if config.frozen_norms:
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def unfreeze(model, config):
    """Trains the encoder from now on too, but for what stays frozen; the optimizer keeps its state."""
    encoder = model.get_layer("encoder")
    freeze_parts(model, config)
    optimizer = widened(model.optimizer, model.trainable_variables, len(encoder.trainable_variables))
    compile_model(model, optimizer, model.loss)


def load_last(path):
    """The network as it was at the end of its last whole epoch, optimizer included."""
    with open(path, "rb") as file:
        reason = "" if zipfile.is_zipfile(file) else "no whole archive"
    try:
        check_archive(path)
        model = keras.models.load_model(path, safe_mode=True)
    except Exception as error:  # a damaged archive raises whatever its reader raises
        raise ValueError(
            f"{path}: damaged ({reason or str(error).partition(chr(10))[0]}), so the run cannot be resumed; start "
            f"another from its best weights with --init {path.with_name('best_dice.keras')} and another --out."
        ) from error
    compile_model(model, model.optimizer, model.loss)
    return model


def check_network(model, fresh, path):
    """Raises ValueError if the network of a run is not the one that is built today, before an epoch is lost by it."""
    if [weight.shape for weight in model.weights] != [weight.shape for weight in fresh.weights]:
        raise ValueError(
            f"{path}: its network is not the {fresh.name} of this version, so the run cannot be resumed; finish it "
            "with the version that began it, or begin another in another --out."
        )


def build_optimizer(model, config, steps):
    """AdamW along a schedule over the whole training, averaging the weights."""
    options = {"weight_decay": config.weight_decay, "global_clipnorm": config.clip_norm or None}
    if config.encoder_rate < 1:
        encoder = len(model.get_layer("encoder").trainable_variables)
        options |= {"encoder_variables": encoder, "encoder_rate": config.encoder_rate}
    if steps is None:
        return FineTuningAdamW(config.learning_rate, **options)
    total = steps * config.epochs
    schedule = build_schedule(config.schedule, config.learning_rate, total, config.warmup_share, config.cycles)
    momentum = min(config.ema_momentum, 1 - EMA_SPANS / total)  # in a short training the average must not span it all
    if momentum > 0:
        options |= {"use_ema": True, "ema_momentum": momentum}
    return FineTuningAdamW(schedule, **options)


def compile_model(model, optimizer, loss):
    """Compiles without XLA where that is several times slower: TensorFlow on a CPU."""
    slow = keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
    model.compile(optimizer, loss, metrics=[Dice()], weighted_metrics=[], jit_compile=False if slow else "auto")

"""keras.applications backbones as encoders: five feature maps, at strides 2, 4, 8, 16 and 32.

For an input of 320x256, with the taps of MobileNetV2 and of ResNet101:

| stride | map | MobileNetV2 channels | ResNet101 channels |
|---|---|---|---|
| 2 | 160x128 | 16 | 64 |
| 4 | 80x64 | 24 | 256 |
| 8 | 40x32 | 32 | 512 |
| 16 | 20x16 | 96 | 1024 |
| 32 | 10x8 | 1280 | 2048 |

A new encoder is one more entry in `ENCODERS`.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras

from tfseg.console import first_sentence

STRIDES = (2, 4, 8, 16, 32)

# keras.applications.MobileNetV2 is built with 0.999: its running statistics then lag thousands of steps behind, and
# validation collapses in a short training that looks fine.
BATCH_NORM_MOMENTUM = 0.97


class WeightsError(ValueError):
    """Pretrained weights cannot be had; the message says what to do instead."""


class Encoder(NamedTuple):
    """How one application becomes an encoder."""

    application: Callable  # of keras.applications
    bgr: bool  # does it want blue, green, red?
    scale: float  # normalised = scale * (0..255) + offset, per channel in the order it wants
    offset: tuple[float, ...]
    taps: tuple[str, ...]  # layer names of the feature maps, by stride


ENCODERS = {
    "mobilenet_v2": Encoder(
        application=keras.applications.MobileNetV2,
        bgr=False,
        scale=1 / 127.5,
        offset=(-1.0, -1.0, -1.0),
        taps=("expanded_conv_project_BN", "block_2_add", "block_5_add", "block_12_add", "out_relu"),
    ),
    "resnet50": Encoder(
        application=keras.applications.ResNet50,
        bgr=True,
        scale=1.0,
        offset=(-103.939, -116.779, -123.68),
        taps=("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
    ),
    "resnet101": Encoder(
        application=keras.applications.ResNet101,
        bgr=True,
        scale=1.0,
        offset=(-103.939, -116.779, -123.68),
        taps=("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block23_out", "conv5_block3_out"),
    ),
    "efficientnetv2_b0": Encoder(
        application=keras.applications.EfficientNetV2B0,
        bgr=False,
        scale=1.0,  # normalises by itself
        offset=(0.0, 0.0, 0.0),
        taps=("block1a_project_activation", "block2b_add", "block3b_add", "block5e_add", "top_activation"),
    ),
}


def build_encoder(name, height, width, weights="imagenet"):
    """A backbone that gives its five taps.

    Args:
        name: a key of `ENCODERS`.
        height, width: of the input, pixels; multiples of 32.
        weights: "imagenet" (downloaded by Keras), None (random), or the path of a `notop` weights file.

    Returns:
        A `keras.Model` named "encoder": normalised input float32 `[B, height, width, 3]` to a list of five feature
        maps, the finest first.

    Raises:
        ValueError: no encoder of that name.
        WeightsError: the weights cannot be downloaded, or the file does not fit the encoder.
    """
    if name not in ENCODERS:
        raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}; received {name!r}.")
    encoder = ENCODERS[name]
    weights = weights and str(weights)
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise WeightsError(f"{weights}: no such weights file.")
    try:
        with warnings.catch_warnings(action="ignore"):  # of each layer that differs; the error sums them up
            backbone = encoder.application(include_top=False, weights=weights, input_shape=(height, width, 3))
    except Exception as error:  # Keras raises bare Exception when a download fails
        if weights == "imagenet":
            raise WeightsError(
                f"the ImageNet weights of {name} could not be downloaded ({error}). Start from the shipped "
                "model (--init bundled, for mobilenet_v2), from a notop weights file that you have (--init PATH), or "
                "from nothing (--init none)."
            ) from error
        raise WeightsError(
            f"{weights}: does not fit {name} without its top: {first_sentence(error)}. --init takes .keras checkpoints "
            "and the notop .h5 files of backbones."
        ) from error
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    return keras.Model(backbone.input, [backbone.get_layer(tap).output for tap in encoder.taps], name="encoder")


def freeze(backbone, name, stride):
    """Keeps the weights of an encoder's finer stages as they are, batch-norm statistics included; the others train.

    They are the most expensive to train and have the least left to learn: edges and colours.

    Args:
        backbone: what `build_encoder` gave.
        name: a key of `ENCODERS`.
        stride: the last stage to keep, one of `STRIDES`; 0 keeps none.
    """
    last = dict(zip(STRIDES, ENCODERS[name].taps, strict=True)).get(stride)
    frozen = [layer.name for layer in backbone.layers].index(last) + 1 if last else 0
    for index, layer in enumerate(backbone.layers):
        layer.trainable = index >= frozen


def normalise(image, name):
    """Raw RGB to what the backbone was trained on, as layers of the graph.

    Args:
        image: Keras tensor float32 `[B, H, W, 3]`, RGB, 0..255.
        name: a key of `ENCODERS`.

    Returns:
        Keras tensor float32 `[B, H, W, 3]`.
    """
    encoder = ENCODERS[name]
    if encoder.bgr:
        red, green, blue = keras.ops.split(image, 3, axis=-1)
        image = keras.layers.Concatenate(name="bgr")([blue, green, red])
    return keras.layers.Rescaling(encoder.scale, list(encoder.offset), name="normalise")(image)

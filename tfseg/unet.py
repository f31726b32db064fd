"""The network: a U-Net (Ronneberger et al. 2015, arXiv:1505.04597) over a pretrained encoder, raw RGB in, logits out.

Each decoder stage reduces the coarser map by a 1x1 convolution, looks around in it, doubles it bilinearly, joins the
encoder's map of that stride and mixes the two by a separable convolution. Reducing before doubling and separable
convolutions are what make it fit for a phone: a quarter of the time of transposed convolutions with inverted residuals,
on the same encoder.
"""

import warnings
import zipfile

import keras
from keras import layers

from tfseg.archive import check_archive
from tfseg.console import first_sentence
from tfseg.encoders import BATCH_NORM_MOMENTUM, STRIDES, build_encoder, normalise

DECODER_CHANNELS = (128, 64, 48, 32)  # at strides 16, 8, 4, 2
CONTEXT_BLOCKS = (2, 2, 1, 0)  # of the same stages, where they are still coarse
CONTEXT_EXPANSION = 4
CONTEXT_KERNEL = 5  # 160 pixels of the photo at stride 32


def unet(encoder="mobilenet_v2", height=320, width=256, weights="imagenet"):
    """Builds the person segmenter.

    Args:
        encoder: a key of `tfseg.encoders.ENCODERS`.
        height, width: of the input, pixels; multiples of 32, or None to leave them open. The weights do not depend
            on them.
        weights: "imagenet", None or a weights file for the encoder; or a `.keras` checkpoint of this whole network.

    Returns:
        A `keras.Model`: image float32 `[B, height, width, 3]`, RGB 0..255, to logits float32 `[B, height, width, 1]`.

    Raises:
        ValueError: the encoder is unknown, a side is no multiple of 32, or the checkpoint is of another network.
        WeightsError: the encoder's weights cannot be had.
    """
    for side, value in (("height", height), ("width", width)):
        if value is not None and (value < STRIDES[-1] or value % STRIDES[-1]):
            raise ValueError(f"{side} must be a positive multiple of {STRIDES[-1]}; received {value}.")
    checkpoint = str(weights) if str(weights).endswith(".keras") else None
    backbone = build_encoder(encoder, height, width, None if checkpoint else weights)

    image = keras.Input((height, width, 3), name="image")
    *skips, features = backbone(normalise(image, encoder))
    stages = zip(STRIDES[-2::-1], skips[::-1], DECODER_CHANNELS, CONTEXT_BLOCKS, strict=True)
    for stride, skip, channels, blocks in stages:
        features = _decoder_stage(features, skip, channels, blocks, f"decoder_{stride}")
    features = layers.Conv2D(1, 1, name="head")(features)
    logits = layers.UpSampling2D(2, interpolation="bilinear", name="logits")(features)
    model = keras.Model(image, logits, name=f"unet_{encoder}")
    if checkpoint:
        load_checkpoint(model, checkpoint)
    return model


def load_checkpoint(model, path):
    """Loads the weights of a `.keras` checkpoint into a network of the same encoder, whatever its input size.

    Raises:
        ValueError: the file is missing, damaged, or of another network.
    """
    check_archive(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of each layer that differs; the error sums them up
            model.load_weights(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: cannot be loaded into {model.name}: {first_sentence(error)}. If it is of another encoder or an "
            "older version, training begins anew from the shipped weights (--init bundled) or the encoder's (--init "
            "imagenet)."
        ) from error


def _decoder_stage(features, skip, channels, blocks, name):
    features = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_reduce")(features)
    features = _norm_relu(features, f"{name}_reduce")
    for index in range(blocks):
        features = _context_block(features, channels, f"{name}_context_{index}")
    features = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_up")(features)
    features = layers.Concatenate(name=f"{name}_skip")([features, skip])
    features = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(features)
    features = _norm_relu(features, f"{name}_depthwise")
    features = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_pointwise")(features)
    return _norm_relu(features, f"{name}_pointwise")


def _context_block(features, channels, name):
    """An inverted residual (Sandler et al. 2018, arXiv:1801.04381) that sees far and begins as the identity.

    Its last kernel begins at zero (Zhang et al. 2019, arXiv:1901.09321), so that it needs no batch norm, whose
    statistics a short training would have to find first.
    """
    inner = channels * CONTEXT_EXPANSION
    spread = keras.initializers.RandomNormal(stddev=(2 / CONTEXT_KERNEL**2) ** 0.5)
    added = layers.Conv2D(inner, 1, kernel_initializer="he_normal", name=f"{name}_expand")(features)
    added = layers.ReLU(6.0, name=f"{name}_expand_relu")(added)
    added = layers.DepthwiseConv2D(
        CONTEXT_KERNEL, padding="same", depthwise_initializer=spread, name=f"{name}_depthwise"
    )(added)
    added = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(added)
    added = layers.Conv2D(channels, 1, kernel_initializer="zeros", name=f"{name}_project")(added)
    return layers.Add(name=f"{name}_add")([features, added])


def _norm_relu(features, name):
    features = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(features)
    return layers.ReLU(6.0, name=f"{name}_relu")(features)

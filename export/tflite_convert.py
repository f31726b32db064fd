"""Convert a checkpoint to a .tflite file for phones.

    python -m export.tflite_convert --model best_dice.keras --calibration photos/val --quantize int8 --out person.tflite

The file takes one photo as raw RGB bytes 0..255, letterboxed to the network's size, and gives the person probability.
int8 has uint8 at both edges; float16, dynamic and none take and give float32. It is checked before it gets its name:
no operator that a GPU delegate refuses, no float inside int8. Then Dice of checkpoint and file are printed.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from export.graph import check_operators, read_operators
from tfseg.console import quiet
from tfseg.data import find_pairs, read_pair
from tfseg.image import letterbox, read_image, replacing
from tfseg.metrics import dice
from tfseg.segmenter import Segmenter, load_checkpoint
from training.config import OneLineParser
from training.fit import BUNDLED

QUANTIZE = ("none", "float16", "dynamic", "int8")
CALIBRATION_PHOTOS = 200  # enough for stable ranges; more only take longer


def main(arguments=None):
    parser = OneLineParser(
        prog="export.tflite_convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    parser.add_argument("--quantize", choices=QUANTIZE, default="int8", help="default %(default)s")
    parser.add_argument("--out", required=True, metavar="FILE.tflite")
    options = parser.parse_args(arguments)
    out = Path(options.out)
    try:
        if out.suffix != ".tflite":
            raise ValueError(f"--out: {out} must end in .tflite.")
        pairs = spread([pair for folder in options.calibration for pair in find_pairs(folder)], CALIBRATION_PHOTOS)
        model = load_checkpoint(options.model)
        with replacing(out) as temporary:
            temporary.write_bytes(convert(model, options.quantize, [pair.image for pair in pairs]))
        print(f"{options.model}: {Path(options.model).stat().st_size / 1e6:.2f} MB")
        print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
        before, after = (mean_dice(Segmenter.load(path), pairs) for path in (options.model, out))
        drop = before - after
        print(f"Dice on {len(pairs)} calibration photos: checkpoint {before:.4f}, file {after:.4f}, drop {drop:.4f}")
    except (ValueError, OSError) as error:
        print(f"export.tflite_convert: {error}", file=sys.stderr)
        return 2
    return 0


def convert(model, quantize, photos):
    """Converts a network to the bytes of a checked .tflite file.

    Args:
        model: `keras.Model`, image float32 `[B, H, W, 3]` 0..255 to logits `[B, H, W, 1]`.
        quantize: one of `QUANTIZE`.
        photos: paths of the calibration photos; only int8 looks at them.

    Returns:
        bytes. Input `[1, H, W, 3]`, output person probability `[1, H, W, 1]`; uint8 for int8, else float32.

    Raises:
        GraphError: the result holds what a phone's delegates do not run.
    """
    height, width = model.input_shape[1:3]
    image = keras.Input((height, width, 3), batch_size=1, name="image")
    answer = keras.layers.Activation("sigmoid", name="person")(model(image))
    probability = keras.Model(image, answer, name="segmenter")  # an automatic name would count the conversions
    builtins = tf.lite.OpsSet.TFLITE_BUILTINS
    settings = {"target_spec": {"supported_ops": [builtins]}}
    if quantize != "none":
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        settings["target_spec"] |= {"supported_types": [tf.float16]}
    if quantize == "int8":
        settings |= {
            "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
            "representative_dataset": lambda: calibration_set(photos, height, width),
            "inference_input_type": tf.uint8,
            "inference_output_type": tf.uint8,
        }
    signature = [keras.InputSpec(shape=(1, height, width, 3), dtype="float32", name="image")]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), quiet():
        file = Path(folder) / "model.tflite"
        probability.export(str(file), format="litert", input_signature=signature, verbose=False, **settings)
        content = file.read_bytes()
    check_operators(read_operators(content), int8=quantize == "int8")
    return content


def calibration_set(photos, height, width):
    """The converter's representative dataset: letterboxed photos, float32 `[1, height, width, 3]`, 0..255."""
    for number, photo in enumerate(photos):
        frame = letterbox(read_image(photo), height, width)[0].astype(np.float32)
        if number == 0:
            frame[0, 0], frame[0, 1] = 0, 255  # the input's range is the bytes', whatever these photos hold
        yield [frame[None]]


def spread(items, count):
    """At most `count` of the items, evenly spread over the list."""
    if len(items) <= count:
        return items
    return [items[index] for index in np.linspace(0, len(items) - 1, count).astype(int)]


def mean_dice(segmenter, pairs):
    """Mean Dice of a segmenter over pairs, at the photos' own sizes."""
    scores = []
    for pair in pairs:
        image, truth = read_pair(pair)
        scores.append(dice(truth, segmenter.mask(image)))
    return float(np.mean(scores))


if __name__ == "__main__":
    sys.exit(main())

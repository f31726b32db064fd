"""Convert a checkpoint to a .tflite file for phones.

    python -m export.tflite_convert --model best_dice.keras --calibration photos/val --quantize int8 --out person.tflite

The file takes one photo as raw RGB bytes 0..255, letterboxed to the network's size, and gives the person probability.
int8 has uint8 at both edges; int8_float_edges computes in integers too but takes and gives float32, as GPU and WebGPU
delegates want it; float16, dynamic and none take and give float32. It gets its name only after these checks: no
operator that a GPU delegate refuses, no float inside int8, and no more loss of Dice against the checkpoint than
--max-dice-drop on real photos. Status 1 and no file when it loses more; the loss and pictures are in --report.
"""

import argparse
import atexit
import contextlib
import io
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from export import parity
from export.graph import check_operators, read_operators
from export.metadata import add_metadata
from export.network import join_late
from export.rounding import round_weights
from tfseg.console import quiet
from tfseg.data import find_pairs
from tfseg.image import letterbox, read_image, replacing
from tfseg.runtime import copy_network, load_checkpoint
from training.config import OneLineParser
from training.fit import BUNDLED

QUANTIZE = ("none", "float16", "dynamic", "int8", "int8_float_edges")
CALIBRATION_PHOTOS = 200  # enough for stable ranges; more only take longer
ROUNDING_PHOTOS = 32  # thousands of pixels each
PARITY_PHOTOS = 100


def main(arguments=None):
    parser = OneLineParser(
        prog="export.tflite_convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    parser.add_argument("--parity-data", nargs="+", metavar="DIR", help="folders to judge on (default: --calibration)")
    parser.add_argument("--quantize", choices=QUANTIZE, default="int8", help="default %(default)s")
    parser.add_argument("--landscape", action="store_true", help="exchange the input's sides, for wide photos")
    parser.add_argument("--max-dice-drop", type=float, default=parity.MAX_DICE_DROP, help="default %(default)s")
    parser.add_argument("--report", metavar="DIR", help="for parity.json and parity.png (default: FILE_parity)")
    parser.add_argument("--out", required=True, metavar="FILE.tflite")
    options = parser.parse_args(arguments)
    out = Path(options.out)
    try:
        if out.suffix != ".tflite":
            raise ValueError(f"--out: {out} must end in .tflite.")
        photos = [pair.image for pair in pick(options.calibration, CALIBRATION_PHOTOS)]
        judged = pick(options.parity_data or options.calibration, PARITY_PHOTOS)
        content = convert_apart(options.model, options.quantize, photos, options.landscape)
        with tempfile.TemporaryDirectory() as folder:
            candidate = Path(folder) / out.name
            candidate.write_bytes(content)
            rows = parity.compare(options.model, [candidate], judged)
            parity.report(rows, options.model, Path(options.report or out.with_name(f"{out.stem}_parity")))
            parity.check(rows, options.max_dice_drop)
        with replacing(out) as temporary:
            temporary.write_bytes(content)
        print(f"{options.model}: {Path(options.model).stat().st_size / 1e6:.2f} MB")
        print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
    except parity.ParityError as error:
        print(f"export.tflite_convert: {error}", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"export.tflite_convert: {error}", file=sys.stderr)
        return 2
    return 0


def pick(folders, count):
    """About `count` pairs, as many from each folder as it has and evenly spread over it.

    Raises:
        DataError: a folder cannot be read.
        ValueError: none of the photos holds a person.
    """
    share = -(-count // len(folders))
    pairs = [pair for folder in folders for pair in spread(find_pairs(folder), share)]
    if all(pair.mask is None for pair in pairs):
        raise ValueError(f"{', '.join(folders)}: no photo with a person; name at least one folder with masks.")
    return pairs


def spread(items, count):
    """At most `count` of the items, evenly spread over the list."""
    if len(items) <= count:
        return items
    return [items[index] for index in np.linspace(0, len(items) - 1, count).astype(int)]


def convert_apart(checkpoint, quantize, photos, landscape=False):
    """`convert` in a process of its own: the converter keeps memory and writes past Python's error stream."""
    try:
        photos = [Path(photo).resolve() for photo in photos]
        return _worker().submit(convert, Path(checkpoint).resolve(), quantize, photos, landscape).result()
    except BrokenProcessPool as error:
        _worker.cache_clear()
        raise ValueError(f"{checkpoint}: the converter's process ended: out of memory? ({error})") from error


@cache
def _worker():
    worker = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    atexit.register(worker.shutdown)
    return worker


def convert(checkpoint, quantize, photos, landscape=False):
    """Converts a checkpoint to the bytes of a checked .tflite file with metadata.

    Args:
        checkpoint: path of a .keras file, image float32 `[B, H, W, 3]` 0..255 to logits `[B, H, W, 1]`.
        quantize: one of `QUANTIZE`.
        photos: paths of the calibration photos; only the int8 kinds look at them.
        landscape: whether the sides of the input are exchanged.

    Returns:
        bytes. Input `[1, H, W, 3]`, output person probability `[1, H, W, 1]`; uint8 for int8, else float32.

    Raises:
        ModelError: the checkpoint cannot be loaded.
        GraphError: the result holds what a phone's delegates do not run.
    """
    keras.utils.clear_session()  # automatic names would count the conversions, and are in the file
    model = load_checkpoint(checkpoint)
    height, width = model.input_shape[2:0:-1] if landscape else model.input_shape[1:3]
    network = copy_network(model, height, width)
    integers = quantize.startswith("int8")
    if integers:
        frames = [frame for (frame,) in calibration_set(spread(photos, ROUNDING_PHOTOS), height, width)]
        round_weights(network, frames)
        network = join_late(network)
    content = _litert_file(network, converter_settings(quantize, photos, height, width))
    check_operators(read_operators(content), int8=quantize == "int8")
    return add_metadata(content)


def converter_settings(quantize, photos, height, width):
    """What TensorFlow's converter is told for a kind of quantization."""
    settings = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if quantize != "none":
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        settings["target_spec"]["supported_types"] = [tf.float16]
    if quantize.startswith("int8"):
        settings["target_spec"]["supported_ops"] = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        settings["representative_dataset"] = lambda: calibration_set(photos, height, width)
    if quantize == "int8":
        settings |= {"inference_input_type": tf.uint8, "inference_output_type": tf.uint8}
    return settings


def with_probability(network):
    """A network of one photo with its sigmoid: `(keras.Model, input_signature)`, both of static shapes."""
    height, width = network.input_shape[1:3]
    image = keras.Input((height, width, 3), batch_size=1, name="image")
    answer = keras.layers.Activation("sigmoid", name="person")(network(image))
    signature = [keras.InputSpec(shape=(1, height, width, 3), dtype="float32", name="image")]
    return keras.Model(image, answer, name="segmenter"), signature


def _litert_file(network, settings):
    probability, signature = with_probability(network)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), quiet():
        file = Path(folder) / "model.tflite"
        probability.export(str(file), format="litert", input_signature=signature, verbose=False, **settings)
        return file.read_bytes()


def calibration_set(photos, height, width):
    """The converter's representative dataset: letterboxed photos, float32 `[1, height, width, 3]`, 0..255."""
    for number, photo in enumerate(photos):
        frame = letterbox(read_image(photo), height, width)[0].astype(np.float32)
        if number == 0:
            frame[0, 0], frame[0, 1] = 0, 255  # the input's range is the bytes', whatever these photos hold
        yield [frame[None]]


if __name__ == "__main__":
    sys.exit(main())

"""Convert a checkpoint to a .tflite file for phones.

    python -m export.tflite_convert --model best_dice.keras --calibration photos/val --quantize int8 --out person.tflite

The file takes one photo as raw RGB bytes 0..255, letterboxed to the network's size, and gives the person probability.
int8 has uint8 at both edges; int8_float_edges computes in integers too but for its finest stages, and takes and gives
float32, as GPU and WebGPU delegates want it; float16, dynamic and none take and give float32. It gets its name only
after these checks: no operator that a GPU delegate refuses, no float inside int8, and no more loss of Dice against the
checkpoint than --max-dice-drop on real photos. Status 1 and no file when it loses more; the loss and pictures are in
--report.
"""

import argparse
import atexit
import contextlib
import io
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export import parity
from export.calibration import CALIBRATION_PHOTOS, calibration_set, pick, spread
from export.edges import quantize_inside
from export.graph import GraphError, check_operators, read_operators
from export.metadata import add_metadata
from export.network import enter_in_bytes, join_late
from export.ranges import narrow_logits
from export.rounding import round_weights
from tfseg.console import OneLineParser, quiet
from tfseg.image import ImageError
from tfseg.progress import Progress
from tfseg.replacing import replacing
from tfseg.runtime import copy_network, load_checkpoint
from training.config import BUNDLED_CHECKPOINT

QUANTIZE = ("none", "float16", "dynamic", "int8", "int8_float_edges")
LANDSCAPE = "_landscape"
ROUNDING_PHOTOS = 32  # thousands of pixels each


def main(arguments=None):
    parser = OneLineParser(
        prog="export.tflite_convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED_CHECKPOINT, help=".keras checkpoint (default: the shipped one)")
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
        judged = pick(options.parity_data or options.calibration, parity.PHOTOS)
        kind = options.quantize + LANDSCAPE * options.landscape
        content = convert_apart(options.model, [kind], photos)[kind]
        report = Path(options.report or out.with_name(f"{out.stem}_parity"))
        parity.judge(options.model, {out.name: content}, judged, {"dice_drop": options.max_dice_drop}, report)
        with replacing(out) as temporary:
            temporary.write_bytes(content)
        print(f"{options.model}: {Path(options.model).stat().st_size / 1e6:.2f} MB")
        print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
    except parity.ParityError as error:
        print(f"export.tflite_convert: {error} {out} was not written.", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"export.tflite_convert: {error}", file=sys.stderr)
        return 2
    return 0


def convert_apart(checkpoint, kinds, photos):
    """`convert` in a process of its own: the converter keeps memory and writes past Python's error stream."""
    try:
        photos = [Path(photo).resolve() for photo in photos]
        return _worker().submit(convert, Path(checkpoint).resolve(), kinds, photos).result()
    except BrokenProcessPool as error:
        _worker.cache_clear()
        raise ValueError(f"{checkpoint}: the converter's process ended: out of memory? ({error})") from error


@cache
def _worker():
    worker = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    atexit.register(worker.shutdown)
    return worker


def convert(checkpoint, kinds, photos):
    """Converts a checkpoint to checked .tflite files with metadata, and shows on a terminal how far it has come.

    Args:
        checkpoint: path of a .keras file, image float32 `[B, H, W, 3]` 0..255 to logits `[B, H, W, 1]`.
        kinds: each one of `QUANTIZE`, with "_landscape" behind it where the sides of the input are exchanged.
        photos: paths of the calibration photos; only the int8 kinds look at them.

    Returns:
        kind to bytes. Input `[1, H, W, 3]`, output person probability `[1, H, W, 1]`; uint8 for int8, else float32.

    Raises:
        ModelError: the checkpoint cannot be loaded.
        GraphError: the converter refuses the network, or the result holds what a phone's delegates do not run.
    """
    network = load_checkpoint(checkpoint)
    network = copy_network(network, *network.input_shape[1:3])
    integers = [kind for kind in kinds if kind.startswith("int8")]
    rounding = spread(photos, ROUNDING_PHOTOS) if integers else []
    total = len(rounding) + len(integers) * len(photos)
    # The process's own error stream is silenced while TensorFlow converts.
    with os.fdopen(os.dup(2), "w") as terminal, Progress(total, "calibration photos", terminal) as progress:
        rounded = _rounded(network, rounding, progress.advance) if integers else None
        contents = {}
        for kind in kinds:
            keras.utils.clear_session()  # automatic names would count the conversions, and are in the file
            try:
                contents[kind] = _converted(rounded if kind in integers else network, kind, photos, progress.advance)
            except GraphError as error:
                raise GraphError(f"{checkpoint}: as {kind}: {error}") from None
    return contents


def _rounded(network, photos, shown):
    """A copy of the network with weights that int8 holds."""
    height, width = network.input_shape[1:3]
    rounded = copy_network(network, height, width)
    round_weights(rounded, [frame for (frame,) in calibration_set(photos, height, width, shown)])
    return rounded


def _converted(network, kind, photos, shown):
    quantize = kind.removesuffix(LANDSCAPE)
    height, width = network.input_shape[1:3] if kind == quantize else network.input_shape[2:0:-1]
    network = copy_network(network, height, width)
    if quantize.startswith("int8"):
        network = join_late(enter_in_bytes(network))
    calibration = partial(calibration_set, photos, height, width, shown)
    content = _litert_file(network, converter_settings(quantize, calibration))
    if quantize == "int8":
        content = narrow_logits(content)
    if quantize == "int8_float_edges":
        content = quantize_inside(content, height)
    check_operators(read_operators(content), int8=quantize == "int8")
    return add_metadata(content)


def converter_settings(quantize, calibration):
    """What TensorFlow's converter is told for a kind of quantization; `calibration` gives a representative dataset."""
    settings = {"target_spec": tf.lite.TargetSpec([tf.lite.OpsSet.TFLITE_BUILTINS])}
    if quantize != "none":
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        settings["target_spec"].supported_types = [tf.float16]
    if quantize.startswith("int8"):
        settings["target_spec"].supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        settings["representative_dataset"] = calibration
    if quantize == "int8":
        settings |= {"inference_input_type": tf.uint8, "inference_output_type": tf.uint8}
    if quantize == "int8_float_edges":
        settings["_experimental_calibrate_only"] = True  # `quantize_inside` does the rest
    return settings


def with_probability(network):
    """A network of one photo with its sigmoid: `(keras.Model, input_signature)`, both of static shapes."""
    height, width = network.input_shape[1:3]
    image = keras.Input((height, width, 3), batch_size=1, name="image")
    answer = keras.layers.Activation("sigmoid", name="person")(network(image))
    signature = [keras.InputSpec(shape=(1, height, width, 3), dtype="float32", name="image")]
    return keras.Model(image, answer, name="segmenter"), signature


def _litert_file(network, settings):
    """Converts a network whose weights have become constants of its graph.

    `keras.Model.export` writes the weights beside the graph and has TensorFlow track them down twice: the file answers
    the same and takes four times as long. A converter that is handed a Keras 3 model itself leaves the weights out.
    """
    probability, signature = with_probability(network)
    photo = tf.TensorSpec(signature[0].shape, signature[0].dtype, signature[0].name)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), quiet():
        try:
            answer = tf.function(lambda image: probability(image, training=False)).get_concrete_function(photo)
            without_gradients = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
            tf.saved_model.save(tf.Module(), folder, convert_variables_to_constants_v2(answer), without_gradients)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            for name, value in settings.items():
                setattr(converter, name, value)
            return converter.convert()
        except (ImageError, OSError):  # of a calibration photo, of the disk
            raise
        except Exception as error:  # the converter has kinds of its own, whose first line says what is wrong
            said = (str(error) or repr(error)).splitlines()[0]
            raise GraphError(f"TensorFlow's converter refuses the network: {said}") from None


if __name__ == "__main__":
    sys.exit(main())

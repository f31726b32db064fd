"""The runtimes that hold a model: LiteRT for .tflite files, Keras for .keras checkpoints.

A network is a callable, frame uint8 `[height, width, 3]` RGB to person probability float32 `[height, width]`.
TensorFlow and Keras are imported for checkpoints alone.
"""

import queue
from pathlib import Path

import numpy as np

from tfseg.archive import check_archive
from tfseg.console import quiet


class ModelError(ValueError):
    """A model that cannot be loaded; the message names the file and the reason."""


def litert_network(content, path, threads, copies=1):
    """`(network, height, width)` of a .tflite file; quantized ends are mapped by the file's own scales.

    Of the interpreter there are `copies`, each with `threads`: so many callers can be answered at once, more wait.
    """
    from ai_edge_litert.interpreter import Interpreter

    free = queue.SimpleQueue()
    try:
        with quiet():  # LiteRT greets whenever it loads a model; its errors are exceptions as well
            for _ in range(copies):
                interpreter = Interpreter(model_content=content, num_threads=threads)
                interpreter.allocate_tensors()
                free.put(interpreter)
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: LiteRT cannot load it: {str(error).splitlines()[0]}") from error
    check_shapes(taken["shape_signature"].tolist(), given["shape_signature"].tolist(), path)

    def network(frame):
        interpreter = free.get()
        try:
            interpreter.set_tensor(taken["index"], quantize(frame[None], taken))
            interpreter.invoke()
            return dequantize(interpreter.get_tensor(given["index"])[0, ..., 0], given)
        finally:
            free.put(interpreter)

    return network, int(taken["shape"][1]), int(taken["shape"][2])


def quantize(frame, detail):
    """Bytes 0..255 to what a file's input takes; `detail` is the interpreter's of that tensor."""
    scale, zero_point = detail["quantization"]
    if detail["dtype"] == np.float32:
        return frame.astype(np.float32)
    if scale == 1 and zero_point == 0:
        return frame.astype(detail["dtype"])
    bounds = np.iinfo(detail["dtype"])
    return np.clip(np.round(frame / scale) + zero_point, bounds.min, bounds.max).astype(detail["dtype"])


def dequantize(values, detail):
    """What a file's output gives to float32; `detail` is the interpreter's of that tensor."""
    scale, zero_point = detail["quantization"]
    if detail["dtype"] == np.float32:
        return values
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def keras_network(model):
    """The network of a Keras model, whose logits become probabilities here."""
    import keras

    def network(frame):
        logits = model(frame[None].astype(np.float32), training=False)
        return keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))[0, ..., 0]

    return network


def load_checkpoint(path):
    """The network in a .keras checkpoint: image float32 `[B, H, W, 3]` 0..255 to logits `[B, H, W, 1]`.

    Raises:
        ModelError: it is missing, damaged, holds code or what no checkpoint holds, or is no person segmenter.
        ImportError: Keras is not installed.
    """
    if Path(path).suffix != ".keras" or not Path(path).is_file():
        older = (
            " Save .h5 files as .keras with the Keras that wrote them: others rebuild their layers differently."
            if Path(path).suffix == ".h5"
            else ""
        )
        raise ModelError(f"{path}: expected a .keras checkpoint.{older}")
    try:
        import keras
    except ImportError:
        raise ImportError(
            f"{path}: a .keras checkpoint needs Keras; install it with: pip install 'tfseg[train]'"
        ) from None
    try:
        check_archive(path)
    except ValueError as error:
        raise ModelError(error) from error
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged archive raises whatever its reader raises
        raise ModelError(f"{path}: Keras cannot load it: {str(error).splitlines()[0]}") from error
    check_shapes(model.input_shape, model.output_shape, path)
    last = model.outputs[0]._keras_history.operation
    if getattr(last, "activation", None) is keras.activations.sigmoid:
        raise ModelError(f"{path}: ends in a sigmoid; a checkpoint gives logits, and export adds the sigmoid.")
    return model


def copy_network(model, height, width):
    """A copy of a network for another input size.

    Args:
        model: `keras.Model`, image float32 `[B, H, W, 3]` to logits `[B, H, W, 1]`.
        height, width: of the copy's input, pixels; multiples of the network's largest stride.

    Returns:
        `keras.Model` with weights of its own, equal to the model's, and without models inside it.
    """

    import keras

    def inline(layer, *inputs, **settings):
        return layer.call(*inputs, **settings) if isinstance(layer, keras.Model) else layer(*inputs, **settings)

    functional = keras.Model(model.inputs[0], model.outputs[0])
    flat = keras.models.clone_model(functional, clone_function=lambda layer: layer, call_function=inline)
    copy = keras.models.clone_model(flat, input_tensors=keras.Input((height, width, 3), name="image"))
    copy.set_weights(flat.get_weights())
    return copy


def check_shapes(taken, given, path):
    """Checks that one photo of a fixed size goes in and one map of that size comes out.

    Args:
        taken, given: shapes of the network's input and output; None or -1 where a side is open.
        path: of the model's file, for the message.

    Raises:
        ModelError: they are not those of a person segmenter.
    """
    taken, given = list(taken), list(given)
    fixed = len(taken) == 4 and taken[0] in (None, -1, 1) and None not in taken[1:] and min(taken[1:]) > 0
    if not fixed or taken[3] != 3 or given[1:] != [*taken[1:3], 1]:
        raise ModelError(f"{path}: takes {taken} and gives {given}; a person segmenter maps [1,H,W,3] to [1,H,W,1].")

"""The one way to get a mask from a photo, whichever runtime holds the model.

    segmenter = Segmenter.load()                    # the shipped model; or a bundle folder, a .tflite, a .keras
    alpha = segmenter.alpha(read_image("me.jpg"))   # float32 [H, W] in 0..1

LiteRT runs .tflite files and bundles; Keras is imported for .keras checkpoints alone.
"""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

from tfseg.console import quiet
from tfseg.image import letterbox

BUNDLED = Path(__file__).parents[1] / "android_assets" / "person_mobilenet_v2"
GUIDE_RADIUS = 3  # pixels of the network's frame
GUIDE_EPSILON = 1e-3  # variance of the guide, on a 0..1 scale, below which an edge is texture


class ModelError(ValueError):
    """A model that cannot be loaded; the message names the file and the reason."""


class Segmenter:
    """A person segmenter at a fixed input size.

    Args:
        network: callable, frame uint8 `[height, width, 3]` RGB to person probability float32 `[height, width]`.
        height, width: of the network's input, pixels.
        threshold: 0..1, the probability from which on a pixel is person.
        path: of the model's file, for reports.
    """

    def __init__(self, network, height, width, threshold=0.5, path=None):
        self.network, self.height, self.width, self.threshold, self.path = network, height, width, threshold, path

    @classmethod
    def load(cls, path=None, threads=2):
        """Loads a model.

        Args:
            path: a bundle folder, a `.tflite` file or a `.keras` checkpoint; None for the shipped bundle. Only
                `.keras` needs Keras.
            threads: of the LiteRT interpreter, from 1.

        Returns:
            A `Segmenter`.

        Raises:
            ModelError: missing, damaged, changed since it was bundled, or not a person segmenter.
            ImportError: a `.keras` checkpoint without the training extra.
        """
        path = Path(path or BUNDLED)
        if not path.exists():
            raise ModelError(f"{path}: no such model.")
        if path.is_dir():
            return cls._load_bundle(path, threads)
        if path.suffix == ".tflite":
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: {error.strerror}") from error
            return cls(*_litert(content, path, threads), path=path)
        if path.suffix == ".keras":
            return cls(*_keras(path), path=path)
        raise ModelError(f"{path}: a model is a bundle folder, a .tflite file or a .keras checkpoint.")

    @classmethod
    def _load_bundle(cls, folder, threads):
        try:
            contract = json.loads((folder / "model.json").read_text())
            model = contract["models"][contract["default"]]
            path = folder / model["file"]
            content, expected, threshold = path.read_bytes(), model["sha256"], contract["threshold"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder}: not a model bundle: {error!r}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise ModelError(f"{path}: its sha256 is not the one in model.json; the bundle is damaged.")
        return cls(*_litert(content, path, threads), threshold, path)

    def alpha(self, image):
        """How much of each pixel is person.

        Args:
            image: uint8 `[H, W, 3]` RGB, any size.

        Returns:
            float32 `[H, W]` in 0..1.
        """
        frame, box = letterbox(image, self.height, self.width)
        inside = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
        return upsample(self.network(frame)[inside], frame[inside], image)

    def mask(self, image):
        """The person: uint8 `[H, W, 3]` RGB to uint8 `[H, W]` in {0, 1}, cut at the operating threshold."""
        return (self.alpha(image) >= self.threshold).astype(np.uint8)


def upsample(probability, small, image):
    """Brings a probability to the photo's size along the photo's own edges.

    The fast guided filter (He and Sun 2015, arXiv:1505.00996): a local linear model from grey to probability is fitted
    in the small frame and applied to the large photo.

    Args:
        probability: float32 `[h, w]` in 0..1.
        small: uint8 `[h, w, 3]` RGB, the photo at that size.
        image: uint8 `[H, W, 3]` RGB, the photo.

    Returns:
        float32 `[H, W]` in 0..1.
    """
    guide = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    mean_guide, mean_probability = _box(guide), _box(probability)
    covariance = _box(guide * probability) - mean_guide * mean_probability
    variance = _box(guide * guide) - mean_guide * mean_guide
    slope = covariance / (variance + GUIDE_EPSILON)
    offset = mean_probability - slope * mean_guide
    size = image.shape[1::-1]
    slope = cv2.resize(_box(slope), size, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(_box(offset), size, interpolation=cv2.INTER_LINEAR)
    large = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return np.clip(slope * large + offset, 0, 1)


def _box(values):
    side = 2 * GUIDE_RADIUS + 1
    return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)


def _litert(content, path, threads):
    """`(network, height, width)` of a .tflite file; quantized ends are mapped by the file's own scales."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        with quiet():  # LiteRT greets whenever it loads a model; its errors are exceptions as well
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: LiteRT cannot load it: {str(error).splitlines()[0]}") from error
    check_shapes(taken["shape_signature"].tolist(), given["shape_signature"].tolist(), path)

    def network(frame):
        interpreter.set_tensor(taken["index"], _quantize(frame[None], taken))
        interpreter.invoke()
        return _dequantize(interpreter.get_tensor(given["index"])[0, ..., 0], given)

    return network, int(taken["shape"][1]), int(taken["shape"][2])


def _quantize(frame, detail):
    scale, zero_point = detail["quantization"]
    if detail["dtype"] == np.float32:
        return frame.astype(np.float32)
    if scale == 1 and zero_point == 0:
        return frame.astype(detail["dtype"])
    bounds = np.iinfo(detail["dtype"])
    return np.clip(np.round(frame / scale) + zero_point, bounds.min, bounds.max).astype(detail["dtype"])


def _dequantize(values, detail):
    scale, zero_point = detail["quantization"]
    if detail["dtype"] == np.float32:
        return values
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _keras(path):
    """`(network, height, width)` of a .keras checkpoint, whose logits become probabilities here."""
    model = load_checkpoint(path)
    import keras

    def network(frame):
        logits = model(frame[None].astype(np.float32), training=False)
        return keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))[0, ..., 0]

    return network, model.input_shape[1], model.input_shape[2]


def load_checkpoint(path):
    """The network in a .keras checkpoint: image float32 `[B, H, W, 3]` 0..255 to logits `[B, H, W, 1]`.

    Raises:
        ModelError: it is missing, damaged or no person segmenter.
        ImportError: Keras is not installed.
    """
    if Path(path).suffix != ".keras" or not Path(path).is_file():
        raise ModelError(f"{path}: expected a .keras checkpoint.")
    try:
        import keras
    except ImportError:
        raise ImportError(
            f"{path}: a .keras checkpoint needs Keras; install it with: pip install 'tfseg[train]'"
        ) from None
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged archive raises whatever its reader raises
        raise ModelError(f"{path}: Keras cannot load it: {str(error).splitlines()[0]}") from error
    check_shapes(model.input_shape, model.output_shape, path)
    return model


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

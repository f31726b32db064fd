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

from tfseg.image import letterbox
from tfseg.runtime import ModelError, copy_network, keras_network, litert_network, load_checkpoint

BUNDLED = Path(__file__).parents[1] / "android_assets" / "person_mobilenet_v2"
GUIDE_RADIUS = 3  # pixels of the network's frame
GUIDE_EPSILON = 1e-3  # variance of the guide, on a 0..1 scale, below which an edge is texture
GREY = (0.299, 0.587, 0.114)  # of red, green and blue in the guide: what cv2.COLOR_RGB2GRAY means


class Segmenter:
    """A person segmenter at a fixed input size.

    Args:
        network: callable, frame uint8 `[height, width, 3]` RGB to person probability float32 `[height, width]`.
        height, width: of the network's input, pixels.
        threshold: 0..1, the probability from which on a pixel is person.
        path: of the model's file, for reports.
        landscape: another `Segmenter`, which takes the photos that are wider than high; None to take them here.
    """

    def __init__(self, network, height, width, threshold=0.5, path=None, landscape=None):
        self.network, self.height, self.width, self.threshold, self.path = network, height, width, threshold, path
        self.landscape = landscape

    @classmethod
    def load(cls, path=None, kind=None, threads=2):
        """Loads a model.

        Args:
            path: a bundle folder, a `.tflite` file or a `.keras` checkpoint; None for the shipped bundle. Only
                `.keras` needs Keras. A bundle and a checkpoint take upright and wide photos each in their own shape, a
                file all photos in its own.
            kind: which of a bundle's models: "int8" or "float16"; None for the bundle's default.
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
            return cls._load_bundle(path, kind, threads)
        if path.suffix == ".tflite":
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: {error.strerror}") from error
            return cls(*litert_network(content, path, threads), path=path)
        if path.suffix == ".keras":
            return cls._load_checkpoint(path)
        raise ModelError(f"{path}: a model is a bundle folder, a .tflite file or a .keras checkpoint.")

    @classmethod
    def _load_checkpoint(cls, path):
        model = load_checkpoint(path)
        height, width = model.input_shape[1:3]
        portrait = cls(keras_network(model), height, width, path=path)
        if height > width:
            portrait.landscape = cls(keras_network(copy_network(model, width, height)), width, height, path=path)
        return portrait

    @classmethod
    def _load_bundle(cls, folder, kind, threads):
        try:
            contract = json.loads((folder / "model.json").read_text())
            kind, models, threshold = kind or contract["default"], contract["models"], contract["threshold"]
            if kind not in models:
                raise ModelError(f"{folder}: holds no {kind!r} model, but {', '.join(models)}.")
            model, landscape = models[kind], models.get(f"{kind}_landscape")
            portrait = cls._bundled(folder, model, threshold, threads)
            portrait.landscape = cls._bundled(folder, landscape, threshold, threads) if landscape else None
        except (OSError, KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ModelError(f"{folder}: not a model bundle: {error!r}") from error
        return portrait

    @classmethod
    def _bundled(cls, folder, model, threshold, threads):
        path = folder / model["file"]
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != model["sha256"]:
            raise ModelError(f"{path}: its sha256 is not the one in model.json; the bundle is damaged.")
        return cls(*litert_network(content, path, threads), threshold, path)

    def alpha(self, image, mirror=False):
        """How much of each pixel is person.

        Args:
            image: uint8 `[H, W, 3]` RGB, any size.
            mirror: whether to ask about the mirrored photo too and to take the mean: better, for twice the time.

        Returns:
            float32 `[H, W]` in 0..1.
        """
        return upsample(*self.probability(image, mirror), image)

    def probability(self, image, mirror=False):
        """What the network says, before it is brought to the photo's size.

        Args:
            image, mirror: as of `alpha`.

        Returns:
            `(probability, small)`: float32 `[h, w]` in 0..1, and uint8 `[h, w, 3]`, the photo at that size.
        """
        if self.landscape and image.shape[1] > image.shape[0]:
            return self.landscape.probability(image, mirror)
        frame, box = letterbox(image, self.height, self.width)
        probability = self.network(frame)
        if mirror:
            probability = (probability + self.network(np.ascontiguousarray(frame[:, ::-1]))[:, ::-1]) / 2
        inside = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
        return probability[inside], np.ascontiguousarray(frame[inside])

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

"""The one way to get a mask from a photo, whichever runtime holds the model.

    segmenter = Segmenter.load()                    # the shipped model; or a bundle folder, a .tflite, a .keras
    alpha = segmenter.alpha(read_image("me.jpg"))   # float32 [H, W] in 0..1

LiteRT runs .tflite files and bundles; Keras is imported for .keras checkpoints alone.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from tfseg.letterbox import letterbox
from tfseg.matte import refine_alpha
from tfseg.quarantine import probe
from tfseg.runtime import ModelError, copy_network, keras_network, litert_network, load_checkpoint

BUNDLED = Path(__file__).parents[1] / "android_assets" / "person_mobilenet_v2"


class Segmenter:
    """A person segmenter at a fixed input size.

    >>> from tfseg.sample import portraits
    >>> photo, _ = portraits()["astronaut"]
    >>> segmenter = Segmenter.load()
    >>> alpha = segmenter.alpha(photo)
    >>> alpha.shape, alpha.dtype
    ((512, 512), dtype('float32'))
    >>> mask = segmenter.mask(photo)
    >>> int(mask[100, 228]), int(mask[20, 400])  # the face, the wall
    (1, 0)

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
    def load(cls, path=None, kind=None, threads=2, copies=1):
        """Loads a model.

        Args:
            path: a bundle folder, a `.tflite` file or a `.keras` checkpoint; None for the shipped bundle. Only
                `.keras` needs Keras. A bundle and a checkpoint take upright and wide photos each in their own shape, a
                file all photos in its own.
            kind: which of a bundle's models: "int8", "int8_float_edges" or "float16"; None for the bundle's default.
            threads: of the LiteRT interpreter, from 1.
            copies: of the LiteRT interpreter, from 1; so many threads can ask at once, more wait for each other.

        Returns:
            A `Segmenter`.

        Raises:
            ModelError: missing, damaged, changed since it was bundled, or not a person segmenter.
            ImportError: a `.keras` checkpoint without the training extra.
        """
        path = Path(path or BUNDLED)
        if not os.path.exists(path):
            raise ModelError(f"{path}: no such model.")
        if path.is_dir():
            return cls._load_bundle(path, kind, threads, copies)
        if path.suffix == ".tflite" and path.is_file():
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: {error.strerror}") from error
            probe(content, path)
            return cls(*litert_network(content, path, threads, copies), path=path)
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
    def _load_bundle(cls, folder, kind, threads, copies):
        try:
            if not (folder / "model.json").is_file():
                raise ModelError(f"{folder}: not a model bundle: it holds no model.json.")
            contract = json.loads((folder / "model.json").read_text())
            kind, models, threshold = kind or contract["default"], contract["models"], contract["threshold"]
            if kind not in models:
                raise ModelError(f"{folder}: holds no {kind!r} model, but {', '.join(models)}.")
            model, landscape = models[kind], models.get(f"{kind}_landscape")
            portrait = cls._bundled(folder, model, threshold, threads, copies)
            portrait.landscape = cls._bundled(folder, landscape, threshold, threads, copies) if landscape else None
        except ModelError:
            raise
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{folder}: not a model bundle: {error!r}") from error
        return portrait

    @classmethod
    def _bundled(cls, folder, model, threshold, threads, copies):
        path = folder / model["file"]
        if Path(model["file"]).name != model["file"] or not path.is_file():
            raise ModelError(f"{folder}: its model.json names {model['file']!r}, which is no file in it.")
        if not 0 < threshold < 1:
            raise ModelError(f"{folder}: its model.json has the threshold {threshold!r}; it lies between 0 and 1.")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != model["sha256"]:
            raise ModelError(f"{path}: its sha256 is not the one in model.json; the bundle is damaged.")
        if folder != BUNDLED:
            probe(content, path)
        return cls(*litert_network(content, path, threads, copies), threshold, path)

    def alpha(self, image, mirror=False):
        """How much of each pixel is person.

        Args:
            image: uint8 `[H, W, 3]` RGB, any size.
            mirror: whether to ask about the mirrored photo too and to take the mean: better, for twice the time.

        Returns:
            float32 `[H, W]` in 0..1.
        """
        return refine_alpha(*self.probability(image, mirror), image)

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

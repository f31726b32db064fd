"""What a benchmark compares: each answers a photo and tells how long each stage took."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from export.webgpu import gpu_network
from tfseg.console import quiet
from tfseg.runtime import ModelError, load_checkpoint
from tfseg.segmenter import Segmenter
from training.peers import PYTHON, TORCH_PYTHON, UNTRAINED, Peer

PEER_NAMES = {"mediapipe": "MediaPipe Selfie Segmentation", "hackathon": "2018 U-Net in PyTorch, untrained"}


class Answer(NamedTuple):
    """Person probability float32 `[H, W]` at the photo's size, and seconds; None where a stage cannot be told apart."""

    alpha: np.ndarray
    preprocess: float | None
    infer: float | None
    postprocess: float | None
    whole: float


class Contender:
    """One of this project's models on one delegate.

    Args:
        path: of the .tflite or .keras file, as `pathlib.Path`.
        delegate: "cpu", "gpu" or "keras-gpu".
        threads: of the CPU; Keras takes all cores, whatever is asked.

    Raises:
        ModelError: it cannot be loaded.
        RuntimeError: the GPU delegate fails.
    """

    def __init__(self, path, delegate, threads):
        self.path, self.delegate, self.threads, self.name = path, delegate, threads, path.stem
        if path.suffix == ".keras":
            self.threads, self.name = os.cpu_count(), f"{path.stem} in Keras"
            self.segmenter = _compiled(path, "/GPU:0" if delegate == "keras-gpu" else "/CPU:0")
        else:
            self.segmenter = Segmenter.load(path, threads=threads)
            if delegate == "gpu":
                with quiet():
                    self.segmenter.network, _ = gpu_network(path)
        self.seconds = {}
        self.segmenter.network = self._timed("network", self.segmenter.network)
        self.segmenter.probability = self._timed("probability", self.segmenter.probability)

    def answer(self, image):
        """uint8 `[H, W, 3]` RGB to `Answer`."""
        alpha = self._timed("whole", self.segmenter.alpha)(image)
        infer, asked, whole = (self.seconds[part] for part in ("network", "probability", "whole"))
        return Answer(alpha, asked - infer, infer, whole - asked, whole)

    def close(self):
        """Nothing of it runs on by itself."""

    def _timed(self, part, function):
        def timed(*arguments):
            start = time.perf_counter()
            answer = function(*arguments)
            self.seconds[part] = time.perf_counter() - start
            return answer

        return timed


class PeerContender:
    """Another network in its own process, timed there; the pipes between are not counted.

    Args:
        name: a key of `PEER_NAMES`.
        threads: of the CPU. MediaPipe's graph lets none be chosen and computes in one.

    Raises:
        PeerError: it is not installed.
    """

    delegate = "cpu"

    def __init__(self, name, threads):
        self.peer = Peer(name, TORCH_PYTHON if name in UNTRAINED else PYTHON, threads)
        self.name, self.path, self.threads = PEER_NAMES[name], self.peer.path, threads

    def answer(self, image):
        """uint8 `[H, W, 3]` RGB to `Answer`."""
        alpha, network = self.peer.alpha(image), self.peer.network_seconds
        return Answer(alpha, None, None if np.isnan(network) else network, None, self.peer.seconds)

    def close(self):
        """Ends its process."""
        self.peer.close()


def find_models(paths):
    """The files that paths name: of a bundle those for upright photos.

    Raises:
        ModelError: a path is missing, or no model.
    """
    files = []
    for path in map(Path, paths):
        if path.is_dir():
            try:
                models = json.loads((path / "model.json").read_text())["models"].values()
                files += [path / model["file"] for model in models if model["photos"] == "portrait"]
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise ModelError(f"{path}: not a model bundle: {error!r}") from error
        elif path.suffix in (".tflite", ".keras"):
            files.append(path)
        else:
            raise ModelError(f"{path}: a model is a bundle folder, a .tflite file or a .keras checkpoint.")
    for file in files:
        if not file.is_file():
            raise ModelError(f"{file}: no such model.")
    return list(dict.fromkeys(files))


def _compiled(path, device):
    """A checkpoint as `Segmenter` on a TensorFlow device, traced once: otherwise Python would be timed."""
    import tensorflow as tf

    model = load_checkpoint(path)
    height, width = model.input_shape[1:3]
    traced = tf.function(lambda image: tf.sigmoid(model(image, training=False)))

    def network(frame):
        with tf.device(device):
            return traced(tf.constant(frame[None], tf.float32)).numpy()[0, ..., 0]

    return Segmenter(network, height, width, path=path)

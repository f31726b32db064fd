"""Who takes part in a benchmark: each model on each delegate is probed once, and timed where that makes sense.

A row is a dict: name, delegate, threads, status in words, fault (whether a GPU row is less than it should be), and what
was found; `samples` and `ms` once it has been timed.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from export.calibration import spread
from export.contenders import Contender, PeerContender
from export.graph import read_operators
from export.macs import keras_macs, tflite_macs
from export.probe import probe, xnnpack_operators
from export.timings import summarise
from tfseg.image import read_image
from tfseg.letterbox import letterbox
from tfseg.metrics import dice
from tfseg.runtime import load_checkpoint
from tfseg.segmenter import Segmenter
from training.peers import UNTRAINED

LEAST_AGREEMENT = 0.998  # Dice of the GPU's masks against the CPU's, mean over photos
AGREEING = 8  # photos at most that the GPU is asked about; a software adapter takes seconds for each


class Entry(NamedTuple):
    """A row, and who is to be timed for it; None where nobody is."""

    row: dict
    contender: Contender | PeerContender | None


def enter_all(models, delegates, threads, peers, photos):
    """Probes every model on every delegate that can hold it.

    Args:
        models: paths of .tflite and .keras files.
        delegates: of "cpu", "gpu" (.tflite alone) and "keras-gpu" (.keras alone).
        threads: numbers of CPU threads; Keras takes all cores.
        peers: keys of `export.contenders.PEER_NAMES`.
        photos: bytes of each; the CPU is probed with the first, a GPU with `AGREEING` of them, spread evenly.

    Returns:
        list of `Entry`.

    Raises:
        ValueError: a delegate is named that none of the models can run on; a model cannot be loaded.
    """
    entries = []
    images = [read_image(photo) for photo in spread(photos, AGREEING if "gpu" in delegates else 1)]
    for delegate in delegates:
        held = [
            model for model in models if delegate == "cpu" or (model.suffix == ".keras") == (delegate == "keras-gpu")
        ]
        if not held and (delegate == "keras-gpu" or len(delegates) == 1):
            kind = ".keras checkpoint" if delegate == "keras-gpu" else ".tflite file"
            raise ValueError(f"--delegate {delegate}: needs a {kind}; --model names none.")
        for model in held:
            if delegate == "cpu":
                taken = threads if model.suffix == ".tflite" else [0]
                entries += [enter_cpu(model, number, images[0]) for number in taken]
            else:
                entries.append(enter_gpu(model, images) if delegate == "gpu" else enter_keras_gpu(model))
    return entries + [enter_peer(name, number) for number in threads for name in peers]


def enter_cpu(path, threads, image):
    """A model on the CPU."""
    contender = Contender(path, "cpu", threads)
    row = new_row(contender.name, path, "cpu", contender.threads, "timed")
    row |= _found(probe(path, "cpu", contender.threads, _frame(contender.segmenter, image)[None]))
    if path.suffix == ".tflite":
        row["delegated"], row["operators"] = xnnpack_operators(path)
    return Entry(row, contender)


def enter_gpu(path, images):
    """A .tflite file on the GPU delegate; timed only where there is a real GPU behind it."""
    segmenter = Segmenter.load(path)
    frames = np.stack([_frame(segmenter, image) for image in images])
    seen, expected = probe(path, "gpu", 1, frames), np.stack([segmenter.network(frame) for frame in frames])
    row = new_row(path.stem, path, "gpu", 1, "timed") | _found(seen)
    row["operators"] = len(read_operators(path.read_bytes()))
    row["delegated"] = row["operators"] - seen.left if seen.answers is not None else 0
    row["adapter"], row["software"], row["refused"] = seen.adapter, seen.software, list(seen.refused)
    row["status"], row["fault"] = verdict(seen, row["operators"]), bool(seen.fault or seen.left)
    if seen.answers is None:
        return Entry(row, None)
    scores = [dice(one >= 0.5, other >= 0.5) for one, other in zip(expected, seen.answers, strict=True)]
    row["agreement_dice"], row["agreement_least"] = float(np.mean(scores)), min(scores)
    row["agreement_max"], row["agreement_photos"] = float(np.abs(expected - seen.answers).max()), len(scores)
    if row["agreement_dice"] < LEAST_AGREEMENT:
        row["status"], row["fault"] = f"DISAGREES with the CPU; {row['status']}", True
    return Entry(row, None if seen.software else Contender(path, "gpu", 1))


def verdict(seen, operators):
    """What a probe of the GPU comes to, in words."""
    if seen.fault:
        return seen.fault
    kind = f"SOFTWARE adapter {seen.adapter}, not a GPU and not timed" if seen.software else f"GPU {seen.adapter}"
    if seen.left:
        return (
            f"{kind}; partly delegated, {seen.left} of {operators} operators left to the CPU: {' '.join(seen.refused)}"
        )
    return f"{kind}; fully delegated"


def enter_keras_gpu(path):
    """A checkpoint on TensorFlow's own GPU."""
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        return Entry(new_row(f"{path.stem} in Keras", path, "keras-gpu", 0, "TensorFlow sees no GPU"), None)
    contender = Contender(path, "keras-gpu", 0)
    name = tf.config.experimental.get_device_details(devices[0]).get("device_name", devices[0].name)
    return Entry(new_row(contender.name, path, "keras-gpu", contender.threads, f"timed on {name}"), contender)


def enter_peer(name, threads):
    """Another network."""
    contender = PeerContender(name, threads)
    row = new_row(contender.name, contender.path, "cpu", threads, "timed in its own process")
    if name in UNTRAINED:
        row["bytes"] = row["macs"] = None
    return Entry(row, contender)


def new_row(name, path, delegate, threads, status):
    """A row before anything was timed, with what the file alone tells."""
    path = Path(path)
    row = {"name": name, "file": str(path), "delegate": delegate, "threads": threads, "status": status, "fault": False}
    content = path.read_bytes()
    row |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "macs": None}
    if path.suffix == ".tflite":
        row["macs"] = tflite_macs(content)
    elif path.suffix == ".keras":
        row["macs"] = keras_macs(load_checkpoint(path))
    return row | {"samples": {}, "ms": {}}


def finish_row(row, samples, dice_mean):
    """Adds the times, in place."""
    row["samples"], row["ms"], row["dice"] = samples, summarise(samples), dice_mean


def _frame(segmenter, image):
    return letterbox(image, segmenter.height, segmenter.width)[0]


def _found(seen):
    """What a probe measured, for a row."""
    return {
        "load_ms": None if seen.load is None else 1000 * seen.load,
        "first_ms": None if seen.first is None else 1000 * seen.first,
        "peak_mb": None if seen.peak_bytes is None else seen.peak_bytes / 1e6,
    }

"""model.json: all that an app must know to feed the models of a bundle and to read their answers."""

import hashlib
import json

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from export.golden import TOLERANCE
from tfseg.console import quiet
from tfseg.image import PAD_VALUE

THRESHOLD = 0.5
FORMAT = 1  # of model.json


def build_contract(name, models, golden):
    """The content of model.json: all that an app must know to feed a model and read its answer."""
    height, width = models["int8"]["input"]["shape"][1:3]
    return {
        "format": FORMAT,
        "name": name,
        "task": "person segmentation",
        "default": "int8",
        "threshold": THRESHOLD,
        "input": {
            "height": height,
            "width": width,
            "layout": "NHWC",
            "colour_order": "RGB",
            "range": [0, 255],
            "resize": {
                "rule": "letterbox",
                "place": "centre",
                "pad_value": PAD_VALUE,
                "shrink": "area",
                "enlarge": "bilinear",
            },
        },
        "output": {"meaning": "person probability", "range": [0, 1]},
        "models": models,
        "golden": {"mean_absolute_tolerance": TOLERANCE, "pairs": golden},
    }


def describe(content, name):
    """What model.json says of one file, read from the file: size, checksum, and both tensors."""
    with quiet():
        interpreter = Interpreter(model_content=content, num_threads=1)
    tensors = {"input": interpreter.get_input_details()[0], "output": interpreter.get_output_details()[0]}
    _, height, width, _ = tensors["input"]["shape"].tolist()
    description = {
        "file": name,
        "photos": "landscape" if width > height else "portrait",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    for end, detail in tensors.items():
        scale, zero_point = detail["quantization"]
        description[end] = {
            "shape": detail["shape"].tolist(),
            "dtype": np.dtype(detail["dtype"]).name,
            "scale": float(scale) or 1.0,
            "zero_point": int(zero_point),
        }
    return description


def check_contract(folder):
    """Compares model.json with the model files that it describes.

    Args:
        folder: of the bundle, as `pathlib.Path`.

    Returns:
        The content of model.json.

    Raises:
        ValueError: it says otherwise than the files, or is no contract; the message names what differs.
    """
    path = folder / "model.json"
    try:
        contract, models = json.loads(path.read_text()), {}
        for kind, model in contract["models"].items():
            models[kind] = describe((folder / model["file"]).read_bytes(), model["file"])
            if wrong := _differing(model, models[kind]):
                raise ValueError(f"{path}: {wrong} of {model['file']} differ from the file.")
        expected = build_contract(contract["name"], models, contract["golden"]["pairs"])
        if wrong := _differing(contract, expected | {"threshold": contract["threshold"]}):
            raise ValueError(f"{path}: {wrong} differ from what the model files need.")
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a bundle's contract: {error!r}") from error
    return contract


def _differing(one, other):
    return ", ".join(sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key)))

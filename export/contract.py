"""Does model.json say of a bundle's files what is in them?"""

import hashlib
import json

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfseg.console import quiet


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
            if wrong := [key for key, value in models[kind].items() if model.get(key) != value]:
                raise ValueError(f"{path}: {', '.join(wrong)} of {model['file']} differ from the file.")
        named, taken = contract["input"], models[contract["default"]]["input"]["shape"]
        if [named["height"], named["width"]] != taken[1:3]:
            raise ValueError(f"{path}: height and width of input differ from those of the {contract['default']} file.")
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a bundle's contract: {error!r}") from error
    return contract

"""Golden pairs: frames, and what each model of a bundle makes of them, for a port to check itself against."""

from pathlib import Path

import numpy as np

from tfseg.image import letterbox, read_image, write_image
from tfseg.sample import person_free, portraits
from tfseg.segmenter import Segmenter

TOLERANCE = 2  # mean absolute difference over the pixels, of 255, that another runtime may show


def write_golden(out, models):
    """Writes photos at each network's size and what each model makes of them.

    Args:
        out: folder of the bundle, which holds the model files already.
        models: name to description, as model.json has them.

    Returns:
        A list of dicts of file names, one a photo and orientation: `input` (RGB PNG, fed as it is) and by name of the
        model the output (grey PNG: the very bytes of an int8 model, and 255 times the probability of a float one).
    """
    photos = {name: image for name, (image, _) in portraits().items()} | {"no_person": person_free()}
    golden = {}
    for kind, model in models.items():
        segmenter = Segmenter.load(out / model["file"])
        for name, photo in photos.items():
            stem = f"{name}_landscape" if model["photos"] == "landscape" else name
            frame = letterbox(photo, segmenter.height, segmenter.width)[0]
            if stem not in golden:
                golden[stem] = {"input": f"golden/{stem}.png"}
                write_image(out / golden[stem]["input"], frame)
            golden[stem][kind] = f"golden/{name}_{kind}.png"
            write_image(out / golden[stem][kind], np.round(answer(segmenter, frame, model)).astype(np.uint8))
    return list(golden.values())


def replay_golden(folder, contract):
    """Feeds every golden input to its models.

    Args:
        folder: of the bundle.
        contract: content of model.json.

    Raises:
        ValueError: an answer differs by more than the contract's tolerance; the message names the files.
    """
    tolerance = contract["golden"]["mean_absolute_tolerance"]
    for kind, model in contract["models"].items():
        segmenter = Segmenter.load(Path(folder) / model["file"])
        for pair in contract["golden"]["pairs"]:
            if kind in pair:
                expected = read_image(Path(folder) / pair[kind])[..., 0]
                given = answer(segmenter, read_image(Path(folder) / pair["input"]), model)
                difference = np.abs(given - expected).mean()
                if difference > tolerance:
                    raise ValueError(
                        f"{Path(folder) / pair[kind]}: {model['file']} answers otherwise, by {difference:.2f} of 255 "
                        f"on average; {tolerance} is allowed."
                    )


def answer(segmenter, frame, model):
    """A model's answer in the unit of its golden picture, float32 `[height, width]` in 0..255."""
    output = model["output"]
    return segmenter.network(frame) / (output["scale"] if output["dtype"] == "uint8" else 1 / 255)

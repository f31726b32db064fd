"""What a port checks itself against.

Golden pairs are frames, and what each model of a bundle makes of them. Golden photos are whole photos with every stage
of their way to an alpha, so that the work before and after the network can be checked without one.
"""

from pathlib import Path

import cv2
import numpy as np

from tfseg.image import read_image, write_image
from tfseg.letterbox import letterbox
from tfseg.matte import refine_alpha
from tfseg.sample import person_free, portraits
from tfseg.segmenter import Segmenter

TOLERANCE = 2  # mean absolute difference over the pixels, of 255, that another runtime may show
STAGES = ("photo", "frame", "answer", "alpha")
SIDES = {"astronaut": 360, "grace_hopper": 120, "no_person": 360}  # of the golden photos, the longer one, pixels


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


def write_photos(out, models, kind):
    """Writes photos, and what becomes of them on their way through one kind of model.

    One photo is smaller than the network's frame, the others are larger; one is wider than high.

    Args:
        out: folder of the bundle, which holds the model files already.
        models: name to description, as model.json has them.
        kind: the models' name; photos that are wider than high go to `<kind>_landscape` if there is one.

    Returns:
        A list of dicts, one a photo: `model`, the name of the one that it goes to, and by stage a file's name: `photo`
        (RGB PNG), `frame` (RGB PNG, letterboxed), `answer` (grey PNG, as in `write_golden`), `alpha` (grey PNG of the
        photo's size, 255 times the alpha).
    """
    images = {name: image for name, (image, _) in portraits().items()} | {"no_person": person_free()}
    golden = []
    for name, side in SIDES.items():
        scale = side / max(images[name].shape)
        photo = cv2.resize(images[name], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        wide = photo.shape[1] > photo.shape[0] and f"{kind}_landscape" in models
        model = f"{kind}_landscape" if wide else kind
        stages = dict(zip(STAGES, (photo, *_stages(out, models[model], photo)), strict=True))
        golden.append({"model": model} | {stage: f"golden/{name}_{stage}.png" for stage in STAGES})
        for stage, pixels in stages.items():
            write_image(out / golden[-1][stage], pixels)
    return golden


def replay_photos(folder, contract):
    """Takes every golden photo through its model again; as `replay_golden`, and a frame must be the very same."""
    for golden in contract["golden"].get("photos", ()):
        paths = {stage: Path(folder) / golden[stage] for stage in STAGES}
        given = _stages(folder, contract["models"][golden["model"]], read_image(paths["photo"]))
        for stage, pixels in zip(STAGES[1:], given, strict=True):
            expected = read_image(paths[stage])
            expected = expected if stage == "frame" else expected[..., 0]
            tolerance = 0 if stage == "frame" else contract["golden"]["mean_absolute_tolerance"]
            if expected.shape != pixels.shape or np.abs(expected - pixels.astype(np.float32)).mean() > tolerance:
                raise ValueError(f"{paths[stage]}: not what becomes of {paths['photo'].name}.")


def _stages(folder, model, photo):
    """Frame, answer and alpha of a photo, all uint8."""
    segmenter = Segmenter.load(Path(folder) / model["file"])
    frame, box = letterbox(photo, segmenter.height, segmenter.width)
    inside = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
    small = np.ascontiguousarray(frame[inside])
    alpha = refine_alpha(segmenter.network(frame)[inside], small, photo)
    return frame, np.round(answer(segmenter, frame, model)).astype(np.uint8), np.round(alpha * 255).astype(np.uint8)


def answer(segmenter, frame, model):
    """A model's answer in the unit of its golden picture, float32 `[height, width]` in 0..255."""
    output = model["output"]
    return segmenter.network(frame) / (output["scale"] if output["dtype"] == "uint8" else 1 / 255)

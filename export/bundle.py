"""Write the folder that an app copies: models, contract, golden pairs, checksums, model card.

    python -m export.bundle --model best_dice.keras --calibration photos/val --out android_assets/person_mobilenet_v2

The same inputs give the same bytes. To have measured numbers in the model card, evaluate the bundle and write it again:

    python -m training.evaluate --model android_assets/person_mobilenet_v2 --data photos/val --out runs/int8
    python -m export.bundle ... --evaluation runs/int8/results.json --provenance docs/training-data.md
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from export.tflite_convert import CALIBRATION_PHOTOS, convert, spread
from tfseg.data import find_pairs
from tfseg.image import PAD_VALUE, letterbox, replacing, write_image
from tfseg.sample import person_free, portraits
from tfseg.segmenter import Segmenter, load_checkpoint
from training.config import OneLineParser
from training.evaluate import table
from training.fit import BUNDLED

KINDS = ("int8", "float16")
THRESHOLD = 0.5
GOLDEN_TOLERANCE = 2  # mean absolute difference over the pixels, of 255, that another runtime may show
FORMAT = 1  # of model.json


def main(arguments=None):
    parser = OneLineParser(
        prog="export.bundle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    parser.add_argument("--evaluation", help="results.json of training.evaluate on this bundle, for the model card")
    parser.add_argument("--provenance", help="Markdown on what the model was trained on, for the model card")
    parser.add_argument("--out", required=True, metavar="DIR", help="the bundle; its name is the model's name")
    options = parser.parse_args(arguments)
    try:
        pairs = [pair for folder in options.calibration for pair in find_pairs(folder)]
        model = load_checkpoint(options.model)
        photos = [pair.image for pair in spread(pairs, CALIBRATION_PHOTOS)]
        provenance = Path(options.provenance).read_text() if options.provenance else ""
        results = read_results(options.evaluation) if options.evaluation else None
        contents = {kind: convert(model, kind, photos) for kind in KINDS}
        measured = measured_table(results, contents) if results else ""
        write_bundle(Path(options.out), contents, measured, provenance)
    except (ValueError, ImportError, OSError) as error:
        print(f"export.bundle: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}/: {', '.join(f'{kind} {len(content) / 1e6:.2f} MB' for kind, content in contents.items())}")
    return 0


def write_bundle(out, contents, measured, provenance):
    """Writes every file of the bundle; `SHA256SUMS` last.

    Args:
        out: folder, as `pathlib.Path`.
        contents: kind ("int8", "float16") to bytes of the .tflite file.
        measured, provenance: Markdown for the model card, may be empty.
    """
    models = {}
    for kind, content in contents.items():
        name = f"{out.name}_{kind}.tflite"
        _write(out / name, content)
        models[kind] = describe(content, name)
    golden = write_golden(out, models)
    contract = build_contract(out.name, models, golden)
    _write(out / "model.json", (json.dumps(contract, indent=1) + "\n").encode())
    _write(out / "MODEL_CARD.md", model_card(contract, measured, provenance).encode())
    named = [*(model["file"] for model in models.values()), "model.json", "MODEL_CARD.md"]
    named += [file for pair in golden for file in pair.values()]
    sums = [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(named)]
    _write(out / "SHA256SUMS", "".join(sums).encode())


def describe(content, name):
    """What model.json says of one file, read from the file: size, checksum, and both tensors."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    tensors = {"input": interpreter.get_input_details()[0], "output": interpreter.get_output_details()[0]}
    description = {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    for end, detail in tensors.items():
        scale, zero_point = detail["quantization"]
        description[end] = {
            "shape": detail["shape"].tolist(),
            "dtype": np.dtype(detail["dtype"]).name,
            "scale": float(scale) or 1.0,
            "zero_point": int(zero_point),
        }
    return description


def write_golden(out, models):
    """Writes photos at the network's size and what each model makes of them, for a port to check itself against.

    Args:
        out: folder of the bundle, which holds the model files already.
        models: kind to its description.

    Returns:
        A list of dicts of file names: `input` (RGB PNG, fed as it is) and by kind the output (grey PNG: the very bytes
        of an int8 model, and 255 times the probability of a float one).
    """
    segmenters = {kind: Segmenter.load(out / model["file"]) for kind, model in models.items()}
    photos = {name: image for name, (image, _) in portraits().items()} | {"no_person": person_free()}
    golden = []
    height, width = next((segmenter.height, segmenter.width) for segmenter in segmenters.values())
    for name, photo in photos.items():
        frame = letterbox(photo, height, width)[0]
        files = {"input": f"golden/{name}.png"}
        write_image(out / files["input"], frame)
        for kind, segmenter in segmenters.items():
            output = models[kind]["output"]
            step = output["scale"] if output["dtype"] == "uint8" else 1 / 255
            files[kind] = f"golden/{name}_{kind}.png"
            write_image(out / files[kind], np.round(segmenter.network(frame) / step).astype(np.uint8))
        golden.append(files)
    return golden


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
        "golden": {"mean_absolute_tolerance": GOLDEN_TOLERANCE, "pairs": golden},
    }


def read_results(path):
    """The results.json of an evaluation. Raises ValueError when it is none."""
    try:
        results = json.loads(Path(path).read_text())
        return {key: results[key] for key in ("sha256", "summary", "threshold")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a results.json of training.evaluate: {error!r}") from error


def measured_table(results, contents):
    """The table of an evaluation, for the model card.

    Raises:
        ValueError: it was made with another model than these files.
    """
    for kind, content in contents.items():
        if hashlib.sha256(content).hexdigest() == results["sha256"]:
            names = [Path(name).name for name in results["summary"]]
            if len(set(names)) < len(names):  # a/val and b/val stay apart
                names = list(results["summary"])
            summary = dict(zip(names, results["summary"].values(), strict=True))
            return f"The {kind} file, at threshold {results['threshold']}:\n\n{table(summary)}\n"
    raise ValueError("--evaluation: measured on another model than the one bundled here; evaluate this bundle first.")


def model_card(contract, measured, provenance):
    """MODEL_CARD.md, after Mitchell et al. 2019, arXiv:1810.03993."""
    size = contract["input"]
    files = "\n".join(
        f"| {kind} | `{model['file']}` | {model['bytes'] / 1e6:.2f} "
        f"| {model['input']['dtype']} | {model['output']['dtype']} |"
        for kind, model in contract["models"].items()
    )
    command = f"python -m training.evaluate --model android_assets/{contract['name']} --data DIR [DIR ...]"
    return f"""# Model card: {contract["name"]}

Finds the person, or people, in a photo: raw RGB bytes in, a person probability for every pixel out.

| kind | file | MB | input | output |
|---|---|---|---|---|
{files}

Input is one photo letterboxed to {size["width"]} wide and {size["height"]} high, {size["colour_order"]}, 0..255, filled
with {size["resize"]["pad_value"]} beside the photo. Output has the same height and width. `model.json` holds every
constant that code needs; `golden/` holds inputs and outputs to check a port against; `SHA256SUMS` covers all files.

## Meant for
Cutting out, blurring or replacing the background of photos that people take of each other, on their own device.

## Not meant for
Identifying, counting or tracking people, or any decision about a person. Groups in the distance, people mostly hidden,
drawings, statues and reflections are not reliably found, and thin things (fingers, straps, single hairs) are cut short.
Without a person in the photo, an animal or a thing that fills the frame may be taken for one.

## Measured
{measured or "Not yet."}
Measured with `{command}`:
per-photo scores at each photo's own size,
mean over photos, bootstrap 95 % intervals; boundary F at a tolerance of 0.75 % of the diagonal.

## Trained on
{provenance or "Not stated: name a file with --provenance when bundling."}
"""


def _write(path, content):
    with replacing(path) as temporary:
        temporary.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())

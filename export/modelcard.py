"""MODEL_CARD.md of a bundle: what the model is for, how well it does, what it was trained on."""

import hashlib
import json
from pathlib import Path

from training.summary import beside, table


def read_results(path):
    """The results.json of an evaluation. Raises ValueError when it is none."""
    try:
        results = json.loads(Path(path).read_text())
        return {key: results[key] for key in ("name", "sha256", "summary", "threshold", "beside")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a results.json of training.evaluate: {error!r}") from error


def measured_table(results, contents):
    """The table of an evaluation, for the model card.

    Raises:
        ValueError: it was made with another model than these files.
    """
    for kind, content in contents.items():
        if hashlib.sha256(content).hexdigest() == results["sha256"]:
            names = {name: Path(name).name for name in results["summary"]}
            if len(set(names.values())) < len(names):  # a/val and b/val stay apart
                names = {name: name for name in names}
            measured = [
                one | {"summary": {names[name]: summary for name, summary in one["summary"].items()}}
                for one in (results, *results["beside"])
            ]
            return f"The {kind} file, at threshold {results['threshold']}:\n\n{table(beside(measured))}\n"
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
with {size["resize"]["pad_value"]} beside the photo. Files named `_landscape` hold the same weights with the sides
exchanged and take the photos that are wider than high. Files named `_float_edges` compute in integers but for their
finest stages, and take and give float32, as GPU delegates and WebGPU want it. Every file holds metadata for MediaPipe
Tasks. Output has the same height and width. `model.json` holds every constant that code needs; `golden/` holds inputs
and outputs to check a port against; `SHA256SUMS` covers all files.

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

"""Write the folder that an app copies: models, contract, golden pairs, checksums, model card.

    python -m export.bundle --model best_dice.keras --calibration photos/val --out android_assets/person_mobilenet_v2

Nothing is written unless every file says what the checkpoint says, as with export.tflite_convert; status 1 if one does
not. The same inputs give the same bytes on the same kind of processor (another may round a weight otherwise). To have
measured numbers in the model card, evaluate the bundle and write it again:

    python -m training.evaluate --model android_assets/person_mobilenet_v2 --data photos/val --out runs/int8
    python -m export.bundle ... --evaluation runs/int8/results.json --provenance docs/training-data.md

A bundle that was copied or stored can be verified: checksums, contract against files, golden pairs replayed:

    python -m export.bundle --check android_assets/person_mobilenet_v2
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from export import parity
from export.calibration import CALIBRATION_PHOTOS, pick
from export.contract import check_contract, describe
from export.golden import STAGES, TOLERANCE, replay_golden, replay_photos, write_golden, write_photos
from export.modelcard import measured_table, model_card, read_results
from export.tflite_convert import LANDSCAPE, convert_apart
from tfseg.console import OneLineParser
from tfseg.letterbox import PAD_VALUE
from tfseg.matte import DOUBT, GREY, GUIDE_EPSILON, GUIDE_RADIUS
from tfseg.replacing import replacing
from training.config import BUNDLED_CHECKPOINT

KINDS = ("int8", "int8_float_edges", "float16")
DEFAULT = "int8"
THRESHOLD = 0.5
FORMAT = 1  # of model.json
SUMS = "SHA256SUMS"


def main(arguments=None):
    parser = OneLineParser(
        prog="export.bundle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED_CHECKPOINT, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", nargs="+", metavar="DIR", help="folders of labelled photos")
    parser.add_argument("--parity-data", nargs="+", metavar="DIR", help="folders to judge on (default: --calibration)")
    parser.add_argument("--max-dice-drop", type=float, default=parity.MAX_DICE_DROP, help="default %(default)s")
    parser.add_argument("--report", metavar="DIR", default="runs/parity", help="for parity.json and parity.png")
    parser.add_argument("--evaluation", help="results.json of training.evaluate on this bundle, for the model card")
    parser.add_argument("--provenance", help="Markdown on what the model was trained on, for the model card")
    parser.add_argument("--out", metavar="DIR", help="the bundle; its name is the model's name")
    parser.add_argument("--check", metavar="DIR", help="verify this bundle and write nothing")
    options = parser.parse_args(arguments)
    if not options.check and not (options.calibration and options.out):
        parser.error("name --calibration and --out to write a bundle, or --check to verify one")
    try:
        if options.check:
            check_bundle(Path(options.check))
            print(f"{options.check}: checksums, contract and golden pairs hold")
            return 0
        build(options)
    except parity.ParityError as error:
        print(f"export.bundle: {error} {options.out} was not written.", file=sys.stderr)
        return 1
    except (ValueError, ImportError, OSError) as error:
        print(f"export.bundle: {error}", file=sys.stderr)
        return 2
    return 0


def build(options):
    """Converts, judges, writes and verifies a bundle, as the command line says. Raises as these steps do."""
    out = Path(options.out)
    photos = [pair.image for pair in pick(options.calibration, CALIBRATION_PHOTOS)]
    judged = pick(options.parity_data or options.calibration, parity.PHOTOS)
    provenance = Path(options.provenance).read_text() if options.provenance else ""
    results = read_results(options.evaluation) if options.evaluation else None
    contents = convert_apart(options.model, [kind + turned for turned in ("", LANDSCAPE) for kind in KINDS], photos)
    measured = measured_table(results, contents) if results else ""
    named = {file_name(out, kind): content for kind, content in contents.items()}
    parity.judge(options.model, named, judged, {"dice_drop": options.max_dice_drop}, Path(options.report))
    write_bundle(out, contents, measured, provenance)
    check_bundle(out)
    print(f"{out}/: {', '.join(f'{name} {len(content) / 1e6:.2f} MB' for name, content in named.items())}")


def write_bundle(out, contents, measured, provenance):
    """Writes every file of the bundle; `SHA256SUMS` last.

    Args:
        out: folder, as `pathlib.Path`.
        contents: kind ("int8", "float16", "int8_landscape", ...) to bytes of the .tflite file.
        measured, provenance: Markdown for the model card, may be empty.
    """
    models = {}
    for kind, content in contents.items():
        name = file_name(out, kind)
        _write(out / name, content)
        models[kind] = describe(content, name)
    golden, photos = write_golden(out, models), write_photos(out, models, DEFAULT)
    contract = build_contract(out.name, models, golden, photos)
    _write(out / "model.json", (json.dumps(contract, indent=1) + "\n").encode())
    _write(out / "MODEL_CARD.md", model_card(contract, measured, provenance).encode())
    named = [*(model["file"] for model in models.values()), "model.json", "MODEL_CARD.md"]
    named += [file for pair in golden for file in pair.values()]
    named += [photo[stage] for photo in photos for stage in STAGES]
    _write(out / SUMS, checksums(out, named))


def file_name(out, kind):
    return f"{out.name}_{kind}.tflite"


def checksums(folder, names):
    """The bytes of SHA256SUMS, which `sha256sum --check` takes."""
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(names)]
    return "".join(lines).encode()


def check_bundle(folder):
    """Verifies a bundle: every file's checksum, the contract against the model files, the golden pairs.

    Args:
        folder: of the bundle, as `pathlib.Path`.

    Raises:
        ValueError: something was changed, is missing or is one too many; the message names the file.
    """
    listed = folder / SUMS
    if not listed.is_file():
        raise ValueError(f"{folder}: not a bundle: it holds no {SUMS}.")
    try:
        content = listed.read_bytes()
        sums = dict(reversed(line.split("  ", 1)) for line in content.decode().splitlines())
    except (OSError, ValueError) as error:
        raise ValueError(f"{listed}: not a list of checksums: {error}") from error
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {listed.name}
    for name in sorted(present ^ sums.keys()):
        raise ValueError(f"{folder / name}: {'not in' if name in present else 'missing, but listed in'} {listed.name}.")
    for name, checksum in sums.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != checksum:
            raise ValueError(f"{folder / name}: not what {listed.name} says; one of the two was changed.")
    if content != checksums(folder, sums):
        raise ValueError(f"{listed}: written otherwise than a bundle's list is; it was changed.")
    contract = check_contract(folder)
    try:
        replay_golden(folder, contract)
        replay_photos(folder, contract)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'model.json'}: not a bundle's contract: {error!r}") from error


def build_contract(name, models, golden, photos):
    """The content of model.json: all that an app must know to feed a model and read its answer."""
    height, width = models[DEFAULT]["input"]["shape"][1:3]
    return {
        "format": FORMAT,
        "name": name,
        "task": "person segmentation",
        "default": DEFAULT,
        "threshold": THRESHOLD,
        "doubt": DOUBT,
        "input": {
            "height": height,
            "width": width,
            "layout": "NHWC",
            "colour_order": "RGB",
            "range": [0, 255],
            "resize": {
                "rule": "letterbox",
                "rounding": "half to even",
                "place": "centre",
                "pad_value": PAD_VALUE,
                "shrink": "area",
                "enlarge": "bilinear",
            },
        },
        "output": {
            "meaning": "person probability",
            "range": [0, 1],
            "upsample": {
                "rule": "fast guided filter",
                "grey": GREY,
                "radius": GUIDE_RADIUS,
                "epsilon": GUIDE_EPSILON,
                "border": "reflect",
            },
        },
        "models": models,
        "golden": {"mean_absolute_tolerance": TOLERANCE, "pairs": golden, "photos": photos},
    }


def _write(path, content):
    with replacing(path) as temporary:
        temporary.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())

"""Does a converted file say what its checkpoint says? Both are asked about real photos.

    python -m export.parity --model best_dice.keras --data photos/val --out runs/parity

Prints a table of what every file of a bundle (or every .tflite that --files names) loses against the checkpoint: Dice,
boundary F, difference of the probabilities, share of pixels that change side. Writes parity.json, every photo's
figures, and parity.png, the photos that differ most. Ends with status 1 where a file loses more than --max-dice-drop.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from tfseg.data import find_pairs, read_pair
from tfseg.image import read_image, replacing
from tfseg.metrics import boundary_f, dice
from tfseg.runtime import copy_network, keras_network, load_checkpoint
from tfseg.segmenter import BUNDLED, Segmenter
from training import fit
from training.config import OneLineParser
from training.figures import draw_gallery, outline

MAX_DICE_DROP = 0.002
LEAST_DICE = 0.1  # below it the checkpoint itself finds nobody, and nothing can be lost
SHOWN = 12
LOSSES = ("dice_drop", "boundary_f_drop", "mean_difference", "max_difference", "changed_side")


class ParityError(ValueError):
    """A file that lost more than it may; the message gives the loss."""


def main(arguments=None):
    parser = OneLineParser(
        prog="export.parity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=fit.BUNDLED, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--files", nargs="+", default=[BUNDLED], metavar="PATH", help=".tflite files or a bundle")
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    parser.add_argument("--max-dice-drop", type=float, default=MAX_DICE_DROP, help="default %(default)s")
    parser.add_argument("--out", default="runs/parity", help="for parity.json and parity.png (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        pairs = [pair for folder in options.data for pair in find_pairs(folder)]
        files = [file for path in options.files for file in tflite_files(Path(path))]
        rows = compare(options.model, files, pairs)
        report(rows, options.model, Path(options.out))
        check(rows, options.max_dice_drop)
    except ParityError as error:
        print(f"export.parity: {error}", file=sys.stderr)
        return 1
    except (ValueError, ImportError, OSError) as error:
        print(f"export.parity: {error}", file=sys.stderr)
        return 2
    return 0


def tflite_files(path):
    """The .tflite files of a bundle, or the one that the path is. Raises ValueError when there is none."""
    files = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: no .tflite file in it.")
    return files


def compare(checkpoint, files, pairs):
    """Asks a checkpoint and files about photos.

    Of files of two orientations each is asked about the photos of its own; a square photo counts as upright.

    Args:
        checkpoint: path of the .keras file.
        files: paths of .tflite files.
        pairs: list of `tfseg.data.Pair`.

    Returns:
        path of the file to a list of dicts, one a photo: image, mask, dice and boundary_f of the checkpoint (None on
        photos without a person), and what the file loses, `LOSSES`. The differences are those of the probabilities at
        the photo's size. A file without photos of its orientation is left out.

    Raises:
        ModelError: the checkpoint or a file cannot be loaded.
        ValueError: the checkpoint finds nobody, so that nothing can be lost.
    """
    segmenters = {str(file): Segmenter.load(file) for file in files}
    sizes = {(segmenter.height, segmenter.width) for segmenter in segmenters.values()}
    references = at_sizes(checkpoint, sizes)
    both = len({width > height for height, width in sizes}) == 2
    rows = {file: [] for file in segmenters}
    for number, pair in enumerate(pairs, 1):
        image, truth = read_pair(pair)
        landscape = image.shape[1] > image.shape[0]
        asked = {file: one for file, one in segmenters.items() if not both or landscape == (one.width > one.height)}
        expected = {size: references[size].alpha(image) for size in {(one.height, one.width) for one in asked.values()}}
        for file, one in asked.items():
            rows[file].append(_row(pair, truth, expected[one.height, one.width], one.alpha(image), one.threshold))
        if sys.stderr.isatty():
            print(f"\rparity {number}/{len(pairs)}", end="\n" if number == len(pairs) else "", file=sys.stderr)
    rows = {file: found for file, found in rows.items() if found}
    for file, found in rows.items():
        score = summarise(found)["dice"]
        if not score >= LEAST_DICE:
            known = "no photo holds a person" if np.isnan(score) else f"the checkpoint's own Dice is {score:.4f} there"
            raise ValueError(f"{Path(file).name}: these photos cannot judge it: {known}. Name photos of people.")
    return rows


def at_sizes(checkpoint, sizes):
    """A checkpoint as `Segmenter`s of some `(height, width)`, by size: the weights fit every size."""
    model = load_checkpoint(checkpoint)
    return {size: Segmenter(keras_network(copy_network(model, *size)), *size) for size in sizes}


def summarise(rows):
    """The means over photos (the largest of max_difference) of a file's rows; NaN where no photo holds a person."""
    summary = {"photos": len(rows)}
    for name in ("dice", "boundary_f", *LOSSES):
        values = [row[name] for row in rows if row[name] is not None]
        combine = np.max if name == "max_difference" else np.mean
        summary[name] = float(combine(values)) if values else float("nan")
    return summary


def table(rows):
    """The summaries of `compare`'s answer as a Markdown table."""
    lines = [
        "| file | photos | Dice drop | boundary F drop | difference, mean | difference, max | pixels changing side |",
        "|---|---|---|---|---|---|---|",
    ]
    for file, found in rows.items():
        summary = summarise(found)
        lines.append(
            f"| {Path(file).name} | {summary['photos']} | {summary['dice_drop']:.4f} "
            f"| {summary['boundary_f_drop']:.4f} | {summary['mean_difference']:.5f} "
            f"| {summary['max_difference']:.3f} | {summary['changed_side']:.3%} |"
        )
    return "\n".join(lines)


def check(rows, max_dice_drop):
    """Raises ParityError when a file loses more Dice than `max_dice_drop` on average."""
    for file, found in rows.items():
        drop = summarise(found)["dice_drop"]
        if drop > max_dice_drop:
            worst = sorted(found, key=lambda row: -row["changed_side"])[:3]
            names = ", ".join(Path(row["image"]).name for row in worst)
            raise ParityError(
                f"{Path(file).name}: Dice drops by {drop:.4f}, more than {max_dice_drop:.4f} (--max-dice-drop); "
                f"it differs most on {names}."
            )


def report(rows, checkpoint, out):
    """Prints the table; writes parity.json and parity.png, each photo with both outlines, into the folder `out`."""
    print(table(rows))
    summaries = {file: summarise(found) for file, found in rows.items()}
    with replacing(out / "parity.json") as temporary:
        temporary.write_text(json.dumps({"summary": summaries, "photos": rows}, indent=1) + "\n")
    every = [(file, row) for file, found in rows.items() for row in found]
    every.sort(key=lambda entry: -entry[1]["changed_side"])
    segmenters = {file: Segmenter.load(file) for file, _ in every[:SHOWN]}
    references = at_sizes(checkpoint, {(one.height, one.width) for one in segmenters.values()})
    cells = []
    for file, row in every[:SHOWN]:
        segmenter, image = segmenters[file], read_image(row["image"])
        before, after = references[segmenter.height, segmenter.width].mask(image), segmenter.mask(image)
        lost = f"{row['changed_side']:.2%} {Path(file).stem[-16:]} {Path(row['image']).stem[-14:]}"
        cells.append((lost, [outline(image, before), outline(image, after, (0, 220, 0))]))
    draw_gallery(cells, out / "parity.png")
    print(f"every photo: {out / 'parity.json'}; those that differ most: {out / 'parity.png'}")


def _row(pair, truth, expected, alpha, threshold):
    before, after = ((values >= threshold).astype(np.uint8) for values in (expected, alpha))
    person = bool(truth.any())
    score = dice(truth, before) if person else None
    edge = boundary_f(truth, before) if person else None
    difference = np.abs(expected - alpha)
    return {
        "image": str(pair.image),
        "mask": str(pair.mask) if pair.mask else None,
        "dice": score,
        "boundary_f": edge,
        "dice_drop": score - dice(truth, after) if person else None,
        "boundary_f_drop": edge - boundary_f(truth, after) if person else None,
        "mean_difference": float(difference.mean()),
        "max_difference": float(difference.max()),
        "changed_side": float((before != after).mean()),
    }


if __name__ == "__main__":
    sys.exit(main())

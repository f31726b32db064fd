"""Does a converted file say what its checkpoint says? Both are asked about real photos.

    python -m export.parity --model best_dice.keras --data photos/val --out runs/parity

Prints a table of what every file of a bundle (or every .tflite that --files names) loses against the checkpoint: Dice,
boundary F, difference of the probabilities, share of pixels that change side. Writes parity.json, every photo's
figures, and parity.png, the photos that differ most. Ends with status 1 where a file is past a bound of the last line.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from export.bounds import BOUNDS, LOSSES, flag, summarise, table, worst, written
from tfseg.console import OneLineParser
from tfseg.image import image_size, read_image
from tfseg.metrics import boundary_f, dice
from tfseg.pairs import find_pairs, read_pair
from tfseg.progress import Progress
from tfseg.replacing import replacing
from tfseg.runtime import copy_network, keras_network, load_checkpoint
from tfseg.segmenter import BUNDLED, Segmenter
from training.config import BUNDLED_CHECKPOINT
from training.figures import draw_gallery, outline

MAX_DICE_DROP = 0.002  # while converting, where fewer photos judge
PHOTOS = 100  # that judge while converting
LEAST_DICE = 0.1  # below it the checkpoint itself finds nobody, and nothing can be lost
SHOWN = 12


class ParityError(ValueError):
    """A file that lost more than it may; the message gives the loss."""


def main(arguments=None):
    parser = OneLineParser(
        prog="export.parity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED_CHECKPOINT, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--files", nargs="+", default=[BUNDLED], metavar="PATH", help=".tflite files or a bundle")
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    for loss, bound in BOUNDS.items():
        parser.add_argument(flag(loss), dest=loss, metavar="X", type=float, default=bound, help="default %(default)s")
    parser.add_argument("--out", default="runs/parity", help="for parity.json and parity.png (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        pairs = [pair for folder in options.data for pair in find_pairs(folder)]
        files = [file for path in options.files for file in tflite_files(Path(path))]
        rows = compare(options.model, files, pairs)
        bounds = {loss: getattr(options, loss) for loss in BOUNDS}
        report(rows, options.model, bounds, Path(options.out))
        check(rows, bounds)
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


def judge(checkpoint, contents, pairs, bounds, out):
    """Compares, reports and checks files that are not written yet.

    Args:
        contents: name to bytes of the .tflite file.
        checkpoint, pairs, bounds, out: as of `compare`, `check` and `report`, which say what is raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in contents]
        for file in files:
            file.write_bytes(contents[file.name])
        rows = compare(checkpoint, files, pairs)
        report(rows, checkpoint, bounds, out)
    check(rows, bounds)


def compare(checkpoint, files, pairs):
    """Asks a checkpoint and files about photos.

    Of files and photos of two orientations each file is asked about the photos of its own; otherwise about all. A
    square photo counts as upright.

    Args:
        checkpoint: path of the .keras file.
        files: paths of .tflite files.
        pairs: list of `tfseg.pairs.Pair`.

    Returns:
        path of the file to a list of dicts, one a photo: image, mask, dice and boundary_f of the checkpoint (None on
        photos without a person), and what the file loses, `LOSSES`. The differences are those of the probabilities at
        the photo's size.

    Raises:
        ModelError: the checkpoint or a file cannot be loaded.
        ValueError: the checkpoint finds nobody, so that nothing can be lost.
    """
    segmenters = {str(file): Segmenter.load(file) for file in files}
    sizes = {(segmenter.height, segmenter.width) for segmenter in segmenters.values()}
    references = at_sizes(checkpoint, sizes)
    wide = {pair: _is_wide(*image_size(pair.image)) for pair in pairs}
    split = len({_is_wide(*size) for size in sizes}) == len(set(wide.values())) == 2
    rows = {file: [] for file in segmenters}
    with Progress(len(pairs), "photos compared") as progress:
        for pair in pairs:
            image, truth = read_pair(pair)
            asked = {
                file: one
                for file, one in segmenters.items()
                if not split or wide[pair] == _is_wide(one.height, one.width)
            }
            sizes = {(one.height, one.width) for one in asked.values()}
            expected = {size: references[size].alpha(image) for size in sizes}
            for file, one in asked.items():
                rows[file].append(_row(pair, truth, expected[one.height, one.width], one.alpha(image), one.threshold))
            progress.advance()
    for file, found in rows.items():
        score = summarise(found)["dice"]
        if not score >= LEAST_DICE:
            known = "no photo holds a person" if np.isnan(score) else f"the checkpoint's own Dice is {score:.4f} there"
            raise ValueError(
                f"{Path(file).name}: these photos cannot judge it: {known}. Name photos of people, and train an "
                "untrained network first."
            )
    return rows


def at_sizes(checkpoint, sizes):
    """A checkpoint as `Segmenter`s of some `(height, width)`, by size: the weights fit every size."""
    model = load_checkpoint(checkpoint)
    return {size: Segmenter(keras_network(copy_network(model, *size)), *size) for size in sizes}


def check(rows, bounds):
    """Raises ParityError when a file loses more on average than the bounds, a dict of some of `LOSSES`, allow."""
    for file, found in rows.items():
        summary = summarise(found)
        past = [
            f"{LOSSES[loss][0]} {written(loss, summary[loss])}, more than {written(loss, bound)} ({flag(loss)})"
            for loss, bound in bounds.items()
            if summary[loss] > bound
        ]
        if past:
            raise ParityError(f"{Path(file).name}: {'; '.join(past)}. It differs most on {worst(found)}.")


def report(rows, checkpoint, bounds, out):
    """Prints the table and which photos differ most.

    Writes parity.json and parity.png, each of these photos with the outline by the checkpoint in pink and by the file
    in green, into the folder `out`.
    """
    print(table(rows, bounds))
    summaries = {file: summarise(found) for file, found in rows.items()}
    for file, found in rows.items():
        print(f"{Path(file).name} differs most on {worst(found)}")
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
        lost = f"{row['changed_side']:.2%} {Path(file).stem[-26:]} {Path(row['image']).stem[-12:]}"
        cells.append((lost, [outline(image, before), outline(image, after, (0, 220, 0))]))
    draw_gallery(cells, out / "parity.png")
    print(f"every photo: {out / 'parity.json'}; those that differ most: {out / 'parity.png'}")


def _is_wide(height, width):
    return width > height


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

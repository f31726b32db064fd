"""Measure a model on labelled photos, at the photos' own sizes; and others on the same photos beside it.

    python -m training.evaluate --model android_assets/person_mobilenet_v2 --data photos/val --out runs/evaluation
    python -m training.evaluate --model new.keras old.keras --peer mediapipe --data photos/val --out runs/comparison

Prints a table and writes results.json (every photo's scores) and worst.png (the photos the first model does worst on:
the photo with the true outline, then with the predicted person). Photos without any person are reported apart: there
Dice is 1 or 0, and what counts is how much is taken for a person.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from tfseg.data import Pair, find_pairs, read_pair
from tfseg.image import replacing
from tfseg.metrics import boundary_f, dice, iou, mean_absolute_difference
from tfseg.segmenter import Segmenter
from training.config import OneLineParser
from training.figures import draw_gallery, outline
from training.peers import PEERS, Peer

WORST = 24
FALSE_PERSON_SHARE = 0.01  # a person-free photo with more than this taken for a person is counted as spoilt
SCORES = ("dice", "iou", "boundary_f", "mad")


def main(arguments=None):
    parser = OneLineParser(prog="training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", nargs="+", default=[None], help="bundle folder, .tflite or .keras (default: the shipped bundle)"
    )
    parser.add_argument(
        "--peer", nargs="+", default=[], help=f"other people's models to put beside: {', '.join(PEERS)}"
    )
    parser.add_argument(
        "--data", nargs="+", action="extend", required=True, metavar="DIR", help="folders of labelled photos"
    )
    parser.add_argument(
        "--out", default="runs/evaluation", help="folder for results.json and worst.png (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        segmenters = [Segmenter.load(model) for model in options.model] + [Peer(name) for name in options.peer]
        sets = {folder: find_pairs(folder) for folder in options.data}
        results = [
            {folder: evaluate(segmenter, pairs, folder) for folder, pairs in sets.items()} for segmenter in segmenters
        ]
        report(segmenters, results, Path(options.out))
    except (ValueError, ImportError, OSError) as error:
        print(f"training.evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def evaluate(segmenter, pairs, name=""):
    """Scores every photo.

    Args:
        segmenter: a `Segmenter`.
        pairs: list of `tfseg.data.Pair`.
        name: shown beside the progress.

    Returns:
        A list of dicts, one a photo: image, mask, person_free, false_person (share of pixels wrongly taken for a
        person), and dice, iou, boundary_f, mad, each 0..1.

    Raises:
        ImageError: a photo or mask cannot be read.
    """
    rows = []
    for number, pair in enumerate(pairs, 1):
        image, truth = read_pair(pair)
        alpha = segmenter.alpha(image)
        person = (alpha >= segmenter.threshold).astype(np.uint8)
        rows.append(
            {
                "image": str(pair.image),
                "mask": str(pair.mask) if pair.mask else None,
                "person_free": not truth.any(),
                "false_person": float((person & (1 - truth)).mean()),
                "dice": dice(truth, person),
                "iou": iou(truth, person),
                "boundary_f": boundary_f(truth, person),
                "mad": mean_absolute_difference(truth, alpha),
            }
        )
        if sys.stderr.isatty():
            print(f"\r{name} {number}/{len(pairs)}", end="\n" if number == len(pairs) else "", file=sys.stderr)
    return rows


def summarise(rows, seed=0):
    """Summary of a set.

    Returns:
        A dict with `photos`, and where persons are present for each score its `mean`, 5th percentile `p5` and
        bootstrap 95 % `interval` of the mean; with `person_free` photos their number, the mean share of pixels taken
        for a person and the share of photos over `FALSE_PERSON_SHARE`.
    """
    persons = [row for row in rows if not row["person_free"]]
    empty = np.array([row["false_person"] for row in rows if row["person_free"]])
    summary = {"photos": len(rows)}
    for score in SCORES if persons else ():
        values = np.array([row[score] for row in persons])
        draws = np.random.default_rng(seed).integers(0, len(values), (1000, len(values)))
        interval = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        summary[score] = {"mean": values.mean(), "p5": np.percentile(values, 5), "interval": interval.tolist()}
    if len(empty):
        spoilt = float((empty > FALSE_PERSON_SHARE).mean())
        summary["person_free"] = {"photos": len(empty), "pixels": empty.mean(), "photos_over_1_percent": spoilt}
    return summary


def table(summaries):
    """The summaries as a Markdown table; sets in rows."""
    lines = [
        "| photos | n | Dice [95 %] | Dice p5 | IoU | boundary F [95 %] | MAD |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, summary in summaries.items():
        if "dice" in summary:
            score, edge = summary["dice"], summary["boundary_f"]
            lines.append(
                f"| {name} | {summary['photos'] - summary.get('person_free', {}).get('photos', 0)} "
                f"| {score['mean']:.4f} [{score['interval'][0]:.4f}, {score['interval'][1]:.4f}] | {score['p5']:.3f} "
                f"| {summary['iou']['mean']:.4f} "
                f"| {edge['mean']:.4f} [{edge['interval'][0]:.4f}, {edge['interval'][1]:.4f}] "
                f"| {summary['mad']['mean']:.4f} |"
            )
        if "person_free" in summary:
            free = summary["person_free"]
            lines.append(
                f"| {name}, person-free | {free['photos']} | false person: {free['pixels']:.2%} of pixels, "
                f"{free['photos_over_1_percent']:.1%} of photos over 1 % | | | | |"
            )
    return "\n".join(lines)


def report(segmenters, results, out):
    """Prints the table and writes results.json and worst.png.

    Args:
        segmenters: the first is the one in question, the others stand beside it.
        results: for each of them a dict of what `evaluate` gave, by the name of the set.
        out: folder, as `pathlib.Path`.
    """
    contents = [_content(segmenter, rows) for segmenter, rows in zip(segmenters, results, strict=True)]
    print(table(beside(contents)))
    with replacing(out / "results.json") as temporary:
        temporary.write_text(json.dumps(contents[0] | {"beside": contents[1:]}, indent=1) + "\n")
    rows = sorted(
        (row for rows in results[0].values() for row in rows), key=lambda row: row["dice"] - row["false_person"]
    )
    cells = []
    for row in rows[:WORST]:
        image, truth = read_pair(Pair(row["image"], row["mask"]))
        caption = f"{Path(row['image']).stem[-18:]} D {row['dice']:.3f}"
        cells.append((caption, [outline(image, truth), image * segmenters[0].mask(image)[..., None]]))
    draw_gallery(cells, out / "worst.png")
    print(f"every photo: {out / 'results.json'}; the worst {len(cells)}: {out / 'worst.png'}")


def beside(contents):
    """Summaries of several models by set, then by model, for `table`; of one model by set alone."""
    if len(contents) == 1:
        return contents[0]["summary"]
    return {
        f"{name}, {Path(content['model']).name}": content["summary"][name]
        for name in contents[0]["summary"]
        for content in contents
    }


def _content(segmenter, rows):
    return {
        "model": str(segmenter.path),
        "sha256": hashlib.sha256(segmenter.path.read_bytes()).hexdigest(),
        "threshold": segmenter.threshold,
        "summary": {name: summarise(scores) for name, scores in rows.items()},
        "photos": rows,
    }


if __name__ == "__main__":
    sys.exit(main())

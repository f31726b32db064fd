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
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.console import OneLineParser
from tfseg.metrics import boundary_f, dice, iou, mean_absolute_difference
from tfseg.pairs import Pair, find_pairs, read_pair
from tfseg.replacing import replacing
from tfseg.segmenter import Segmenter
from training.figures import draw_gallery, outline
from training.multiclass import Multiclass
from training.peers import KNOWN, Peer, open_peer
from training.summary import beside, summarise, table

WORST = 24


def main(arguments=None):
    parser = OneLineParser(prog="training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", nargs="+", default=[None], help="bundle folder, .tflite or .keras (default: the shipped bundle)"
    )
    parser.add_argument(
        "--kind",
        nargs="+",
        default=[None],
        help="which models of a bundle: int8, int8_float_edges, float16 (default: its default)",
    )
    parser.add_argument(
        "--mirror", action="store_true", help="the first model also as tfseg asks it: mirrored too, and averaged"
    )
    parser.add_argument(
        "--peer", nargs="+", default=[], help=f"other people's models to put beside: {', '.join(KNOWN)}"
    )
    parser.add_argument(
        "--data", nargs="+", action="extend", required=True, metavar="DIR", help="folders of labelled photos"
    )
    parser.add_argument(
        "--out", default="runs/evaluation", help="folder for results.json and worst.png (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        with ExitStack() as peers:
            candidates = [Candidate(segmenter) for segmenter in load(options, peers)]
            if options.mirror:
                candidates.insert(1, Candidate(candidates[0].segmenter, mirror=True))
            sets = {folder: find_pairs(folder) for folder in options.data}
            results = [
                {folder: evaluate(candidate, pairs, folder) for folder, pairs in sets.items()}
                for candidate in candidates
            ]
        report(candidates, results, Path(options.out))
    except (ValueError, ImportError, OSError) as error:
        print(f"training.evaluate: {error}", file=sys.stderr)
        return 2
    return 0


class Candidate(NamedTuple):
    """A model to be measured, and how it is asked."""

    segmenter: Segmenter | Peer | Multiclass
    mirror: bool = False

    def alpha(self, image):
        return self.segmenter.alpha(image, mirror=self.mirror)

    @property
    def threshold(self):
        return self.segmenter.threshold

    @property
    def name(self):
        return self.segmenter.path.name + (", mirrored too" if self.mirror else "")


def load(options, peers):
    """The models and peers that the command names; an `ExitStack` will end the peers' processes."""
    segmenters = []
    for model in options.model:
        bundle = model is None or Path(model).is_dir()
        segmenters += [Segmenter.load(model, kind) for kind in (options.kind if bundle else [None])]
    return segmenters + [peers.enter_context(open_peer(name)) for name in options.peer]


def evaluate(segmenter, pairs, name=""):
    """Scores every photo.

    Args:
        segmenter: a `Candidate`, or whatever else has `alpha` and `threshold`.
        pairs: list of `tfseg.pairs.Pair`.
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


def report(candidates, results, out):
    """Prints the table and writes results.json and worst.png.

    Args:
        candidates: the first is the one in question, the others stand beside it.
        results: for each of them a dict of what `evaluate` gave, by the name of the set.
        out: folder, as `pathlib.Path`.
    """
    contents = [_content(candidate, rows) for candidate, rows in zip(candidates, results, strict=True)]
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
        person = candidates[0].alpha(image) >= candidates[0].threshold
        cells.append((caption, [outline(image, truth), image * person[..., None]]))
    draw_gallery(cells, out / "worst.png")
    print(f"every photo: {out / 'results.json'}; the worst {len(cells)}: {out / 'worst.png'}")


def _content(candidate, rows):
    path = candidate.segmenter.path
    return {
        "name": candidate.name,
        "model": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "threshold": candidate.threshold,
        "summary": {name: summarise(scores) for name, scores in rows.items()},
        "photos": rows,
    }


if __name__ == "__main__":
    sys.exit(main())

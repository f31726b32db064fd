"""Choose a model's operating threshold on validation photos.

    python -m training.threshold --model runs/mine/best_dice.keras --data photos/val --out runs/threshold

Prints Dice and boundary F at each threshold, every folder counting alike, and writes threshold.png. Store the best
with `python -m export.bundle --threshold`. Photos that are to test the bundle afterwards must not be among these.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from tfseg.console import OneLineParser
from tfseg.metrics import boundary_f, dice
from tfseg.pairs import find_pairs, read_pair
from tfseg.replacing import replacing
from tfseg.segmenter import Segmenter

THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)


def main(arguments=None):
    parser = OneLineParser(prog="training.threshold", description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped bundle)")
    parser.add_argument(
        "--data", nargs="+", action="extend", required=True, metavar="DIR", help="folders of labelled photos"
    )
    parser.add_argument("--out", default="runs/threshold", help="folder for threshold.png (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        segmenter = Segmenter.load(options.model)
        sets = {folder: find_pairs(folder) for folder in options.data}
        scores = {folder: sweep(segmenter, pairs, folder) for folder, pairs in sets.items()}
        plot(scores, Path(options.out) / "threshold.png")
    except (ValueError, ImportError, OSError) as error:
        print(f"training.threshold: {error}", file=sys.stderr)
        return 2
    mean = np.mean(list(scores.values()), axis=0)
    print("| threshold | Dice | boundary F |\n|---|---|---|")
    for threshold, (overlap, outline) in zip(THRESHOLDS, mean, strict=True):
        print(f"| {threshold:.2f} | {overlap:.4f} | {outline:.4f} |")
    print(f"best Dice at --threshold {best(mean):.2f}; drawn in {Path(options.out) / 'threshold.png'}")
    return 0


def sweep(segmenter, pairs, name=""):
    """Scores photos at every threshold.

    Args:
        segmenter: a `Segmenter`.
        pairs: list of `tfseg.pairs.Pair`.
        name: shown beside the progress.

    Returns:
        float64 `[len(THRESHOLDS), 2]`: mean Dice and mean boundary F over the photos. A photo without anybody scores
        the share of it that is rightly taken for background, since its Dice would be 0 for a single wrong pixel.

    Raises:
        ImageError: a photo or mask cannot be read.
    """
    total = np.zeros((len(THRESHOLDS), 2))
    for number, pair in enumerate(pairs, 1):
        image, truth = read_pair(pair)
        alpha = segmenter.alpha(image)
        for index, threshold in enumerate(THRESHOLDS):
            person = (alpha >= threshold).astype(np.uint8)
            if truth.any():
                total[index] += dice(truth, person), boundary_f(truth, person)
            else:
                total[index] += 1 - person.mean()
        if sys.stderr.isatty():
            print(f"\r{name} {number}/{len(pairs)}", end="\n" if number == len(pairs) else "", file=sys.stderr)
    return total / len(pairs)


def best(scores):
    """The threshold of the highest Dice in `[len(THRESHOLDS), 2]`; of equal ones that nearest to 0.5."""
    highest = np.flatnonzero(scores[:, 0] >= scores[:, 0].max() - 1e-9)
    return float(min(THRESHOLDS[highest], key=lambda threshold: abs(threshold - 0.5)))


def plot(scores, path):
    """Draws Dice over the threshold, a line for each set; `scores` by set as `sweep` gives them."""
    figure, axis = plt.subplots(figsize=(6, 4))
    for name, values in scores.items():
        axis.plot(THRESHOLDS, values[:, 0], marker=".", label=Path(name).name)
    axis.set(xlabel="threshold", title="Dice")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())

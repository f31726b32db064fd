"""Are the masks of a video steady, and do they keep up with the person? With smoothing and without.

    python -m training.evaluate_video --frames video/parkour --photos photos/val/picsart photos/val/coco

--frames names folders of labelled frames of one video each (`images/` and `masks/`, in the order of their names);
--photos folders of labelled photos, of which clips are made by panning and zooming over them. Prints a table for the
alphas that `tfseg cutout` composites with: of each frame by itself (plain), smoothed, and of such clips also of the
photo as a whole, moved as the camera moves (still), whose faults are as large but do not flicker: no smoothing can be
expected to bring dtSSD below that.
"""

import sys
from pathlib import Path

import numpy as np

from tfseg.console import OneLineParser
from tfseg.matte import finish
from tfseg.metrics import dice, dtssd, flicker, lag
from tfseg.pairs import find_pairs, read_pair
from tfseg.segmenter import Segmenter
from tfseg.smoothing import Smoothing
from training.camera import pan_and_zoom

SCORES = ("dtssd", "flicker", "dice", "lag")


def main(arguments=None):
    parser = OneLineParser(prog="training.evaluate_video", description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped bundle)")
    parser.add_argument("--frames", nargs="+", default=[], metavar="DIR", help="folders of labelled frames")
    parser.add_argument("--photos", nargs="+", default=[], metavar="DIR", help="folders of labelled photos")
    parser.add_argument(
        "--clips", type=int, default=5, help="clips made of each folder of photos (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    if not options.frames and not options.photos:
        parser.error("nothing to measure; name --frames or --photos")
    try:
        segmenter = Segmenter.load(options.model)
        results = {folder: [evaluate(segmenter, labelled(folder))] for folder in options.frames}
        for folder in options.photos:
            results[folder] = [evaluate(segmenter, *clip) for clip in synthesised(segmenter, folder, options.clips)]
    except (ValueError, ImportError, OSError) as error:
        print(f"training.evaluate_video: {error}", file=sys.stderr)
        return 2
    print(table(results))
    return 0


def labelled(folder):
    """An iterable of `(image, truth)` over the labelled frames of a video, in order."""
    return (read_pair(pair) for pair in find_pairs(folder))


def synthesised(segmenter, folder, count):
    """Yields clips over photos spread evenly through a folder, each as `(frames, still)` for `evaluate`."""
    pairs = find_pairs(folder)
    for number in range(min(count, len(pairs))):
        image, mask = read_pair(pairs[number * len(pairs) // count])
        whole = finish(segmenter.alpha(image), segmenter.threshold)
        truth, moved = (pan_and_zoom(np.random.default_rng(number), image, each) for each in (mask, whole))
        yield truth, [alpha for _, alpha in moved]


def evaluate(segmenter, frames, still=None):
    """Scores a video twice.

    Args:
        segmenter: `tfseg.segmenter.Segmenter`.
        frames: iterable of `(image, truth)`, uint8 `[H, W, 3]` RGB and `[H, W]` in 0..1, three or more.
        still: alphas to score beside, `[H, W]` in 0..1.

    Returns:
        `{"plain": scores, "smoothed": scores}`, and "still" where there are such alphas; scores are dicts of
        `SCORES`, lag in frames.
    """
    answers = Answers(segmenter)
    ways = {"plain": Smoothing(answers, smooth=False), "smoothed": Smoothing(answers, smooth=True)}
    truths, alphas = [], {way: [] for way in ways}
    for image, truth in frames:
        truths.append(truth)
        answers.ask(image)
        for way, smoothing in ways.items():
            alphas[way].append(finish(smoothing.alpha(image), segmenter.threshold).astype(np.float16))
    if still:
        alphas["still"] = still
    return {way: score(truths, found) for way, found in alphas.items()}


class Answers:
    """A segmenter that is asked about each frame once, however often its answer is wanted."""

    def __init__(self, segmenter):
        self.segmenter, self.answer = segmenter, None

    def ask(self, image):
        self.answer = self.segmenter.probability(image)

    def probability(self, image):
        return self.answer


def score(truths, alphas):
    """dict of `SCORES`."""
    return {
        "dtssd": dtssd(truths, alphas),
        "flicker": flicker(alphas),
        "dice": float(np.mean([dice(truth >= 0.5, alpha >= 0.5) for truth, alpha in zip(truths, alphas, strict=True)])),
        "lag": lag(truths, alphas),
    }


def table(results):
    """The means over each folder's clips as a Markdown table, with what smoothing changes."""
    lines = [
        "| video | clips | masks | dtSSD | flicker | Dice | lag, frames |",
        "|---|---|---|---|---|---|---|",
    ]
    for folder, clips in results.items():
        mean = {way: {s: np.mean([clip[way][s] for clip in clips]) for s in SCORES} for way in clips[0]}
        for way, scores in mean.items():
            lines.append(
                f"| {Path(folder).name} | {len(clips)} | {way} | {scores['dtssd']:.4f} | {scores['flicker']:.4f} "
                f"| {scores['dice']:.4f} | {scores['lag']:+.2f} |"
            )
        plain, smoothed = mean["plain"], mean["smoothed"]
        lines.append(
            f"| | | change | {smoothed['dtssd'] / plain['dtssd'] - 1:+.0%} "
            f"| {smoothed['flicker'] / plain['flicker'] - 1:+.0%} | {smoothed['dice'] - plain['dice']:+.4f} "
            f"| {smoothed['lag'] - plain['lag']:+.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

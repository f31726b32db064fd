"""What does each step between the network and the composite do to the outline?

    python -m training.evaluate_edges --data photos/val/picsart photos/val/pfcn

Prints Dice, boundary F and mean absolute difference after every step of `tfseg.matte` on labelled photos, and how much
of the old background is left in the edges of people whose own colours are known: photos whose person was continued
past her outline, put before another photo of the set with a soft outline, cut out again by that outline and put before
plain colours. Colour errors are means of grey levels, 0..255, over the pixels that show both person and background.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from tfseg.closed_form import refine_closed_form
from tfseg.composite import replace_background
from tfseg.console import OneLineParser
from tfseg.matte import clean_mask, estimate_foreground, firm, refine_alpha
from tfseg.metrics import boundary_f, dice, mean_absolute_difference
from tfseg.pairs import find_pairs, read_pair
from tfseg.scene import make_cutout
from tfseg.segmenter import Segmenter

OPENING = 2 / 320  # share of the longer side: a disc of 5 pixels in a photo of 320
SOFTNESS = 1.5  # pixels; standard deviation of the Gaussian that makes the known alpha of a mask
COLOURS = ((255, 255, 255), (0, 0, 0), (0, 177, 64))


def main(arguments=None):
    parser = OneLineParser(prog="training.evaluate_edges", description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped bundle)")
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders of labelled photos")
    parser.add_argument("--photos", type=int, help="at most so many of each folder, spread evenly (default: all)")
    parser.add_argument("--closed-form", action="store_true", help="also the refinement that needs pymatting")
    options = parser.parse_args(arguments)
    try:
        segmenter = Segmenter.load(options.model)
        sets = {Path(folder).name: chosen(find_pairs(folder), options.photos) for folder in options.data}
        edges = {name: evaluate_steps(segmenter, pairs, options.closed_form) for name, pairs in sets.items()}
        halos = {name: evaluate_halo(pairs) for name, pairs in sets.items()}
    except (ValueError, ImportError, OSError) as error:
        print(f"training.evaluate_edges: {error}", file=sys.stderr)
        return 2
    print(table("photos | step | Dice | boundary F | MAD", edges))
    print()
    print(table("photos | colours | off the person's own | off the true picture before a plain colour", halos))
    return 0


def chosen(pairs, count):
    """At most `count` of the pairs with a person, spread evenly."""
    pairs = [pair for pair in pairs if pair.mask]
    count = min(count or len(pairs), len(pairs))
    return [pairs[number * len(pairs) // count] for number in range(count)]


def evaluate_steps(segmenter, pairs, closed_form=False):
    """Means over photos of Dice, boundary F and MAD, a triple by the name of the step."""
    scores = {}
    for pair in pairs:
        image, truth = read_pair(pair)
        for step, (alpha, threshold) in steps(segmenter, image, closed_form).items():
            person = alpha >= threshold
            found = dice(truth, person), boundary_f(truth, person), mean_absolute_difference(truth, alpha)
            scores.setdefault(step, []).append(found)
    return {step: np.mean(found, axis=0) for step, found in scores.items()}


def steps(segmenter, image, closed_form):
    """The alpha after each step, and where its person begins: `{step: (float32 [H, W], threshold)}`."""
    threshold = segmenter.threshold
    probability, small = segmenter.probability(image, mirror=True)
    refined = refine_alpha(probability, small, image)
    cleaned = clean_mask(refined, threshold)
    firmed = firm(cleaned, threshold)
    opened = firm(clean_mask(refined, threshold, opening=OPENING), threshold)
    found = {
        "plain resizing": (cv2.resize(probability, image.shape[1::-1]), threshold),
        "refine_alpha": (refined, threshold),
        "and clean_mask": (cleaned, threshold),
        "and firm": (firmed, 0.5),
        "the same with opening": (opened, 0.5),
    }
    if closed_form:
        found["and refine_closed_form"] = refine_closed_form(image, firmed), 0.5
    return found


def evaluate_halo(pairs):
    """Means over photos of both colour errors, a pair each without and with `estimate_foreground`."""
    scores = {}
    for number, pair in enumerate(pairs):
        own, alpha = known_person(*read_pair(pair))
        old = cv2.resize(read_pair(pairs[number - 1])[0], own.shape[1::-1], interpolation=cv2.INTER_AREA)
        photo = replace_background(own, alpha, old, decontaminate=False)
        edge = (alpha > 0.02) & (alpha < 0.98)
        if not edge.any():
            continue
        colours = {"the photo's": photo, "estimate_foreground": estimate_foreground(photo, alpha)}
        for name, foreground in colours.items():
            scores.setdefault(name, []).append((_error(foreground, own, edge), _halo(foreground, own, alpha, edge)))
    return {name: np.mean(found, axis=0) for name, found in scores.items()}


def known_person(image, mask):
    """A person whose colours are known everywhere, and her alpha.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        mask: uint8 `[H, W]` in {0, 1}.

    Returns:
        `(colours, alpha)`: uint8 `[H, W, 3]`, hers continued past the outline, and float32 `[H, W]` in 0..1.
    """
    colours = make_cutout(image, mask, mask, head=None).image
    return colours, cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFTNESS)


def _error(colours, truth, where):
    return np.abs(colours[where].astype(np.float32) - truth[where]).mean()


def _halo(foreground, own, alpha, edge):
    """How far composites are off those with the person's own colours, the mean over `COLOURS`."""
    before = [
        [replace_background(c, alpha, colour, decontaminate=False) for c in (foreground, own)] for colour in COLOURS
    ]
    return np.mean([_error(made, true, edge) for made, true in before])


def table(head, sets):
    """Rows of named figures by set as a Markdown table."""
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * columns]
    for name, rows in sets.items():
        for step, figures in rows.items():
            written = [f"{figure:.4f}" if figure < 1 else f"{figure:.1f}" for figure in figures]
            lines.append(f"| {name} | {step} | {' | '.join(written)} |")
            name = ""
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""Label photos that nobody has labelled: those on which a model and a peer agree.

    make peers
    python -m training.agreement --photos photos --out data/agreed
    python -m training.check_data data/agreed data/val          # has validation any of them?

Both models are asked about each photo and its mirror image. A photo is kept when their masks agree and the mean of both
is sure of itself; the mean's mask goes with it to --out, which `training.fit --data` takes. Two networks that learnt
from other photos seldom err alike: docs/experiments.md has the scores of either and of the mean.

Where a folder `labels` beside the photo's folder holds the boxes of all people, as YOLO writes them, the mask must also
fill them and stay inside; that finds faults which both models make, so that --agreement and --confidence may be lower.
Where a folder `masks` beside it holds the photo's mask, as a set that has been labelled already does, the mask must be
much like it (--like-drawn): trained on beside the drawn one, it evens out where that hand strayed from the edge.

A peer that is much better than the model is a teacher, and the model but guards against its blunders: with --mask peer
either is asked once, and the peer's mask is the one that goes to --out.
"""

import argparse
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tfseg.console import OneLineParser
from tfseg.image import EXTENSIONS, ImageError, read_image, read_mask, write_image
from tfseg.metrics import dice
from tfseg.pairs import refuse_filled
from tfseg.progress import Progress
from tfseg.pseudolabel import pseudo_label
from tfseg.segmenter import Segmenter
from training.boxes import fits, read_boxes
from training.peers import KNOWN, open_peer

SHARE = (0.03, 0.9)  # of the photo that is person; beyond, little is to be learnt
CROWD = 8  # boxes; of more people some are nearly always missed
LEAST_BOXED = 0.06  # of the photo, all boxes together
SHAPES = ((384, 512), (416, 416), (512, 384))  # width and height


class Label(NamedTuple):
    """What two models say of a photo: uint8 `[H, W]` in {0, 1}, Dice of their masks, `pseudo_label`'s confidence."""

    mask: np.ndarray
    agreement: float
    confidence: float


def main(arguments=None):
    parser = OneLineParser(
        prog="training.agreement", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, nargs="+", required=True, metavar="DIR", help="folders of photos")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for images/ and masks/; must be empty")
    parser.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped bundle)")
    parser.add_argument("--peer", choices=KNOWN, default="mediapipe", help="default %(default)s")
    parser.add_argument(
        "--agreement", type=float, default=0.9, help="least Dice of the two masks (default %(default)s)"
    )
    parser.add_argument("--confidence", type=float, default=0.8, help="least, of the mask (default %(default)s)")
    parser.add_argument(
        "--like-drawn", type=float, default=0.95, help="least Dice of mask and drawn one (default %(default)s)"
    )
    parser.add_argument(
        "--mask", choices=("mean", "peer"), default="mean", help="whose mask is written (default %(default)s)"
    )
    parser.add_argument(
        "--stretched",
        action="store_true",
        help="the photos were stretched to squares: of 3:4, 1:1 and 4:3, take what the models agree on best",
    )
    options = parser.parse_args(arguments)
    try:
        photos = [photo for folder in options.photos for photo in find_photos(folder)]
        refuse_filled(options.out)
        with open_peer(options.peer) as peer:
            told = label_all(photos, [Segmenter.load(options.model), peer], options)
    except (ValueError, ImportError, OSError) as error:
        print(f"training.agreement: {error}", file=sys.stderr)
        return 2
    print(", ".join(f"{count} {what}" for what, count in told.most_common()), f"of {len(photos)} photos")
    return 0


def find_photos(folder):
    """Paths of the photos of a folder, at any depth, in order; masks are none. Raises ValueError without any."""
    files = [path for path in Path(folder).rglob("*") if path.suffix.lower() in EXTENSIONS and path.is_file()]
    photos = sorted(path for path in files if path.parent.name != "masks")
    if not photos:
        raise ValueError(f"--photos: {folder} holds no photo ({', '.join(EXTENSIONS)}).")
    return photos


def label_all(photos, models, options):
    """Writes the pairs that are kept; returns a Counter of what became of the photos."""
    told = Counter()
    with Progress(len(photos), "photos") as progress:
        for number, photo in enumerate(photos):
            try:
                image = read_image(photo)
                verdict, image, label = judge(image, read_boxes(photo), read_drawn(photo), models, options)
            except ImageError as error:
                progress.say(f"training.agreement: {error}", sys.stderr)
                verdict = "unreadable"
            if verdict == "kept":
                name = f"{number:06}_{photo.stem}"
                write_image(options.out / "masks" / f"{name}.png", 255 * label.mask)
                if options.stretched:
                    write_image(options.out / "images" / f"{name}.jpg", image, quality=95)
                else:
                    (options.out / "images").mkdir(exist_ok=True)
                    shutil.copyfile(photo, options.out / "images" / (name + photo.suffix.lower()))
            told[verdict] += 1
            progress.advance()
    return told


def judge(image, boxes, drawn, models, options):
    """`(verdict, image, label)`: "kept" or why not, the photo in the shape that was found, and its `Label`."""
    if boxes is not None and (len(boxes) > CROWD or np.prod(boxes[:, 2:], axis=1).sum() < LEAST_BOXED):
        return "crowded or nearly empty", image, None
    if options.stretched:
        image = restore(image, models)
    label = agree(image, models, options.mask == "peer")
    if boxes is not None and not fits(label.mask, boxes):
        return "not as boxed", image, label
    if drawn is not None and dice(label.mask, fit_mask(drawn, label.mask.shape)) < options.like_drawn:
        return "not as drawn", image, label
    if label.agreement < options.agreement or label.confidence < options.confidence:
        return "doubtful", image, label
    return "kept" if SHARE[0] <= label.mask.mean() <= SHARE[1] else "too small or too large", image, label


def agree(image, models, taught=False):
    """Asks both models about a photo, uint8 `[H, W, 3]` RGB, and its mirror image: `Label`.

    With `taught` about the photo alone, and mask and confidence are those of the second model, not of the mean.
    """
    alphas = [model.alpha(image, mirror=not taught) for model in models]
    masks = [alpha >= model.threshold for alpha, model in zip(alphas, models, strict=True)]
    if taught:
        mask, confidence = pseudo_label(alphas[1], models[1].threshold)
    else:
        mask, confidence = pseudo_label(np.mean(alphas, axis=0), np.mean([model.threshold for model in models]))
    return Label(mask, dice(*masks), confidence)


def restore(image, models):
    """The photo in that of `SHAPES` in which the models agree best."""
    shown = [cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) for size in SHAPES]
    return max(shown, key=lambda one: dice(*(model.alpha(one) >= model.threshold for model in models)))


def fit_mask(mask, shape):
    """A mask, uint8 `[H, W]` in {0, 1}, at another height and width, as `restore` gives a photo."""
    return cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST)


def read_drawn(photo):
    """The mask that somebody has drawn, uint8 `[H, W]` in {0, 1}; None without. Raises ImageError."""
    path = photo.parent.with_name("masks") / f"{photo.stem}.png"
    return read_mask(path) if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())

"""Average the weights of two checkpoints of one network, one of them trained on from the other.

    python -m training.average --model runs/before/best_dice.keras runs/after/best_dice.keras --out runs/average.keras
    python -m training.average --model ... --data photos --out runs/average.keras    # statistics measured on photos

What a second training brings in one place it often loses in another; between the two lies a network that keeps most of
both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv:2109.01903). Evaluate it like any other: the
average of two networks that were trained apart is worth nothing.

The average of two networks' batch-norm statistics is not quite what its feature maps have (Izmailov et al. 2018,
"Averaging Weights Leads to Wider Optima", arXiv:1803.05407). With --data they go on from there over some photos.
"""

import itertools
import sys
from pathlib import Path

from tfseg.augment import Augment
from tfseg.console import OneLineParser
from tfseg.data import make_dataset
from tfseg.pairs import find_pairs
from tfseg.paste import CopyPaste
from tfseg.replacing import replacing
from tfseg.runtime import load_checkpoint
from tfseg.unet import load_checkpoint as load_weights

STEPS, BATCH = 23, 16  # at the networks' momentum of 0.97 half of the statistics is then new


def main(arguments=None):
    parser = OneLineParser(prog="training.average", description=__doc__.split("\n")[0])
    parser.add_argument("--model", nargs=2, required=True, metavar="KERAS", help="the two checkpoints")
    parser.add_argument("--share", type=float, default=0.5, help="of the second one, 0..1 (default %(default)s)")
    parser.add_argument("--data", nargs="+", metavar="DIR", help="folders of labelled photos, for the statistics")
    parser.add_argument("--out", required=True, metavar="KERAS", help="the average; ends in .keras")
    options = parser.parse_args(arguments)
    if not 0 <= options.share <= 1:
        parser.error(f"--share: {options.share} is out of range; it lies in 0..1")
    if Path(options.out).suffix != ".keras":
        parser.error(f"--out: {options.out} does not end in .keras")
    try:
        model = average(*options.model, options.share)
        if options.data:
            settle(model, [pair for folder in options.data for pair in find_pairs(folder)])
        with replacing(options.out) as temporary:
            model.save(temporary)
    except (ValueError, ImportError, OSError) as error:
        print(f"training.average: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {1 - options.share:.2f} of {options.model[0]}, {options.share:.2f} of {options.model[1]}")
    return 0


def average(first, second, share):
    """A network between two.

    Args:
        first, second: paths of `.keras` checkpoints of the same network; the second may be a run's last.keras.
        share: 0..1, of the second one's weights; batch-norm statistics are averaged like weights.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: a checkpoint cannot be read, or the two are not of the same network.
        ImportError: Keras is not installed.
    """
    model = load_checkpoint(first)
    weights = model.get_weights()
    try:
        load_weights(model, second)
    except ValueError as error:
        raise ValueError(f"{first} and {second}: not two checkpoints of one network: {error}") from error
    pairs = zip(weights, model.get_weights(), strict=True)
    model.set_weights([(1 - share) * weight + share * moved for weight, moved in pairs])
    return model


def settle(model, pairs):
    """Lets batch-norm statistics go on over `STEPS` batches of hardly changed photos, and nothing else.

    Args:
        model: `keras.Model`, image float32 `[B, H, W, 3]` 0..255 to logits; changed in place.
        pairs: list of `tfseg.pairs.Pair`.

    Raises:
        ImageError: a photo cannot be read.
    """
    height, width = model.input_shape[1:3]
    augment = CopyPaste(Augment(height, width, crop_share=0.1, strength=0.15), paste_share=0, person_free_share=0)
    dataset = make_dataset(pairs, height, width, BATCH, augment)
    upright = (image for image, *_ in dataset if image.shape[1] == height)
    for image in itertools.islice(upright, STEPS):
        model(image, training=True)


if __name__ == "__main__":
    sys.exit(main())

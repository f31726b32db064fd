"""Write a SavedModel that TensorFlow's own converter takes.

    python -m export.saved_model --model best_dice.keras --out person_saved_model
    tflite_convert --saved_model_dir=person_saved_model --output_file=person.tflite
    python -m export.parity --model best_dice.keras --files person.tflite --data photos/val

It takes one photo as float32 RGB 0..255 and gives the person probability. The stock command makes a float32 file; it
ignores --post_training_quantize without a word unless --enable_v1_converter is given too.
"""

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
from pathlib import Path

from export.tflite_convert import with_probability
from tfseg.console import OneLineParser, quiet
from tfseg.runtime import copy_network, load_checkpoint
from training.config import BUNDLED_CHECKPOINT


def main(arguments=None):
    parser = OneLineParser(
        prog="export.saved_model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=BUNDLED_CHECKPOINT, help=".keras checkpoint (default: the shipped one)")
    parser.add_argument("--out", required=True, metavar="DIR", help="a folder that does not exist yet")
    options = parser.parse_args(arguments)
    try:
        write_saved_model(options.model, Path(options.out))
    except (ValueError, OSError) as error:
        print(f"export.saved_model: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}/")
    return 0


def write_saved_model(checkpoint, out):
    """Writes the SavedModel of a checkpoint, whole or not at all.

    Raises:
        ModelError: the checkpoint cannot be loaded.
        ValueError: `out` exists already.
    """
    if out.exists():
        raise ValueError(f"--out: {out} exists already; name a new folder.")
    model = load_checkpoint(checkpoint)
    probability, signature = with_probability(copy_network(model, *model.input_shape[1:3]))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, contextlib.redirect_stdout(io.StringIO()), quiet():
        probability.export(f"{folder}/model", input_signature=signature, verbose=False)
        shutil.move(f"{folder}/model", out)


if __name__ == "__main__":
    sys.exit(main())

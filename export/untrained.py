"""Write a network with random weights, as a checkpoint and as a float32 .tflite file: for its speed alone.

    python -m export.untrained --encoder resnet101 --out runs/benchmark_models

How long a network takes does not depend on its weights, and ImageNet weights of a heavy encoder are a large download.
"""

import argparse
import sys
from pathlib import Path

import keras

from export.tflite_convert import convert_apart
from tfseg.console import OneLineParser
from tfseg.encoders import ENCODERS
from tfseg.replacing import replacing
from tfseg.unet import unet


def main(arguments=None):
    parser = OneLineParser(
        prog="export.untrained", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", choices=ENCODERS, default="resnet101", help="backbone (default %(default)s)")
    parser.add_argument("--height", type=int, default=320, help="of the input, pixels (default %(default)s)")
    parser.add_argument("--width", type=int, default=256, help="of the input, pixels (default %(default)s)")
    parser.add_argument("--out", default="runs/benchmark_models", metavar="DIR", help="default %(default)s")
    options = parser.parse_args(arguments)
    checkpoint = Path(options.out) / f"{options.encoder}_untrained.keras"
    file = checkpoint.with_name(f"{options.encoder}_untrained_float32.tflite")
    try:
        keras.utils.set_random_seed(0)
        model = unet(options.encoder, options.height, options.width, weights=None)
        with replacing(checkpoint) as temporary:
            model.save(temporary)
        content = convert_apart(checkpoint, ["none"], [])["none"]
        with replacing(file) as temporary:
            temporary.write_bytes(content)
    except (ValueError, OSError) as error:
        print(f"export.untrained: {error}", file=sys.stderr)
        return 2
    for path in (checkpoint, file):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

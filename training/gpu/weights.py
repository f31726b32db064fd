"""Weights from a Keras checkpoint to arrays by name, and back: what `training.gpu.fit` begins with and ends with.

python -m training.gpu.weights person.keras init.npz
python -m training.gpu.weights trained.npz person.keras
"""

import argparse
import sys

import keras
import numpy as np

from tfseg.console import OneLineParser
from tfseg.replacing import replacing
from tfseg.unet import unet
from training.gpu.network import read_arrays


def main(arguments=None):
    parser = OneLineParser(
        prog="training.gpu.weights", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help=".keras checkpoint of a unet over mobilenet_v2, or .npz of training.gpu.fit")
    parser.add_argument("target", help=".npz or .keras, the other of the two")
    options = parser.parse_args(arguments)
    try:
        convert(options.source, options.target)
    except (ValueError, OSError) as error:
        print(f"training.gpu.weights: {error}", file=sys.stderr)
        return 2
    return 0


def convert(source, target):
    """Writes the weights of one file as the other kind. Raises ValueError, naming the file that does not fit."""
    if source.endswith(".keras") and target.endswith(".npz"):
        model = unet("mobilenet_v2", None, None, source)
        arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in named(model)}
        with replacing(target) as path:
            np.savez(path, **arrays)
    elif source.endswith(".npz") and target.endswith(".keras"):
        model = unet("mobilenet_v2", None, None, None)
        arrays = read_arrays(source, [name for name, _ in named(model)])
        for name, variable in named(model):
            variable.assign(arrays[name])
        with replacing(target) as path:
            model.save(path)
    else:
        raise ValueError(f"{source}, {target}: expected a .keras and an .npz file, in either order.")


def named(model):
    """Yields `(LAYER/VARIABLE, variable)` of all weights and statistics."""
    for layer in [*model.get_layer("encoder").layers, *model.layers]:
        if layer.name != "encoder":
            for variable in layer.weights:
                yield f"{layer.name}/{variable.name}", variable


if __name__ == "__main__":
    sys.exit(main())

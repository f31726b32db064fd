"""Does the input pipeline keep the network busy?

    python -m training.benchmark_input                      # the embedded sample set
    python -m training.benchmark_input --data photos --encoder resnet101 --batch-size 8

Prints photos per second of the pipeline alone, of the training step alone on one batch again and again, and of both
together, on one device. It takes the flags of training.fit; those that do not bear on speed have no effect, and
nothing is written but, without --data, the sample set into --out.
"""

import sys
import time

import keras
import numpy as np

from training.arguments import parse
from training.config import FitConfig
from training.fit import build_model, training_data
from training.sources import load_pairs
from training.state import start
from training.substitutes import substitute

WARMUP_SECONDS = 10.0
SECONDS = 30.0


def main(arguments=None):
    given, _ = parse(arguments, "training.benchmark_input", __doc__.split("\n")[0], modes={})
    try:
        rates = measure(FitConfig(**given), WARMUP_SECONDS, SECONDS)
    except (ValueError, ImportError, OSError) as error:
        print(f"training.benchmark_input: {error}", file=sys.stderr)
        return 2
    for name, rate in rates.items():
        print(f"{name:<18} {rate:8.1f} photos/s")
    print(
        f"the pipeline alone has {rates['pipeline alone'] / rates['step alone']:.2f} times the step's rate; "
        f"together they reach {rates['together'] / rates['step alone']:.0%} of it"
    )
    return 0


def measure(config, warmup, seconds):
    """Times pipeline, training step and both.

    Args:
        config: `FitConfig`.
        warmup: seconds before the clock is started, in which the photos are decoded and the step is traced.
        seconds: of measuring, each.

    Returns:
        A dict of photos per second: "pipeline alone", "step alone", "together".

    Raises:
        ValueError: as `training.fit.fit`.
    """
    keras.utils.set_random_seed(config.seed)
    model, (pairs, *_) = build_model(config), load_pairs(config)
    start(substitute(model), config, steps=None)
    batches = iter(training_data(config, pairs))
    cached = next(batches)
    size = len(cached[0])

    def train(batch):
        model.train_on_batch(*map(np.asarray, batch))

    steps = {
        "pipeline alone": lambda: next(batches),
        "step alone": lambda: train(cached),
        "together": lambda: train(next(batches)),
    }
    return {name: size * _rate(step, warmup, seconds) for name, step in steps.items()}


def _rate(step, warmup, seconds):
    """Calls a second."""
    step()
    begun = time.monotonic()
    while time.monotonic() - begun < warmup:
        step()
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < seconds or not count:
        step()
        count += 1
    return count / (time.monotonic() - begun)


if __name__ == "__main__":
    sys.exit(main())

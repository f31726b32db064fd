"""Where the photos of a training come from: folders, tensorflow-datasets, or the embedded sample set."""

from pathlib import Path

from tfseg.data import find_pairs, split_pairs
from tfseg.sample import write_sample_set


def load_pairs(config):
    """Training and validation pairs.

    Raises:
        ValueError: a folder or a set cannot be trained on; nothing has been written then.
    """

    def found(sources):
        return [pair for source in sources for pair in find_pairs(source)]

    val = found(config.val_data)  # first, so that nothing has been written when a folder is wrong
    if not config.data:
        sample = write_sample_set(Path(config.out) / "sample", seed=config.seed)
        return found(sample.train), val or found(sample.val)
    train = found(config.data)
    return (train, val) if val else split_pairs(train, config.validation_share, config.seed)

"""Where the photos of a training come from: folders, tensorflow-datasets, or the embedded sample set."""

import json
from pathlib import Path

import numpy as np

from tfseg.image import write_image
from tfseg.pairs import DataError, split_pairs
from tfseg.replacing import replacing
from tfseg.sample import write_sample_set
from training.survey import fault_table, survey

TFDS = "tfds:"
FEATURES = ("image", "segmentation_mask")


def load_pairs(config):
    """Training and validation pairs, and how many files were left out because they cannot be used.

    Sets of tensorflow-datasets are unpacked into a folder of the run, once. What is wrong with the photos is printed.

    Returns:
        `(train, val, skipped)`: two lists of `Pair`, and a count.

    Raises:
        ValueError: a folder or a set cannot be trained on; no photo has been written then.
    """
    out = Path(config.out)

    def surveyed(sources):
        folders = [
            unpack(source, out / "tfds", config.person_label) if source.startswith(TFDS) else source
            for source in map(str, sources)
        ]
        return [survey(folder) for folder in folders]

    val = surveyed(config.val_data)  # first, so that nothing has been written when a folder is wrong
    if config.data:
        train = surveyed(config.data)
    else:
        sample = write_sample_set(out / "sample", seed=config.seed)
        train, val = surveyed(sample.train), val or surveyed(sample.val)
    skipped = refuse_faults(train + val, config.skip_bad)
    train, val = ([pair for found in side for pair in found.pairs] for side in (train, val))
    if not config.val_data and config.data:
        train, val = split_pairs(train, config.validation_share, config.seed)
    return train, val, skipped


def refuse_faults(surveys, skip_bad):
    """Prints what is wrong with the photos, and gives the number of files; raises DataError unless they are skipped."""
    faults = [fault for found in surveys for fault in found.faults]
    if len(faults) > 1 or faults and skip_bad:
        print(fault_table(surveys))
    if faults and not skip_bad:
        more = f" {len(faults) - 1} more; --skip-bad leaves them out." if len(faults) > 1 else ""
        raise DataError(f"{faults[0].text}{more}")
    for found in surveys:
        if not found.pairs:
            raise DataError(f"{found.folder}: --skip-bad leaves no photo of it.")
    return len(faults)


def unpack(source, folder, person_label=-1):
    """Writes a set of tensorflow-datasets as photos and masks, unless it has been before.

    Args:
        source: `tfds:NAME[/CONFIG][:SPLIT]`; the split is "train" unless named. The set must have the features
            `image` and `segmentation_mask`; it is looked for, and downloaded to, where `TFDS_DATA_DIR` says.
        folder: gets a folder for the set.
        person_label: the value of a person in the masks, 0..255, or -1 for every value but 0.

    Returns:
        The set's folder, with `images/*.png`, `masks/*.png` and `tfds.json`, which is written last.

    Raises:
        DataError: no such set, no such split, or other features.
    """
    name, _, split = source.removeprefix(TFDS).partition(":")
    split = split or "train"
    place = Path(folder) / "".join(letter if letter.isalnum() else "_" for letter in f"{name}_{split}")
    record = {"source": source, "person_label": person_label}
    if (place / "tfds.json").exists() and json.loads((place / "tfds.json").read_text()) == record:
        return place
    for number, example in enumerate(_examples(source, name, split)):
        mask = np.asarray(example["segmentation_mask"])
        mask = mask[..., 0] if mask.ndim == 3 else mask
        person = mask == person_label if person_label >= 0 else mask != 0
        write_image(place / "images" / f"{number:06d}.png", np.asarray(example["image"]))
        write_image(place / "masks" / f"{number:06d}.png", np.uint8(255) * person)
    with replacing(place / "tfds.json") as temporary:
        temporary.write_text(json.dumps(record) + "\n")
    return place


def _examples(source, name, split):
    import tensorflow_datasets as tfds

    import tfseg.builder  # noqa: F401  registers person_photos

    try:
        builder = tfds.builder(name)
        if missing := set(FEATURES) - set(builder.info.features):
            raise DataError(
                f"{source}: has no {' and no '.join(sorted(missing))}, only {', '.join(builder.info.features)}."
            )
        builder.download_and_prepare()
        return tfds.as_numpy(builder.as_dataset(split=split))
    except DataError:
        raise
    except Exception as error:  # an unknown name, a failed download and a wrong split each raise something else
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{source}: cannot be had from tensorflow-datasets: {reason}") from error

"""A folder of labelled photos as a tensorflow-datasets data set, `person_photos`.

    python -m tfseg.builder photos
    tfds.load("person_photos", split="train")

`tfds build tfseg/builder.py --manual_dir photos` does the same, but that command line needs apache-beam.

The folder is laid out as `tfseg.data.find_pairs` describes. Its photos are split so that near-duplicates always fall on
the same side.
"""

import sys

import tensorflow_datasets as tfds

from tfseg.data import find_pairs, read_pair, split_pairs

CITATION = """@misc{person_photos,
  title = {Labelled photos of people, from a folder of one's own},
  note = {Built by tfseg},
}"""


class PersonPhotos(tfds.core.GeneratorBasedBuilder):
    """Photos and masks of people: `image` uint8 `[H, W, 3]` RGB, `segmentation_mask` uint8 `[H, W, 1]` in {0, 1}."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """Name the folder that holds your photos and masks with --manual_dir: images/ and
    masks/ with files of the same stem, images/ alone for photos without people, or NAME/ beside NAME_mask/."""

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Labelled photos of people; a mask holds 1 on people and 0 elsewhere.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "segmentation_mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                    "file_name": tfds.features.Text(),
                }
            ),
            citation=CITATION,
        )

    def _split_generators(self, dl_manager):
        train, validation = split_pairs(find_pairs(dl_manager.manual_dir))
        return {"train": self._generate_examples(train), "validation": self._generate_examples(validation)}

    def _generate_examples(self, pairs):
        for pair in pairs:
            image, mask = read_pair(pair)
            yield (
                pair.image.name,
                {"image": image, "segmentation_mask": mask[..., None], "file_name": pair.image.name},
            )


def main(arguments=None):
    """Builds the set from the folder that is named, into `TFDS_DATA_DIR` or `~/tensorflow_datasets`."""
    folders = sys.argv[1:] if arguments is None else arguments
    if len(folders) != 1:
        print("tfseg.builder: usage: python -m tfseg.builder DIR", file=sys.stderr)
        return 2
    builder = PersonPhotos()
    if builder.data_path.exists():
        print(
            f"tfseg.builder: {builder.data_dir}: was built already, from whichever folder; delete it or set "
            "TFDS_DATA_DIR.",
            file=sys.stderr,
        )
        return 2
    try:
        find_pairs(folders[0])  # before tensorflow-datasets does, whose complaint is longer
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folders[0]))
    except (ValueError, OSError) as error:  # DataError and ImageError among them
        print(f"tfseg.builder: {error}", file=sys.stderr)
        return 2
    counts = ", ".join(f"{split.num_examples} {name}" for name, split in builder.info.splits.items())
    print(f"{builder.info.full_name}: {counts} photos in {builder.data_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

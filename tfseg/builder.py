"""A folder of labelled photos as a tensorflow-datasets data set, `person_photos`.

    python -m tfseg.builder photos
    tfds.load("person_photos", split="train")

    python -m tfseg.builder photos --runner DirectRunner --workers 2

`tfds build tfseg/builder.py --manual_dir photos` does what the first line does, but that command line needs
apache-beam. With --runner, and further options as `tfseg.batch` takes them, Beam's workers read the photos and write
the shards.

The folder is laid out as `tfseg.pairs.find_pairs` describes. Its photos are split so that near-duplicates always
fall on the same side.
"""

import argparse
import importlib.util
import sys

import tensorflow_datasets as tfds

from tfseg.pairs import find_pairs, read_pair, split_pairs

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

    on_beam = False

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
        if not self.on_beam:
            return map(read_example, pairs)
        import apache_beam as beam

        return beam.Create(pairs) | beam.Reshuffle() | beam.Map(read_example)


def read_example(pair):
    """A `tfseg.pairs.Pair` as tensorflow-datasets wants it: its key, and its features by name."""
    image, mask = read_pair(pair)
    return pair.image.name, {"image": image, "segmentation_mask": mask[..., None], "file_name": pair.image.name}


def main(arguments=None):
    """Builds the set from the folder that is named, into `TFDS_DATA_DIR` or `~/tensorflow_datasets`."""
    options, further = parse(arguments)
    builder = PersonPhotos()
    builder.on_beam = bool(options.runner)
    if builder.data_path.exists():
        print(
            f"tfseg.builder: {builder.data_dir}: was built already, from whichever folder; delete it or set "
            "TFDS_DATA_DIR.",
            file=sys.stderr,
        )
        return 2
    try:
        settings = tfds.download.DownloadConfig(manual_dir=options.folder, num_shards=options.shards)
        settings = settings.replace(beam_options=beam_options(options, further))
        find_pairs(options.folder)  # before tensorflow-datasets does, whose complaint is longer
        builder.download_and_prepare(download_config=settings)
    except (ValueError, OSError, ImportError) as error:  # DataError, ImageError and BatchError among them
        print(f"tfseg.builder: {error}", file=sys.stderr)
        return 2
    except AssertionError as error:
        if not options.shards:
            raise
        print(f"tfseg.builder: --shards: {options.shards} are too many: {error}", file=sys.stderr)
        return 2
    counts = ", ".join(f"{split.num_examples} {name}" for name, split in builder.info.splits.items())
    print(f"{builder.info.full_name}: {counts} photos in {builder.data_dir}")
    return 0


def parse(arguments):
    """`(options, further)`: ours, and the list of what is left for Beam."""
    parser = argparse.ArgumentParser(
        prog="python -m tfseg.builder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="DIR", help="labelled photos")
    parser.add_argument("--shards", type=int, help="files of each split (default: by its size)")
    parser.add_argument("--runner", help="Apache Beam's engine; without it everything is done in this process")
    parser.add_argument("--workers", type=int, default=1, help="processes of the DirectRunner (default %(default)s)")
    options, further = parser.parse_known_args(arguments)
    if not options.runner and (further or options.workers != 1):
        parser.error(f"{(further or ['--workers'])[0]}: is for Apache Beam; name an engine with --runner")
    return options, further


def beam_options(options, further):
    """Beam's options, or None where it is not wanted."""
    if not options.runner:
        return None
    if importlib.util.find_spec("apache_beam") is None:
        raise ImportError("--runner: needs Apache Beam; install it with: pip install 'tfseg[beam]'")
    from tfseg.engine import choose

    return choose(options.runner, options.workers, further)


if __name__ == "__main__":
    sys.exit(main())

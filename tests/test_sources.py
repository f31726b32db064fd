import dataclasses
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfseg.pairs import DataError, find_pairs, read_pair
from training.config import FitConfig
from training.sources import load_pairs, unpack

ROOM = np.random.default_rng(0).integers(0, 256, (4, 40, 30, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 3, (4, 40, 30, 1), np.uint8)  # wall, person, dog


class Scenes(tfds.core.GeneratorBasedBuilder):
    """A set as others publish them, with several classes in its masks."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="masks"), tfds.core.BuilderConfig(name="photos")]

    def _info(self):
        features = {"image": tfds.features.Image(shape=(None, None, 3), encoding_format="png")}
        if self.builder_config.name == "masks":
            features["segmentation_mask"] = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(range(3)), "test": self._generate_examples(range(3, 4))}

    def _generate_examples(self, numbers):
        for number in numbers:
            example = {"image": ROOM[number], "segmentation_mask": LABELS[number]}
            yield str(number), {name: example[name] for name in self.info.features}


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tensorflow_datasets"))


def unpacked(folder):
    pairs = [read_pair(pair) for pair in find_pairs(folder)]
    return {image.tobytes(): mask for image, mask in pairs}


@pytest.mark.parametrize(
    "source, label, numbers, persons",
    [
        ("tfds:scenes", -1, range(3), (1, 2)),
        ("tfds:scenes/masks:train", 1, range(3), (1,)),
        ("tfds:scenes/masks:test", 2, range(3, 4), (2,)),
        ("tfds:scenes:test", 0, range(3, 4), (0,)),
    ],
)
def test_a_set_is_unpacked_as_photos_and_two_valued_masks(tmp_path, source, label, numbers, persons):
    found = unpacked(unpack(source, tmp_path / "tfds", label))
    assert found.keys() == {ROOM[number].tobytes() for number in numbers}
    for number in numbers:
        np.testing.assert_array_equal(found[ROOM[number].tobytes()], np.isin(LABELS[number, ..., 0], persons))


def test_a_set_is_unpacked_once_for_each_label(tmp_path):
    folder = unpack("tfds:scenes", tmp_path / "tfds", 1)
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert unpack("tfds:scenes", tmp_path / "tfds", 1) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == written
    unpack("tfds:scenes", tmp_path / "tfds", 2)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} != written
    assert json.loads((folder / "tfds.json").read_text())["person_label"] == 2


@pytest.mark.parametrize(
    "source, named",
    [
        ("tfds:no_such_set", "no_such_set"),
        ("tfds:scenes:dusk", "dusk"),
        ("tfds:scenes/photos", "has no segmentation_mask, only image"),
        ("tfds:person_photos", "manual_dir"),
    ],
)
def test_a_set_that_cannot_be_had_is_named_in_one_line(tmp_path, source, named):
    with pytest.raises(DataError, match=f"^{source}: ") as error:
        unpack(source, tmp_path / "tfds")
    assert named in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "tfds").exists()


def test_sets_and_folders_can_be_mixed(tmp_path, photos):
    config = FitConfig(data=("tfds:scenes", str(photos)), val_data=("tfds:scenes:test",), out=str(tmp_path / "run"))
    train, val, _ = load_pairs(config)
    assert (len(train), len(val)) == (23, 1)
    assert val[0].image == tmp_path / "run" / "tfds" / "scenes_test" / "images" / "000000.png"
    with pytest.raises(DataError, match="missing: no such folder"):
        load_pairs(dataclasses.replace(config, val_data=(str(tmp_path / "missing"),)))

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfseg.builder import PersonPhotos, main
from tfseg.pairs import find_pairs, read_pair, split_pairs

PRISM = Path(sys.executable).parent / "prism"


@pytest.fixture(scope="class")
def example_folder(request, write_set):
    """Ten labelled photos, where tensorflow-datasets looks for those of the builder's own test."""
    root = Path(tempfile.mkdtemp())
    write_set(root / "images", root / "masks", 10)
    request.cls.EXAMPLE_DIR = root
    yield
    shutil.rmtree(root)


@pytest.mark.usefixtures("example_folder")
class TestPersonPhotos(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = PersonPhotos
    SPLITS = {"train": 8, "validation": 2}

    def test_examples_are_the_pairs_of_the_folder_split_without_leaks(self):
        with tempfile.TemporaryDirectory() as data_dir:
            builder = PersonPhotos(data_dir=data_dir)
            builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=self.EXAMPLE_DIR))
            for name, pairs in zip(("train", "validation"), split_pairs(find_pairs(self.EXAMPLE_DIR)), strict=True):
                examples = {example["file_name"]: example for example in tfds.as_numpy(builder.as_dataset(split=name))}
                assert sorted(examples) == sorted(pair.image.name.encode() for pair in pairs)
                for pair in pairs:
                    image, mask = read_pair(pair)
                    example = examples[pair.image.name.encode()]
                    np.testing.assert_array_equal(example["image"], image)
                    np.testing.assert_array_equal(example["segmentation_mask"][..., 0], mask)
            assert "person_photos" in builder.info.citation


def test_the_command_builds_a_folder_and_refuses_another_in_one_line(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "data"))
    assert main([str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err == f"tfseg.builder: {tmp_path}/missing: no such folder.\n"
    assert main([str(photos)]) == 0
    assert "person_photos/1.0.0: 16 train, 4 validation photos in" in capsys.readouterr().out
    assert len(tfds.load("person_photos", split="validation")) == 4
    capsys.readouterr()
    assert main([str(photos)]) == 2
    assert "person_photos/1.0.0: was built already" in capsys.readouterr().err


def photos_of(data_dir, split):
    builder = PersonPhotos(data_dir=str(data_dir))
    return {
        example["file_name"]: (example["image"].tobytes(), example["segmentation_mask"].tobytes())
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }


@pytest.mark.parametrize(
    "engine", [["DirectRunner", "--workers", "2"], ["PrismRunner", "--prism_location", str(PRISM)]]
)
def test_beam_builds_the_same_set(photos, tmp_path, monkeypatch, capsys, engine):
    pytest.importorskip("apache_beam", reason="apache-beam is not installed; make test-beam has it")
    if engine[0] == "PrismRunner" and not PRISM.exists():
        pytest.skip("Prism is not there; make test-beam builds it")
    for name, arguments in (("alone", []), ("beam", ["--runner", *engine])):
        monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / name))
        assert main([str(photos), *arguments]) == 0
        assert "16 train, 4 validation photos" in capsys.readouterr().out
    for split in ("train", "validation"):
        assert photos_of(tmp_path / "beam", split) == photos_of(tmp_path / "alone", split)


def test_without_beam_it_says_what_to_install(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([str(photos), "--runner", "FlinkRunner"]) == 2
    error = capsys.readouterr().err
    assert error == "tfseg.builder: --runner: needs Apache Beam; install it with: pip install 'tfseg[beam]'\n"


@pytest.mark.parametrize("arguments", [[], ["photos", "--workers", "2"], ["photos", "--parallelism", "2"]])
def test_a_command_without_folder_or_engine_is_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error: " in capsys.readouterr().err


def test_shards_are_as_many_as_asked_for_and_no_more_than_photos(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "data"))
    assert main([str(photos), "--shards", "5"]) == 2
    assert "--shards: 5 are too many" in capsys.readouterr().err
    assert main([str(photos), "--shards", "4"]) == 0
    assert len(list(tmp_path.rglob("*validation.tfrecord*"))) == len(list(tmp_path.rglob("*train.tfrecord*"))) == 4

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfseg.builder import PersonPhotos, main
from tfseg.data import find_pairs, read_pair, split_pairs


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
    assert main([]) == 2
    assert main([str(photos)]) == 0
    assert "person_photos/1.0.0: 16 train, 4 validation photos in" in capsys.readouterr().out
    assert len(tfds.load("person_photos", split="validation")) == 4
    capsys.readouterr()
    assert main([str(photos)]) == 2
    assert "person_photos/1.0.0: was built already" in capsys.readouterr().err

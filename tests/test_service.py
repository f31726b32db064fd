"""A dispatcher and two workers, each a process of its own on the loopback, feed a trainer in this one."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import small_network
from processes import usage

from tfseg.letterbox import letterbox
from tfseg.pairs import find_pairs, read_pair
from training.config import FitConfig
from training.service import served


@pytest.fixture
def person_photos(photos, tmp_path, monkeypatch):
    """The folder of a set of four shards, which lies where the processes look for it."""
    from tfseg.builder import main

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "data"))
    assert main([str(photos), "--shards", "4"]) == 0
    return photos


@pytest.fixture
def start():
    """`start(*arguments)` runs training.service; gives the process, and what it prints first."""
    started = []

    def run(*arguments):
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "training.service", *arguments],
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1], started[-1].stdout.readline()

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def cluster(person_photos, start):
    """Address of the dispatcher, and its two workers."""
    address = start("dispatcher")[1].rpartition("grpc://")[2].strip()
    workers = [start("worker", "--dispatcher", address) for _ in range(2)]
    assert [line for _, line in workers] == [f"worker of {address}\n"] * 2
    return address, [process for process, _ in workers]


def test_every_photo_comes_once_framed_as_ours_and_perhaps_mirrored(person_photos, cluster):
    address, _ = cluster
    batches = [(image.numpy(), mask.numpy()) for image, mask in served("person_photos", "train", 96, 64, 3, address)]
    images, masks = (np.concatenate(part) for part in zip(*batches, strict=True))
    assert images.shape == (16, 96, 64, 3) and masks.shape == (16, 96, 64, 1) and set(np.unique(masks)) == {0, 1}
    left = [read_pair(pair) for pair in find_pairs(person_photos)]
    for image, mask in zip(images, masks, strict=True):
        distances = []
        for photo, truth in left:
            framed, _ = letterbox(photo, 96, 64)
            labelled, _ = letterbox(truth, 96, 64, value=0)
            distances += [
                np.abs(image[:, ::way] - framed).mean() + 255 * np.abs(mask[:, ::way, 0] - labelled).mean()
                for way in (1, -1)
            ]
        assert min(distances) < 20, sorted(distances)[:2]
        del left[int(np.argmin(distances)) // 2]
    assert len(left) == 4, "those of the validation"


def test_both_workers_have_a_part_in_it(cluster):
    address, workers = cluster
    before = [usage(worker.pid)[0] for worker in workers]
    for _ in range(30):
        assert sum(len(image) for image, _ in served("person_photos", "train", 96, 64, 3, address)) == 16
        if all(usage(worker.pid)[0] > used + 0.1 for worker, used in zip(workers, before, strict=True)):
            return
    pytest.fail("one worker did it all")


def test_a_network_learns_from_them(cluster):
    model = small_network(FitConfig(height=96, width=64), 96, 64)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    batches = served("person_photos", "train", 96, 64, 4, cluster[0])
    history = model.fit(batches, epochs=6, shuffle=False, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]

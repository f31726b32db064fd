"""Each training here is a process of its own: devices can be split and joined only before they are first used."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from training import devices, fit, state
from training.checkpoints import COLUMNS, Checkpoints, read_history

TESTS = Path(__file__).parent


class Keeping(Checkpoints):
    """Keeps the weights of every process, also of those that write nothing."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        np.savez(self.kept, *self.model.get_weights())


def without_batch_norm(config, height=None, width=None):
    image = keras.Input((height, width, 3))
    features = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    features = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(features)
    return keras.Model(image, keras.layers.UpSampling2D(2)(keras.layers.Conv2D(1, 3, padding="same")(features)))


def train(logical_devices, network, kept, *arguments):
    """What a process does: training.fit with a small network, on a processor that counts as several devices."""
    import tensorflow as tf
    from conftest import small_network

    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * int(logical_devices)
    )
    state.EMA_SPANS = 1  # of two steps
    Keeping.kept = kept
    fit.Checkpoints = Keeping
    fit.build_model = {"small": small_network, "without_batch_norm": without_batch_norm}[network]
    return fit.main(arguments)


@pytest.fixture
def launch(photos, tmp_path):
    """Starts `train` on 16 photos, two steps of 8 photos."""
    started = []

    def run(name, *arguments, logical_devices=1, network="small", out=None, **environment):
        places = ["--data", str(photos), "--out", str(tmp_path / (out or name))]
        settings = ["--height", "64", "--width", "64", "--epochs", "1", "--batch-size", "8"]
        started.append(
            subprocess.Popen(
                [sys.executable, __file__, str(logical_devices), network, str(tmp_path / f"{name}.npz")]
                + [*places, *settings, *arguments],
                env=os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"} | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ended(process):
    """`(status, stdout, stderr)`"""
    printed, error = process.communicate(timeout=900)
    return process.returncode, printed, error


def weights(path):
    with np.load(path) as arrays:
        return [arrays[f"arr_{index}"] for index in range(len(arrays.files))]


def scores(out):
    [row] = read_history(out / "history.csv")
    return {name: row[name] for name in COLUMNS if name != "seconds"}


def cluster(process, processes, port):
    return {
        "KERAS_BACKEND": "jax",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(process),
    }


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_two_processes_train_what_one_does(launch, tmp_path):
    pytest.importorskip("jax", reason="jax is not installed; make test-distributed installs it")
    port = free_port()
    both = [launch(f"{process} of 2", out="both", **cluster(process, 2, port)) for process in (0, 1)]
    alone = launch("alone", KERAS_BACKEND="jax")
    (status, printed, error), (other_status, other_printed, other_error) = map(ended, both)
    assert (status, other_status) == (0, 0), error + other_error
    assert ended(alone)[0] == 0
    for one, other, expected in zip(
        weights(tmp_path / "0 of 2.npz"),
        weights(tmp_path / "1 of 2.npz"),
        weights(tmp_path / "alone.npz"),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, expected, atol=1e-5)
    assert "2 steps an epoch" in printed and "process 0, which writes" in other_printed
    files = {path.name for path in (tmp_path / "alone").iterdir()}
    assert {path.name for path in (tmp_path / "both").iterdir()} == files
    assert scores(tmp_path / "both") == pytest.approx(scores(tmp_path / "alone"), abs=1e-4)


def test_processes_with_other_settings_are_refused_by_name(launch):
    pytest.importorskip("jax", reason="jax is not installed; make test-distributed installs it")
    port = free_port()
    both = [launch(f"{process}", f"--seed={process}", out="both", **cluster(process, 2, port)) for process in (0, 1)]
    for status, _, error in map(ended, both):
        assert status == 2
        assert [line for line in error.splitlines() if line.startswith("training.fit: ")] == [
            "training.fit: the 2 processes differ in their settings; start all of them alike."
        ]


def test_two_devices_of_a_host_train_what_one_does(launch, tmp_path):
    two, one = (
        launch(f"{count}", logical_devices=count, network="without_batch_norm", KERAS_BACKEND="tensorflow")
        for count in (2, 1)
    )
    for status, _, error in map(ended, (two, one)):
        assert status == 0, error
    for array, expected in zip(weights(tmp_path / "2.npz"), weights(tmp_path / "1.npz"), strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)
    assert scores(tmp_path / "2") == pytest.approx(scores(tmp_path / "1"), abs=1e-4)


def test_a_step_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "count", lambda: 4)
    devices.check_step(8)
    with pytest.raises(ValueError, match="^--batch-size: 6 photos .* 4 devices"):
        devices.check_step(6)


def test_photos_are_filled_up_to_what_devices_can_share(monkeypatch):
    for count, expected in ((1, "abc"), (2, "abca"), (3, "abc"), (4, "abca"), (8, "abcabcab")):
        monkeypatch.setattr(devices, "count", lambda count=count: count)
        assert "".join(devices.filled(list("abc"))) == expected


def test_several_processes_need_jax(monkeypatch):
    monkeypatch.setenv(devices.PROCESSES, "2")
    with pytest.raises(ValueError, match="KERAS_BACKEND=jax; received tensorflow"):
        devices.join()


if __name__ == "__main__":
    sys.exit(train(*sys.argv[1:]))

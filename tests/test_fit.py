import importlib.util
import json
import math
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tfseg
from tfseg.data import make_dataset
from tfseg.encoders import ENCODERS
from tfseg.image import read_image, write_image
from tfseg.losses import BCEDice
from tfseg.metrics import Dice
from tfseg.pairs import find_pairs
from training import checkpoints, fit, schedules, state
from training.checkpoints import Checkpoints, read_history
from training.config import BUNDLED_CHECKPOINT, FitConfig
from training.substitutes import substitute

REPOSITORY = Path(tfseg.__file__).parents[1]
WRITTEN = [
    "best_dice.keras", "best_loss.keras", "curves.png", "history.csv", "last.keras", "log.jsonl", "run.json",
    "samples.png", "split.json",
]  # fmt: skip


def weights(path):
    return keras.models.load_model(path, compile=False).get_weights()


def scores(out):
    return np.array([[row[name] for name in checkpoints.COLUMNS[:-1]] for row in read_history(out / "history.csv")])


def test_a_run_writes_checkpoints_history_curves_split_and_settings(trained, photos):
    assert sorted(path.name for path in trained.iterdir()) == WRITTEN
    history = read_history(trained / "history.csv")
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert all(0 <= row["val_dice"] <= 1 and math.isfinite(row["val_loss"]) for row in history)
    assert history[-1]["loss"] < history[0]["loss"]
    split = json.loads((trained / "split.json").read_text())
    assert sorted(split["train"] + split["val"]) == sorted(str(pair.image) for pair in find_pairs(photos))
    run = json.loads((trained / "run.json").read_text())
    assert run["photos"] == {"train": 16, "val": 4} == {name: len(paths) for name, paths in split.items()}
    assert run["person_free"] == {"train": 0, "val": 0}
    assert (run["settings"]["epochs"], run["settings"]["learning_rate"]) == (3, 0.01)
    assert read_image(trained / "curves.png").std() > 10


def test_the_kept_weights_are_those_that_were_validated_and_have_no_optimizer(trained, photos):
    names = json.loads((trained / "split.json").read_text())["val"]
    dataset = make_dataset([pair for pair in find_pairs(photos) if str(pair.image) in names], 96, 64, batch_size=2)
    history = read_history(trained / "history.csv")

    def validate(name):
        model = substitute(keras.models.load_model(trained / name))
        assert model.compiled == (name == "last.keras")
        model.compile(loss=BCEDice(), metrics=[Dice()], weighted_metrics=[], jit_compile=False)
        return model.evaluate(dataset, verbose=0, return_dict=True)

    assert validate("best_dice.keras")["dice"] == pytest.approx(max(row["val_dice"] for row in history), abs=1e-4)
    assert validate("best_loss.keras")["loss"] == pytest.approx(min(row["val_loss"] for row in history), abs=1e-4)
    assert validate("last.keras")["loss"] != pytest.approx(history[-1]["val_loss"], abs=1e-3), "not the averages"


class InFirstEpoch(Checkpoints):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 4:
            raise KeyboardInterrupt


class AfterBestOfSecondEpoch(Checkpoints):
    def on_test_end(self, logs=None):
        super().on_test_end(logs)
        if len(self.history) == 1:
            raise KeyboardInterrupt


class BetweenHistoryAndLast(Checkpoints):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.set_model(Unsaveable())
        super().on_epoch_end(epoch, logs)


class Unsaveable:
    def save(self, path):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "interrupted, whole_epochs", [(InFirstEpoch, 0), (AfterBestOfSecondEpoch, 1), (BetweenHistoryAndLast, 1)]
)
def test_an_interrupted_run_ends_as_an_unbroken_one(fit_small, trained, tmp_path, interrupted, whole_epochs):
    with pytest.raises(KeyboardInterrupt):
        fit_small(tmp_path, Checkpoints=interrupted)
    if whole_epochs:
        optimizer = state.load_last(tmp_path / "last.keras").optimizer
        assert int(optimizer.iterations) == 8 * whole_epochs
        # One of 24 steps is the warm-up; the cosine goes over the other 23.
        assert float(optimizer.learning_rate) == pytest.approx(0.005 * (1 + math.cos(math.pi * 7 / 23)), rel=1e-4)
        assert optimizer.use_ema and optimizer.ema_momentum == pytest.approx(1 - 2 / 24)
    assert fit_small(tmp_path, "--resume") == 0
    assert scores(tmp_path)[:, 0].tolist() == [1, 2, 3], "without gap or repeat"
    assert scores(tmp_path) == pytest.approx(scores(trained), abs=1e-3)
    for name in ("best_dice.keras", "best_loss.keras", "last.keras"):
        for array, expected in zip(weights(tmp_path / name), weights(trained / name), strict=True):
            assert np.abs(array - expected).max() < 0.01
    assert sorted(path.name for path in tmp_path.iterdir()) == WRITTEN


def network_with_encoder(config, height=None, width=None):
    image = keras.Input((height, width, 3))
    fine = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="conv")(image)
    fine = keras.layers.ReLU(name="out_relu")(keras.layers.BatchNormalization(momentum=0.8)(fine))
    encoder = keras.Model(image, fine, name="encoder")
    inputs = keras.Input((height, width, 3))
    features = encoder(keras.layers.Rescaling(1 / 127.5, -1.0)(inputs))
    logits = keras.layers.UpSampling2D(2)(keras.layers.Conv2D(1, 3, padding="same", name="head")(features))
    return keras.Model(inputs, logits)


class Recording(Checkpoints):
    """Keeps the weights of the encoder and of the head, at the beginning and after each epoch."""

    kept = []

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.keep()

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.keep()

    def keep(self):
        encoder = np.concatenate([array.ravel() for array in self.model.get_layer("encoder").get_weights()])
        self.kept.append((encoder, self.model.get_layer("head").get_weights()[0]))


class AfterBestOfThirdEpoch(Checkpoints):
    def on_test_end(self, logs=None):
        super().on_test_end(logs)
        if len(self.history) == 2:
            raise KeyboardInterrupt


class AtUnfreezing(Checkpoints):
    def on_train_begin(self, logs=None):
        if self.history:
            raise KeyboardInterrupt
        super().on_train_begin(logs)


def test_a_frozen_encoder_is_kept_and_then_trained_also_across_a_stop(fit_small, tmp_path, monkeypatch):
    monkeypatch.setattr(Recording, "kept", kept := [])
    setting = ["--frozen-epochs", "1", "--encoder-rate", "0.2", "--clip-norm", "0.5"]
    network = {"build_model": network_with_encoder}
    assert fit_small(tmp_path / "unbroken", *setting, Checkpoints=Recording, **network) == 0
    (start, first_head), (frozen, head), (boundary, _), (trained_encoder, trained_head) = kept[:4]
    np.testing.assert_array_equal(frozen, start, "batch norm included")
    np.testing.assert_array_equal(boundary, start)
    assert np.abs(head - first_head).max() > 1e-3 and np.abs(trained_head - head).max() > 1e-3
    assert np.abs(trained_encoder - start).max() > 1e-3

    for name, interrupted in (("boundary", AtUnfreezing), ("third", AfterBestOfThirdEpoch)):
        with pytest.raises(KeyboardInterrupt):
            fit_small(tmp_path / name, *setting, Checkpoints=interrupted, **network)
        assert fit_small(tmp_path / name, *setting, "--resume", **network) == 0
        assert scores(tmp_path / name) == pytest.approx(scores(tmp_path / "unbroken"), abs=1e-3)
        ends = zip(weights(tmp_path / name / "last.keras"), weights(tmp_path / "unbroken" / "last.keras"), strict=True)
        assert all(np.abs(one - other).max() < 1e-3 for one, other in ends)


def test_a_plateau_and_a_stop_that_was_early_are_remembered_across_a_stop(fit_small, tmp_path):
    setting = ["--schedule", "plateau", "--plateau-patience", "1", "--patience", "2"]
    setting += ["--learning-rate", "1e-9", "--epochs", "9"]
    with pytest.raises(KeyboardInterrupt):
        fit_small(tmp_path, *setting, Checkpoints=AfterBestOfSecondEpoch)
    assert fit_small(tmp_path, *setting, "--resume") == 0
    history = read_history(tmp_path / "history.csv")
    best = int(np.argmax([row["val_dice"] for row in history]))
    assert len(history) == best + 3 < 9
    rates = {line["epoch"]: line.get("learning_rate") for line in log(tmp_path)}
    losses = [row["val_loss"] for row in history]
    expected = {epoch: schedules.plateau_rate(1e-9, losses[: epoch - 1], 1) for epoch in rates}
    assert rates == pytest.approx(expected)
    before = (tmp_path / "last.keras").read_bytes()
    assert fit_small(tmp_path, *setting, "--resume") == 0
    assert (tmp_path / "last.keras").read_bytes() == before, "a run that stopped early stays stopped"


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture
def refused(fit_small, capsys):
    """Runs training.fit, which must refuse in one line and leave the folder as it is; gives the line."""

    def run(out, *arguments, **replaced):
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        capsys.readouterr()
        assert fit_small(out, *arguments, **replaced) == 2
        error = capsys.readouterr().err
        assert error.startswith("training.fit: ") and error.count("\n") == 1
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
        return error

    return run


def test_a_run_is_not_overwritten(refused, trained):
    error = refused(trained)
    assert str(trained) in error and "--resume" in error


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--learning-rate", "0.02"], "--learning-rate"),
        (["--epochs", "9"], "--epochs"),
        (["--val-data", "elsewhere"], "--val-data"),
    ],
)
def test_resuming_with_other_settings_names_the_flag(refused, trained, arguments, named):
    assert f" {named}: " in refused(trained, "--resume", *arguments)


def test_resuming_a_finished_run_changes_nothing_of_it(fit_small, trained, tmp_path):
    copy = shutil.copytree(trained, tmp_path / "copy")
    (copy / ".0123456789ab.keras").write_text("begun by a process that was killed")
    assert fit_small(copy, "--resume") == 0
    assert sorted(path.name for path in copy.iterdir()) == WRITTEN
    for name in set(WRITTEN) - {"run.json"}:  # which names the folder
        assert (copy / name).read_bytes() == (trained / name).read_bytes()


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--data", "{here}/missing"], "{here}/missing: no such folder"),
        (["--data", "{here}"], "{here}: found neither images/"),
        (["--val-data", "{here}/missing"], "{here}/missing: no such folder"),
        (["--epochs", "0"], "--epochs"),
        (["--height", "50"], "--height"),
    ],
)
def test_wrong_data_and_settings_are_refused_before_anything_is_written(refused, tmp_path, arguments, named):
    error = refused(tmp_path, *(word.format(here=tmp_path) for word in arguments))
    assert named.format(here=tmp_path) in error


def test_a_wrong_validation_folder_is_refused_before_the_sample_set_is_written(tmp_path, capsys):
    arguments = f"--val-data {tmp_path}/missing --init none --height 32 --width 32 --out {tmp_path}/run".split()
    assert fit.main(arguments) == 2
    assert "missing: no such folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--encoder", "vgg"], f"--encoder: 'vgg' is out of range (backbone: {', '.join(ENCODERS)})"),
        (["--init", "missing.keras"], "missing.keras"),
        (["--init", "missing.h5"], "missing.h5: no such weights file"),
    ],
)
def test_a_network_that_cannot_be_had_is_named(refused, tmp_path, arguments, named):
    assert named in refused(tmp_path, *arguments, build_model=fit.build_model)


def test_curves_for_tensorboard_need_an_extra(refused, fit_small, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboard" else found(name))
    assert "tfseg[tensorboard]" in refused(tmp_path, "--tensorboard")
    monkeypatch.undo()
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    assert fit_small(tmp_path, "--tensorboard") == 0
    assert list((tmp_path / "tensorboard").glob("*/events*"))


@pytest.mark.parametrize("encoder, first", [("mobilenet_v2", BUNDLED_CHECKPOINT), ("resnet50", "imagenet")])
def test_an_encoder_begins_with_the_shipped_weights_or_else_with_those_of_imagenet(monkeypatch, encoder, first):
    asked = []
    monkeypatch.setattr(fit, "unet", lambda *given: asked.append(given) or network_with_encoder(FitConfig()))
    fit.build_model(FitConfig(encoder=encoder, frozen_stride=0))
    assert asked == [(encoder, None, None, first)]


def test_a_folder_that_cannot_be_written_ends_in_one_line(refused, tmp_path):
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "run"
    assert f"--out: {out} cannot be written" in refused(tmp_path, "--out", str(out))


def test_imagenet_weights_without_a_network_end_in_one_line_with_the_way_out(photos, tmp_path):
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    arguments = ["--data", photos, "--init", "imagenet", "--out", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, "-m", "training.fit", *arguments],
        cwd=REPOSITORY,
        env=os.environ | nowhere | {"KERAS_HOME": str(tmp_path / "keras"), "no_proxy": "", "NO_PROXY": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("training.fit: ")]
    assert done.returncode == 2
    assert len(lines) == 1 and "--init bundled" in lines[0] and "could not be downloaded" in lines[0]
    assert "Traceback" not in done.stderr and not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["run.json", "last.keras"])
def test_a_run_that_was_damaged_is_not_resumed_and_the_file_is_named(trained, fit_small, tmp_path, capsys, name):
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    (copy / name).write_text("{}")
    assert fit_small(copy, "--resume") == 2
    error = capsys.readouterr().err
    assert f"{copy / name}: damaged" in error and error.count("\n") == 1


def test_a_run_of_another_network_is_not_resumed_and_stays(trained, fit_small, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    assert fit_small(copy, "--resume", build_model=fit.build_model) == 2
    error = capsys.readouterr().err
    assert f"{copy / 'last.keras'}: its network is not the unet_mobilenet_v2" in error and error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == {
        path.name: path.read_bytes() for path in trained.iterdir()
    }


class Failing(Checkpoints):
    """Breaks something after the first epoch, and keeps the files that a resume needs as they were then."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch == 0:
            Failing.kept = {name: (self.out / name).read_bytes() for name in ("last.keras", "history.csv")}
            self.fail()


class DiskFull(Failing):
    def fail(self):
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit))  # the system refuses what is written beyond


class Poisoned(Failing):
    def fail(self):
        self.model.set_weights([np.full_like(array, np.nan) for array in self.model.get_weights()])
        for average in self.model.optimizer._model_variables_moving_average:
            average.assign(np.full(average.shape, np.nan))


@pytest.mark.parametrize(
    "failing, words",
    [
        (DiskFull, ["--out: {out} cannot be written: ", "File too large"]),
        (Poisoned, ["the loss became nan in step 1 of epoch 2", "{out}", "--learning-rate", "--clip-norm"]),
    ],
)
def test_a_failure_on_the_way_ends_in_one_line_and_leaves_the_last_good_checkpoint(
    fit_small, tmp_path, capsys, failing, words
):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        assert fit_small(tmp_path, Checkpoints=failing) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    error = capsys.readouterr().err
    assert error.startswith("training.fit: ") and error.count("\n") == 1
    assert all(word.format(out=tmp_path) in error for word in words)
    assert {name: (tmp_path / name).read_bytes() for name in failing.kept} == failing.kept
    assert not [path for path in tmp_path.iterdir() if path.name not in WRITTEN], "no half file is left"


@pytest.fixture
def own_photos(photos, tmp_path, monkeypatch):
    """Folders of photos of a test's own to train and to validate on, and the command line that trains on them."""
    for name in ("train", "val"):
        shutil.copytree(photos, tmp_path / name)
    monkeypatch.setattr(fit, "build_model", network_with_encoder)
    folders = f"--data {tmp_path}/train --val-data {tmp_path}/val --out {tmp_path}/run"
    return tmp_path / "train" / "images", [*folders.split(), "--height", "32", "--width", "32", "--epochs", "1"]


def test_a_photo_that_breaks_off_ends_in_one_line_with_its_name(own_photos, capsys):
    images, command = own_photos
    broken = images / "3.jpg"  # whose header does not tell
    write_image(broken, read_image(images / "3.png"))
    (images / "3.png").unlink()
    broken.write_bytes(broken.read_bytes()[:1500])
    assert fit.main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"training.fit: {broken}: damaged") and error.count("\n") == 1


def test_a_run_is_not_resumed_with_other_photos(own_photos, tmp_path, capsys):
    images, command = own_photos
    assert fit.main(command) == 0
    (images / "3.png").rename(tmp_path / "3.png")
    (images.with_name("masks") / "3.png").rename(tmp_path / "3_mask.png")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    capsys.readouterr()
    assert fit.main([*command, "--resume"]) == 2
    error = capsys.readouterr().err
    assert "split.json: the train photos" in error and "1 gone (3.png)" in error and error.count("\n") == 1
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before

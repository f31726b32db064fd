import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tfseg
from tfseg.data import find_pairs, make_dataset
from tfseg.image import read_image
from tfseg.losses import BCEDice
from tfseg.metrics import Dice
from training import checkpoints, fit
from training.checkpoints import Checkpoints, read_history

REPOSITORY = Path(tfseg.__file__).parents[1]
WRITTEN = ["best_dice.keras", "best_loss.keras", "curves.png", "history.csv", "last.keras", "run.json", "split.json"]


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
        model = keras.models.load_model(trained / name)
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
        optimizer = fit.load_last(tmp_path / "last.keras").optimizer
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
    assert fit_small(copy, "--resume") == 0
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
        (["--encoder", "vgg"], "encoder must be one of mobilenet_v2, resnet101; received 'vgg'"),
        (["--init", "missing.keras"], "missing.keras"),
        (["--init", "missing.h5"], "missing.h5: no such weights file"),
    ],
)
def test_a_network_that_cannot_be_had_is_named(refused, tmp_path, arguments, named):
    assert named in refused(tmp_path, *arguments, build_model=fit.build_model)


def test_a_folder_that_cannot_be_written_ends_in_one_line(refused, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "file" in refused(tmp_path, "--out", str(tmp_path / "file" / "run"))


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

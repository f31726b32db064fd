import json

import keras
import pytest

from training import monitor
from training.monitor import EarlyStopping, FiniteLoss, Progress, exhausted


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(monitor.time, "monotonic", clock.monotonic)
    return clock


def model():
    image = keras.Input((2,))
    network = keras.Model(image, keras.layers.Dense(1)(image))
    network.compile(keras.optimizers.AdamW(0.25), "mse")
    return network


def test_photos_per_second_and_the_time_left_follow_the_clock(tmp_path, clock, capsys):
    bar = Progress(tmp_path / "log.jsonl", photos=16, steps=5, epochs=4)
    bar.set_model(model())
    bar.on_epoch_begin(1)  # resumed after the first of four epochs
    for batch in range(5):
        clock.now += 2
        bar.on_train_batch_end(batch, {"loss": 0.5, "dice": 0.25})
    clock.now += 3  # validation
    bar.on_epoch_end(1, {"loss": 0.5, "dice": 0.25, "val_loss": 0.75, "val_dice": 0.125})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"], line["photos_per_second"]) for line in lines] == [(2, 5, 8.0)] * 2
    assert "val_dice" not in lines[0], "after ten seconds, within the epoch"
    assert lines[1] == lines[0] | {"time": lines[1]["time"], "val_loss": 0.75, "val_dice": 0.125, "learning_rate": 0.25}
    shown = capsys.readouterr().out
    assert shown.startswith("epoch 2/4  13 s  ") and shown.count("\n") == 1 and "\r" not in shown
    assert "8.0 photos/s" in shown and "0:00:20 left" in shown, "ten steps of two seconds"
    assert "val_dice 0.1250" in shown


def test_on_a_terminal_the_line_renews_itself(tmp_path, clock, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    bar = Progress(tmp_path / "log.jsonl", photos=2, steps=2, epochs=1)
    bar.set_model(model())
    bar.on_epoch_begin(0)
    clock.now += 1
    bar.on_train_batch_end(0, {"loss": 0.5})
    shown = capsys.readouterr().out
    assert shown.startswith("\r") and "\n" not in shown
    assert "epoch 1/1  step 1/2  loss 0.5000  2.0 photos/s  0:00:01 left" in shown


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_named_with_its_place(tmp_path, loss):
    watch = FiniteLoss(tmp_path)
    watch.on_epoch_begin(2)
    watch.on_train_batch_end(0, {"loss": 0.5})
    watch.on_test_end({"loss": 0.5})
    with pytest.raises(ValueError, match=f"the loss became {loss} in step 7 of epoch 3; {tmp_path}"):
        watch.on_train_batch_end(6, {"loss": loss})
    with pytest.raises(ValueError, match=f"the loss became {loss} in validation of epoch 3"):
        watch.on_test_end({"loss": loss})


@pytest.mark.parametrize(
    "dice, patience, stop",
    [
        ([], 2, False),
        ([0.1, 0.2, 0.3], 2, False),
        ([0.3, 0.2], 2, False),
        ([0.3, 0.2, 0.25], 2, True),
        ([0.3, 0.2, 0.3], 2, True),
        ([0.3, 0.2, 0.31], 2, False),
        ([0.3, 0.1, 0.1, 0.1], 0, False),
    ],
)
def test_training_stops_when_patience_runs_out(dice, patience, stop):
    history = [{"val_dice": score} for score in dice]
    assert exhausted(history, patience) == stop
    if patience:
        stopping = EarlyStopping(patience, history)
        stopping.set_model(model())
        stopping.on_epoch_end(len(dice))
        assert stopping.model.stop_training == stop

import zipfile

import keras
import numpy as np
import pytest

from training.checkpoints import COLUMNS, Checkpoints, read_history


def small_model(use_ema=False):
    image = keras.Input((2,))
    model = keras.Model(image, keras.layers.Dense(1)(image))
    optimizer = keras.optimizers.AdamW(0.1, use_ema=use_ema, ema_momentum=0.8)
    model.compile(optimizer, "mse", metrics=[keras.metrics.MeanAbsoluteError(name="dice")])
    return model


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


def saved(path):
    return weights(keras.models.load_model(path, compile=False))


def drive(checkpoints, epoch, val_dice, val_loss):
    """One epoch, after which the network's weights are the epoch's number."""
    model = checkpoints.model
    checkpoints.on_epoch_begin(epoch - 1)
    model.set_weights([np.full_like(array, epoch) for array in model.get_weights()])
    checkpoints.on_test_end({"dice": val_dice, "loss": val_loss})
    checkpoints.on_epoch_end(epoch - 1, {"loss": 2.0, "dice": 0.1, "val_loss": val_loss, "val_dice": val_dice})


def started(out, history):
    model = small_model()
    checkpoints = Checkpoints(out, keras.Model.from_config(model.get_config()), history)
    checkpoints.set_model(model)
    return checkpoints


def test_the_best_weights_by_dice_and_by_loss_and_the_last_are_kept(tmp_path):
    checkpoints = started(tmp_path, [])
    for epoch, val_dice, val_loss in ((1, 0.2, 1.0), (2, 0.5, 0.9), (3, 0.4, 0.3), (4, 0.5, 0.3)):
        drive(checkpoints, epoch, val_dice, val_loss)
    assert (saved(tmp_path / "best_dice.keras") == 2).all(), "an equal score later does not replace it"
    assert (saved(tmp_path / "best_loss.keras") == 3).all()
    assert (saved(tmp_path / "last.keras") == 4).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best_dice.keras", "best_loss.keras", "history.csv", "last.keras",
    ]  # fmt: skip


def test_history_is_read_back_as_it_was_and_a_resumed_run_remembers_its_best(tmp_path):
    first = started(tmp_path, [])
    drive(first, 1, 0.5, 0.9)
    history = read_history(tmp_path / "history.csv")
    assert history == first.history
    assert tuple(history[0]) == COLUMNS
    assert history[0] | {"seconds": 0} == dict(zip(COLUMNS, (1, 2.0, 0.1, 0.9, 0.5, 0), strict=True))
    assert isinstance(history[0]["epoch"], int)
    drive(started(tmp_path, history), 2, 0.4, 0.8)
    assert (saved(tmp_path / "best_dice.keras") == 1).all()
    assert (saved(tmp_path / "best_loss.keras") == 2).all()
    assert [row["epoch"] for row in read_history(tmp_path / "history.csv")] == [1, 2]
    assert read_history(tmp_path / "missing.csv") == []


def test_a_history_that_is_damaged_or_too_short_is_named(tmp_path):
    path = tmp_path / "history.csv"
    drive(started(tmp_path, []), 1, 0.5, 0.9)
    assert len(read_history(path, 1)) == 1 and read_history(path, 0) == []
    with pytest.raises(ValueError, match=f"^{path}: holds 1 epochs where last.keras has 2"):
        read_history(path, 2)
    whole = path.read_text()
    for damaged in (whole.replace("val_dice", "val_d"), whole.replace("0.9", "?"), whole[: len(whole) * 3 // 4]):
        path.write_text(damaged)
        with pytest.raises(ValueError, match=f"^{path}: damaged"):
            read_history(path)


def test_a_run_killed_while_saving_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    checkpoints = started(tmp_path, [])
    drive(checkpoints, 1, 0.5, 0.9)

    def killed(path):
        path.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.model, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        drive(checkpoints, 2, 0.6, 0.8)
    assert (saved(tmp_path / "last.keras") == 1).all()
    assert (saved(tmp_path / "best_dice.keras") == 2).all()
    assert len(list(tmp_path.iterdir())) == 4, "no half file is left"


def test_the_best_weights_are_the_averaged_ones_without_an_optimizer_and_the_last_the_raw_ones_with_it(tmp_path):
    keras.utils.set_random_seed(1)
    model, averages = small_model(use_ema=True), []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: averages.append(
            np.concatenate([average.numpy().ravel() for average in model.optimizer._model_variables_moving_average])
        )
    )
    x, y = np.random.default_rng(0).normal(size=(2, 32, 2))
    callbacks = [
        Checkpoints(tmp_path, keras.Model.from_config(model.get_config()), []),
        keras.callbacks.SwapEMAWeights(),
        record,
    ]
    model.fit(
        x, y[:, :1] + 3, validation_data=(x, y[:, :1] + 3), epochs=3, batch_size=8, verbose=0, callbacks=callbacks
    )
    history = read_history(tmp_path / "history.csv")
    best = int(np.argmin([row["val_loss"] for row in history]))
    last = keras.models.load_model(tmp_path / "last.keras")
    assert saved(tmp_path / "best_loss.keras") == pytest.approx(averages[best])
    assert np.abs(weights(last) - averages[-1]).max() > 0.01
    assert int(last.optimizer.iterations) == 12
    kept = keras.models.load_model(tmp_path / "best_loss.keras")
    assert not kept.compiled
    for name, has_optimizer in (("best_loss", False), ("last", True)):
        content = zipfile.ZipFile(tmp_path / f"{name}.keras").read("model.weights.h5")
        assert (b"optimizer" in content) == has_optimizer

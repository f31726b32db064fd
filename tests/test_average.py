import keras
import numpy as np
import pytest

from training.average import main


def saved(path, kernel, size=1):
    """A checkpoint of one convolution whose weights are all `kernel`."""
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(1, size, padding="same")])
    model.set_weights([np.full_like(weight, kernel) for weight in model.get_weights()])
    model.save(path)
    return str(path)


@pytest.mark.parametrize(("share", "expected"), [(0, 1.0), (0.25, 2.0), (1, 5.0)])
def test_the_weights_lie_between_the_two(tmp_path, share, expected):
    models = [saved(tmp_path / "first.keras", 1), saved(tmp_path / "second.keras", 5)]
    out = tmp_path / "average.keras"
    assert main(["--model", *models, "--share", str(share), "--out", str(out)]) == 0
    for weight in keras.models.load_model(out).get_weights():
        np.testing.assert_allclose(weight, expected)


def test_statistics_go_on_over_photos_and_weights_do_not(tmp_path, photos):
    norm = keras.layers.BatchNormalization(momentum=0.9, name="norm")
    model = keras.Sequential([keras.Input((32, 32, 3)), norm, keras.layers.Conv2D(1, 1)])
    model.save(tmp_path / "one.keras")
    out = tmp_path / "average.keras"
    arguments = ["--model", *[str(tmp_path / "one.keras")] * 2, "--data", str(photos), "--out", str(out)]
    assert main(arguments) == 0
    settled = keras.models.load_model(out)
    mean = settled.get_layer("norm").moving_mean.numpy()
    assert (mean > 20).all() and (mean < 235).all(), "as bright as photos, no longer 0"
    for before, after in zip(model.trainable_weights, settled.trainable_weights, strict=True):
        np.testing.assert_array_equal(after.numpy(), before.numpy())


def test_different_networks_are_refused_and_nothing_is_written(tmp_path, capsys):
    models = [saved(tmp_path / "first.keras", 1), saved(tmp_path / "second.keras", 5, size=3)]
    assert main(["--model", *models, "--out", str(tmp_path / "average.keras")]) == 2
    assert "not two checkpoints of one network" in capsys.readouterr().err
    assert not (tmp_path / "average.keras").exists()


@pytest.mark.parametrize(("option", "value"), [("--share", "1.5"), ("--out", "average.h5")])
def test_what_is_out_of_range_is_named(tmp_path, capsys, option, value):
    models = [saved(tmp_path / "first.keras", 1)] * 2
    with pytest.raises(SystemExit) as stopped:
        main(["--model", *models, "--out", str(tmp_path / "average.keras"), option, value])
    assert stopped.value.code == 2
    assert option in capsys.readouterr().err

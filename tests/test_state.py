import keras
import numpy as np
import pytest

from tfseg.encoders import build_encoder, freeze
from training.config import FitConfig
from training.state import EMA_SPANS, build_optimizer, load_last, start, unfreeze


@pytest.fixture
def model():
    """An encoder with a head of its own."""
    encoder = build_encoder("mobilenet_v2", 32, 32, None)
    image = keras.Input((32, 32, 3))
    return keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(encoder(image)[0]))


def test_clipping_decay_and_rates_reach_the_optimizer(model):
    config = FitConfig(clip_norm=0.5, weight_decay=0.25, encoder_rate=0.1, epochs=2, schedule="constant")
    optimizer = build_optimizer(model, config, steps=5)
    assert (optimizer.global_clipnorm, optimizer.weight_decay, optimizer.encoder_rate) == (0.5, 0.25, 0.1)
    assert optimizer.encoder_variables == len(model.get_layer("encoder").trainable_variables)
    optimizer = build_optimizer(model, FitConfig(), steps=5)
    assert optimizer.global_clipnorm is None and optimizer.encoder_variables == 0


@pytest.mark.parametrize("steps, momentum", [(1000, 0.99), (100, 1 - EMA_SPANS / 200), (10, None), (None, None)])
def test_the_average_spans_at_most_a_twentieth_of_the_training(model, steps, momentum):
    optimizer = build_optimizer(model, FitConfig(epochs=2, ema_momentum=0.99), steps)
    assert optimizer.use_ema == (momentum is not None)
    if momentum:
        assert optimizer.ema_momentum == pytest.approx(momentum)


def test_an_encoder_is_frozen_whole_at_the_start_and_unfrozen_but_for_its_frozen_stages(model):
    config = FitConfig(frozen_epochs=1, frozen_stride=4, encoder_rate=0.5, norms="trained")
    encoder = model.get_layer("encoder")
    start(model, config, steps=3)
    model.optimizer.build(model.trainable_variables)
    assert not encoder.trainable_variables and len(model.optimizer._trainable_variables) == 2
    model.optimizer.iterations.assign(3)
    unfreeze(model, config)
    expected = build_encoder("mobilenet_v2", 32, 32, None)
    freeze(expected, "mobilenet_v2", 4)
    assert len(encoder.trainable_variables) == len(expected.trainable_variables)
    optimizer = model.optimizer
    assert len(optimizer._trainable_variables) == len(encoder.trainable_variables) + 2
    assert (optimizer.encoder_variables, optimizer.encoder_start) == (len(encoder.trainable_variables), 3)
    assert (int(optimizer.iterations), optimizer.encoder_rate) == (3, 0.5)


def test_the_loss_smooths_dice_by_a_share_of_the_frame(model):
    start(model, FitConfig(height=64, width=32, dice_smoothing=0.25, bce_weight=0.75), steps=3)
    assert (model.loss.smoothing, model.loss.weight) == (512, 0.75)


def test_frozen_norms_stay_frozen_when_the_encoder_is_trained(model):
    config = FitConfig(frozen_epochs=1, norms="frozen")
    start(model, config, steps=3)
    model.optimizer.build(model.trainable_variables)
    unfreeze(model, config)
    layers = model.get_layer("encoder").layers
    assert {layer.trainable for layer in layers if isinstance(layer, keras.layers.BatchNormalization)} == {False}
    assert {layer.trainable for layer in layers if isinstance(layer, keras.layers.Conv2D)} == {True}


def test_a_checkpoint_comes_back_with_its_optimizer_and_a_damaged_one_is_named(model, tmp_path):
    start(model, FitConfig(learning_rate=0.125, schedule="constant"), steps=3)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(7)
    model.save(path := tmp_path / "last.keras")
    loaded = load_last(path)
    assert int(loaded.optimizer.iterations) == 7 and float(loaded.optimizer.learning_rate) == 0.125
    assert [metric.name for metric in loaded.metrics] == ["loss", "compile_metrics"]
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(
        ValueError, match=f"^{path}: damaged \\(no whole archive\\), so the run .* --init .*best_dice.keras "
    ):
        load_last(path)

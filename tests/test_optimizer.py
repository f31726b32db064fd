import keras
import numpy as np
import pytest

from training.optimizer import FineTuningAdamW, widened


def network():
    """Two weights that are trained by the same gradient: the encoder's and the head's."""
    keras.utils.set_random_seed(1)
    image = keras.Input((1,))
    encoder = keras.Model(image, keras.layers.Dense(1, use_bias=False, name="fine")(image), name="encoder")
    inputs = keras.Input((1,))
    both = keras.layers.Add()([encoder(inputs), keras.layers.Dense(1, use_bias=False, name="head")(inputs)])
    return keras.Model(inputs, both)


def step(model, target):
    before = np.array([weight.item() for weight in model.get_weights()])
    model.train_on_batch(np.ones((1, 1), np.float32), np.full((1, 1), target, np.float32))
    return np.array([weight.item() for weight in model.get_weights()]) - before


def test_the_encoder_takes_steps_in_proportion_to_its_rate():
    model = network()
    model.compile(FineTuningAdamW(0.01, weight_decay=0.0, encoder_variables=1, encoder_rate=0.1), "mse")
    for _ in range(3):
        encoder, head = step(model, 100.0)
        assert encoder == pytest.approx(0.1 * head, rel=1e-3)


def test_by_default_it_is_adamw():
    x, y = np.random.default_rng(0).normal(size=(2, 8, 1)).astype(np.float32)
    ends = []
    for optimizer in (keras.optimizers.AdamW(0.01), FineTuningAdamW(0.01)):
        model = network()
        model.compile(optimizer, "mse")
        model.fit(x, y, epochs=5, verbose=0)
        ends.append(np.concatenate(model.get_weights()))
    np.testing.assert_array_equal(*ends)


def trained_head(use_ema=False):
    model = network()
    model.get_layer("encoder").trainable = False
    model.compile(FineTuningAdamW(0.01, 0.0, encoder_rate=0.5, use_ema=use_ema, ema_momentum=0.9), "mse")
    for _ in range(50):
        encoder, head = step(model, 100.0)
        assert encoder == 0 and head > 0
    return model


def unfrozen(model):
    model.get_layer("encoder").trainable = True
    model.compile(widened(model.optimizer, model.trainable_variables, 1), "mse")
    return model


def test_an_unfrozen_encoder_begins_as_adam_does_and_the_head_goes_on():
    model = trained_head()
    known = {variable.name: variable.numpy() for variable in model.optimizer.variables}
    unfrozen(model)
    assert int(model.optimizer.iterations) == 50 and model.optimizer.encoder_start == 50
    for variable in model.optimizer.variables:
        if variable.name in known:
            np.testing.assert_array_equal(variable.numpy(), known[variable.name])
        else:
            assert not variable.numpy().any(), "the encoder's moments begin at zero"
    encoder, head = step(model, 100.0)
    # Adam's first step is the learning rate, whatever the gradient; the 51st of the 51 alike gradients is too.
    assert encoder == pytest.approx(0.005, rel=0.02)
    assert head == pytest.approx(0.01, rel=0.05)


def test_an_unfrozen_encoder_is_averaged_from_its_present_weights(tmp_path):
    model = trained_head(use_ema=True)
    head_average = model.optimizer._model_variables_moving_average[0].numpy()
    unfrozen(model)
    encoder, head = (average.numpy() for average in model.optimizer._model_variables_moving_average)
    assert encoder == model.get_layer("encoder").get_weights()[0]
    assert head == head_average != model.get_layer("head").get_weights()[0]


def test_it_is_saved_with_the_network_and_goes_on_as_if_it_had_not_been(tmp_path):
    model = unfrozen(trained_head(use_ema=True))
    step(model, 100.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, FineTuningAdamW)
    for target in (100.0, -5.0, 3.0):
        np.testing.assert_array_equal(step(loaded, target), step(model, target))

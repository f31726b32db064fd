import keras
import numpy as np
import pytest
from keras import layers

from export.network import enter_in_bytes, join_late
from tfseg.runtime import copy_network, load_checkpoint
from tfseg.unet import unet


def answers(model, height=96, width=64):
    frame = np.random.default_rng(0).uniform(0, 255, (1, height, width, 3)).astype(np.float32)
    return keras.ops.convert_to_numpy(model(frame, training=False))


@pytest.fixture(scope="module")
def network():
    """The real network with batch norms that do something."""
    model = unet(height=96, width=64, weights=None)
    generator = np.random.default_rng(1)
    for layer in copy_network(model, 96, 64).layers:
        assert not isinstance(layer, keras.Model)
    for weight in model.weights:
        if "norm" in weight.path and "gamma" not in weight.path:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return model


def test_a_copy_gives_the_same_answers_and_has_weights_of_its_own(network):
    copy = copy_network(network, 96, 64)
    before = answers(network)
    assert np.array_equal(answers(copy), before)
    copy.set_weights([np.zeros_like(weight) for weight in copy.get_weights()])
    assert np.array_equal(answers(network), before)


def test_a_copy_of_another_size_is_the_network_built_at_that_size(network, tmp_path):
    network.save(tmp_path / "network.keras")
    built = unet(height=64, width=96, weights=tmp_path / "network.keras")
    copy = copy_network(load_checkpoint(tmp_path / "network.keras"), 64, 96)
    assert copy.output_shape == (None, 64, 96, 1)
    assert np.allclose(answers(copy, 64, 96), answers(built, 64, 96), atol=1e-5)


def test_joining_late_changes_no_answer_and_leaves_no_channelwise_layer_behind_a_concatenation(network):
    copy = copy_network(network, 96, 64)
    late = join_late(copy)
    assert np.allclose(answers(late), answers(copy), atol=1e-5)
    joins = [layer for layer in late.layers if isinstance(layer, layers.Concatenate)]
    assert len(joins) == 4
    for layer in late.layers:
        if isinstance(layer, layers.DepthwiseConv2D | layers.BatchNormalization | layers.ReLU):
            assert not any(layer.input is join.output for join in joins)


def test_the_first_convolution_takes_bytes_less_128_and_gives_the_same_answers(network):
    copy = copy_network(network, 96, 64)
    entered = enter_in_bytes(copy)
    assert not any(isinstance(layer, layers.Rescaling) for layer in entered.layers)
    assert np.allclose(answers(entered), answers(copy), atol=0.02)  # padded with the byte 128 instead of 127.5


@pytest.mark.parametrize("scale, offset", [(1 / 255, 0.0), (1.0, -103.9)])
def test_a_normalisation_whose_0_is_another_byte_stays(scale, offset):
    image = keras.Input((96, 64, 3))
    normalised = layers.Rescaling(scale, offset)(image)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same")(normalised))
    entered = enter_in_bytes(model)
    assert any(isinstance(layer, layers.Rescaling) for layer in entered.layers)
    assert np.array_equal(answers(entered), answers(model))


def test_a_bias_stays_and_every_channel_has_its_own_offset():
    image = keras.Input((96, 64, 3))
    normalised = layers.Rescaling(1 / 64, [-2.0, -2.01, -1.99])(image)
    convolution = layers.Conv2D(5, 3, padding="valid", bias_initializer="uniform")
    model = keras.Model(image, convolution(normalised))
    assert np.allclose(answers(enter_in_bytes(model)), answers(model), atol=1e-5)


def test_a_sequential_network_can_be_copied():
    model = keras.Sequential([keras.Input((96, 64, 3)), layers.Conv2D(1, 1)])
    assert np.array_equal(answers(copy_network(model, 96, 64)), answers(model))

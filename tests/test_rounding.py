import itertools

import keras
import numpy as np
import pytest
from keras import layers

from export.rounding import descend, patch_moments, round_weights


def grid_error(kernel):
    """How far weights lie from whole steps of their channel's scale, in steps; kernel `[K, M]`."""
    steps = kernel / (np.abs(kernel).max(axis=0) / 127)
    return np.abs(steps - np.round(steps)).max()


@pytest.fixture
def problem():
    generator = np.random.default_rng(3)
    kernel = generator.normal(size=(2, 9, 4))
    patches = generator.normal(size=(2, 500, 9)) + 4 * generator.normal(size=(2, 500, 1))  # neighbours resemble
    return kernel, np.einsum("gnk,gnj->gkj", patches, patches) / 500


def test_rounded_kernels_lie_on_the_converters_grid_and_keep_their_largest_weight(problem):
    kernel, covariance = problem
    rounded = descend(kernel, covariance)
    for before, after in zip(kernel, rounded, strict=True):
        assert grid_error(after) < 1e-6
        assert np.allclose(np.abs(after).max(axis=0), np.abs(before).max(axis=0))


def test_the_answers_change_far_less_than_with_the_nearest_steps(problem):
    kernel, covariance = problem
    scale = np.abs(kernel).max(axis=1, keepdims=True) / 127

    def loss(rounded):
        return np.einsum("gkm,gkj,gjm->", rounded - kernel, covariance, rounded - kernel)

    assert loss(descend(kernel, covariance)) < 0.5 * loss(np.round(kernel / scale) * scale)


def test_of_three_weights_the_best_steps_are_found():
    kernel = np.array([[[1.0], [0.301], [-0.703]]])
    covariance = np.full((1, 3, 3), 25.0) + np.eye(3)
    scale = 1 / 127

    def loss(steps):
        error = np.array(steps)[:, None] * scale - kernel[0]
        return (error.T @ covariance[0] @ error).item()

    best = min(itertools.product([127], range(30, 46), range(-97, -81)), key=loss)
    assert np.round(descend(kernel, covariance)[0, :, 0] / scale).tolist() == list(best)


@pytest.fixture
def network():
    image = keras.Input((32, 32, 3))
    features = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    features = layers.ReLU(6.0)(layers.BatchNormalization()(features))
    features = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(features)
    features = layers.ReLU(6.0)(layers.BatchNormalization()(features))
    return keras.Model(image, layers.Conv2D(1, 1)(features))


def test_every_convolution_is_rounded_and_the_answers_stay_right_on_average(network):
    generator = np.random.default_rng(4)
    frames = [generator.uniform(0, 2, (1, 32, 32, 3)).astype(np.float32) for _ in range(8)]
    before = np.stack([network(frame) for frame in frames])
    round_weights(network, frames)
    after = np.stack([network(frame) for frame in frames])
    assert np.abs(after - before).mean() < 0.02 * before.std() + 1e-3
    assert abs((after - before).mean()) < 0.005 * before.std() + 1e-4
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            assert grid_error(layer.get_weights()[0].reshape(-1, layer.filters)) < 1e-3
        if isinstance(layer, layers.DepthwiseConv2D):
            assert grid_error(layer.get_weights()[0].reshape(9, -1)) < 1e-3


def test_moments_are_those_of_the_patches_under_the_kernel(network):
    frame = np.random.default_rng(5).uniform(0, 2, (1, 32, 32, 3)).astype(np.float32)
    first = next(layer for layer in network.layers if isinstance(layer, layers.Conv2D))
    ((mean, covariance),) = patch_moments(network, [first], [frame])
    windows = np.lib.stride_tricks.sliding_window_view(frame[0], (3, 3), axis=(0, 1))
    patches = windows.transpose(0, 1, 3, 4, 2).reshape(-1, 27)
    assert np.allclose(mean[0], patches.mean(axis=0), atol=1e-5)
    assert np.allclose(covariance[0], np.cov(patches.T, bias=True), atol=1e-4)


def test_a_map_smaller_than_the_kernel_is_rounded_too():
    image = keras.Input((2, 2, 3))
    model = keras.Model(image, layers.Conv2D(4, 3, padding="same")(image))
    frame = np.random.default_rng(6).uniform(0, 2, (1, 2, 2, 3)).astype(np.float32)
    before = model(frame)
    round_weights(model, [frame])
    assert np.abs(model(frame) - before).max() < 0.05 * np.abs(before).max()

"""Weights that int8 holds exactly, chosen so that the answers of every layer change least on real photos.

Rounding each weight to its nearest step lets the errors of a layer add up: an edge detector's weights no longer sum to
zero. Here the steps of a layer are chosen together, by cyclic coordinate descent on the error of its answers (Behdin et
al. 2023, arXiv:2309.01885), and what is left of it on average goes to the bias (Nagel et al. 2019, arXiv:1906.04721).
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from threadpoolctl import threadpool_limits

STEPS = 127  # int8 weights are symmetric: -127..127 times the channel's scale
SWEEPS = 6
BLOCK = 64  # weights whose errors are multiplied together: the same answer, sooner
STRIDE = 3  # of every map of at least LARGE pixels, one pixel in STRIDE x STRIDE is looked at
LARGE = 80


def round_weights(model, frames):
    """Moves the kernels of all convolutions to what int8 holds, with the scales that the converter will choose.

    Args:
        model: flat `keras.Model`; its weights are changed in place.
        frames: list of float32 `[1, H, W, 3]`, 0..255, letterboxed photos.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)]
    norms = {id(layer.input): layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)}
    with threadpool_limits(1, "blas"):  # products this small keep several threads waiting for one another
        for layer, (mean, covariance) in zip(convolutions, patch_moments(model, convolutions, frames), strict=True):
            kernel = _grouped(layer, layer.get_weights()[0].astype(np.float64))
            rounded = descend(kernel, covariance)
            shift = np.einsum("gk,gkm->gm", mean, rounded - kernel).ravel()
            _set_kernel(layer, rounded, shift, norms.get(id(layer.output)))


def patch_moments(model, convolutions, frames):
    """Mean and covariance of what the kernels of some convolutions are multiplied with.

    Yields:
        for each layer `(mean [G, K], covariance [G, K, K])`, float64: G groups (the channels of a depthwise
        convolution, otherwise 1) of K weights.
    """
    taps = keras.Model(model.input, {layer.name: layer.input for layer in convolutions})
    sums = [[0.0, 0.0, 0] for _ in convolutions]
    for frame in frames:
        features = taps(frame, training=False)
        for layer, total in zip(convolutions, sums, strict=True):
            patches = _patches(layer, features[layer.name])
            total[0] += tf.reduce_sum(patches, axis=1).numpy().astype(np.float64)
            total[1] += tf.matmul(patches, patches, transpose_a=True).numpy().astype(np.float64)
            total[2] += patches.shape[1]
    for first, second, count in sums:
        yield first / count, second / count - first[:, :, None] * first[:, None, :] / count**2


def descend(kernel, covariance):
    """Rounds kernels: cyclic coordinate descent on the variance of the answers' error.

    Args:
        kernel: float64 `[G, K, M]`, groups of K weights to M channels.
        covariance: float64 `[G, K, K]` of what the weights of a group are multiplied with.

    Returns:
        float64 `[G, K, M]`, integers -127..127 times a scale for each group and channel. The largest weight stays as
        it is, so that the converter finds the same scale.
    """
    largest = np.abs(kernel).max(axis=1, keepdims=True)
    scale = np.maximum(largest, 1e-30) / STEPS
    fixed = np.abs(kernel) == largest
    error = np.round(kernel / scale) * scale - kernel
    own = np.einsum("gkk->gk", covariance)
    variance = own + 1e-6 * own.max(axis=1, keepdims=True) + 1e-12
    for start in list(range(0, kernel.shape[1], BLOCK)) * SWEEPS:
        block = covariance[:, start : start + BLOCK]
        pull = block @ error  # of all errors on the weights of the block, kept up to date below
        for row in range(block.shape[1]):
            index = start + row
            others = pull[:, row] - own[:, index, None] * error[:, index]
            wanted = kernel[:, index] - others / variance[:, index, None]
            steps = np.clip(np.round(wanted / scale[:, 0]), -STEPS, STEPS)
            moved = steps * scale[:, 0] - kernel[:, index] - error[:, index]
            moved[fixed[:, index]] = 0
            error[:, index] += moved
            pull[:, row + 1 :] += block[:, row + 1 :, index, None] * moved[:, None]
    return kernel + error


def _patches(layer, features):
    """What a convolution's kernel meets, float32 `[G, N, K]`."""
    stride = STRIDE if min(features.shape[1:3]) >= LARGE else 1
    size = [1, *layer.kernel_size, 1]
    # Zeros around a map are met too rarely to matter, but in a map smaller than the kernel nothing else is met.
    padding = "VALID" if min(features.shape[1:3]) >= max(layer.kernel_size) else "SAME"
    patches = tf.image.extract_patches(features, size, [1, stride, stride, 1], [1, 1, 1, 1], padding)
    if isinstance(layer, layers.DepthwiseConv2D):
        return tf.transpose(tf.reshape(patches, [-1, np.prod(layer.kernel_size), features.shape[-1]]), [2, 0, 1])
    return tf.reshape(patches, [1, -1, patches.shape[-1]])


def _grouped(layer, kernel):
    """The kernel as `[G, K, M]`."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return kernel.reshape(-1, kernel.shape[2], kernel.shape[3]).transpose(1, 0, 2)
    return kernel.reshape(1, -1, kernel.shape[-1])


def _set_kernel(layer, rounded, shift, norm):
    """Gives a convolution its kernel, and takes the mean change of its answers out of its bias or its batch norm."""
    kernel, *bias = layer.get_weights()
    if isinstance(layer, layers.DepthwiseConv2D):
        rounded = rounded.transpose(1, 0, 2)
    layer.set_weights([rounded.reshape(kernel.shape).astype(np.float32), *(value - shift for value in bias)])
    if norm is not None and not bias:
        gamma, beta, mean, variance = norm.get_weights()
        norm.set_weights([gamma, beta, mean + shift, variance])

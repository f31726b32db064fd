"""Layers whose work the TensorFlow backend does otherwise while a network is trained: faster, or at every size.

Keras takes batch norm apart into mean, variance, products and sums, each of which goes through the whole feature map
again. On a CPU that is more than half of a training step of these networks, and the fused operation saves most of it.
XLA, which Keras uses on GPUs and with JAX, fuses by itself.

A batch norm that keeps its statistics is a product and a sum per channel, which the convolution before it can do along
with its own: its maps are then neither computed nor kept for the gradient.

Bilinear doubling wants to know a map's size when the graph is made; the frames that stand and that lie share a graph.
"""

import keras
import tensorflow as tf
from keras import ops


def substitute(model):
    """Lets the batch norms and the bilinear doublings of a network take the operations of this module, on TensorFlow.

    The network stays what it was: weights and saving are untouched, and so are its answers outside of training, but
    for rounding where batch norms are frozen. Those must be frozen, or not, when this is called. The running variance
    is the unbiased one, divided by n - 1, as in TensorFlow 1 and PyTorch; Keras 3 divides by n.

    Args:
        model: `keras.Model`; feature maps are `[B, H, W, C]`.

    Returns:
        The same model.
    """
    if keras.backend.backend() == "tensorflow":
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.scale and layer.center:
                convolution = None if layer.trainable else _convolution_before(layer)
                if convolution is None:
                    layer.call = _FusedNorm(layer)
                else:
                    convolution.call, layer.call = _FoldedNorm(convolution, layer), _unchanged
            elif isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "bilinear":
                layer.call = _Doubling(layer.size)
    return model


def _convolution_before(norm):
    """The convolution whose map goes into a batch norm and nowhere else; None without one."""
    before = norm.input._keras_history.operation
    plain = isinstance(before, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)) and len(before._outbound_nodes) == 1
    return before if plain and before.activation is keras.activations.linear else None


def _unchanged(inputs, training=None, mask=None):
    return inputs


class _FoldedNorm:
    """The `call` of one convolution that does the work of the frozen batch norm after it; its weights are trained."""

    def __init__(self, layer, norm):
        self.layer, self.norm = layer, norm
        self.depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)

    def __call__(self, inputs):
        layer, norm = self.layer, self.norm
        factor = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)
        offset = norm.beta - (norm.moving_mean - (layer.bias if layer.use_bias else 0)) * factor
        kernel = layer.kernel * (ops.reshape(factor, layer.kernel.shape[2:]) if self.depthwise else factor)
        convolve = ops.depthwise_conv if self.depthwise else ops.conv
        outputs = convolve(
            inputs, ops.cast(kernel, inputs.dtype), layer.strides, layer.padding, dilation_rate=layer.dilation_rate
        )
        return tf.nn.bias_add(outputs, tf.cast(offset, outputs.dtype))


class _FusedNorm:
    """The `call` of one batch norm."""

    def __init__(self, layer):
        self.layer, self.apart = layer, type(layer).call

    def __call__(self, inputs, training=None, mask=None):
        layer = self.layer
        if not (training and layer.trainable):
            return self.apart(layer, inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(layer.gamma),
            tf.convert_to_tensor(layer.beta),
            epsilon=layer.epsilon,
            is_training=True,
        )
        for running, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            running.assign(running * layer.momentum + now * (1 - layer.momentum))
        return outputs


class _Doubling:
    """The `call` of one upsampling."""

    def __init__(self, factors):
        self.factors = factors

    def __call__(self, inputs):
        return tf.image.resize(inputs, tf.shape(inputs)[1:3] * self.factors)

"""Layers whose work the TensorFlow backend does otherwise while a network is trained: faster, or at every size.

Keras takes batch norm apart into mean, variance, products and sums, each of which goes through the whole feature map
again. On a CPU that is more than half of a training step of these networks, and the fused operation saves most of it.
XLA, which Keras uses on GPUs and with JAX, fuses by itself.

Bilinear doubling wants to know a map's size when the graph is made; the frames that stand and that lie share a graph.
"""

import keras
import tensorflow as tf


def substitute(model):
    """Lets the batch norms and the bilinear doublings of a network take the operations of this module, on TensorFlow.

    The network stays what it was: weights, saving and its answers outside of training are untouched. The running
    variance is the unbiased one, divided by n - 1, as in TensorFlow 1 and PyTorch; Keras 3 divides by n.

    Args:
        model: `keras.Model`; feature maps are `[B, H, W, C]`.

    Returns:
        The same model.
    """
    if keras.backend.backend() == "tensorflow":
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.scale and layer.center:
                layer.call = _FusedNorm(layer)
            elif isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "bilinear":
                layer.call = _Doubling(layer.size)
    return model


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

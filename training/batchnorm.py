"""Batch normalisation as one operation of TensorFlow.

Keras takes batch norm apart into mean, variance, products and sums, each of which goes through the whole feature map
again. On a CPU that is more than half of a training step of these networks, and the fused operation saves most of it.
XLA, which Keras uses on GPUs and with JAX, fuses by itself.
"""

import keras
import tensorflow as tf


def fuse(model):
    """Lets every batch norm of a network take the fused operation in training, on the TensorFlow backend.

    The network stays what it was: weights, saving and its answers outside of training are untouched. The running
    variance is the unbiased one, divided by n - 1, as in TensorFlow 1 and PyTorch; Keras 3 divides by n.

    Args:
        model: `keras.Model`; feature maps of its batch norms are `[B, H, W, C]`.

    Returns:
        The same model.
    """
    if keras.backend.backend() == "tensorflow":
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.scale and layer.center:
                layer.call = _Fused(layer)
    return model


class _Fused:
    """The `call` of one layer."""

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

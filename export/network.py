"""The network as phones are given it: in an order of operators that integers can hold."""

import keras
import numpy as np
from keras import layers

CHANNELWISE = (layers.DepthwiseConv2D, layers.BatchNormalization, layers.ReLU)  # each channel of the answer from one


def join_late(model):
    """The same function, with channels concatenated after the channelwise layers instead of before.

    An int8 tensor has one scale. A skip connection that reaches from -60 to 60, concatenated with features from 0 to
    6, leaves these a dozen values; after depthwise convolution and ReLU6 both reach from 0 to 6.

    Args:
        model: a flat `keras.Model`.

    Returns:
        `keras.Model` of the same answers, which shares the layers that did not change.
    """
    joined = {}  # id of a concatenated tensor: the tensor, and the parts that it was made of

    def call(layer, *inputs, **settings):
        if isinstance(layer, layers.Concatenate):
            parts = inputs[0]
        elif isinstance(layer, CHANNELWISE) and id(inputs[0]) in joined:
            parts = _apply_to_parts(layer, joined[id(inputs[0])][1])
        else:
            return layer(*inputs, **settings)
        whole = layers.Concatenate()(parts)
        joined[id(whole)] = whole, parts
        return whole

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _apply_to_parts(layer, parts):
    """Gives each part its share of a channelwise layer."""
    answers, first = [], 0
    channel_axis = 2 if isinstance(layer, layers.DepthwiseConv2D) else 0
    for part in parts:
        channels = range(first, first + part.shape[-1])
        share = layer.__class__.from_config(layer.get_config() | {"name": f"{layer.name}_from_{first}"})
        answers.append(share(part))
        share.set_weights(
            [np.take(weight, channels, axis=channel_axis if weight.ndim == 4 else 0) for weight in layer.get_weights()]
        )
        first = channels.stop
    return answers

"""The network as integers hold it best: the same function, of operators in another order."""

import keras
import numpy as np
from keras import layers

MIDDLE = 128  # the byte that int8 holds as 0
CHANNELWISE = (layers.DepthwiseConv2D, layers.BatchNormalization, layers.ReLU)  # each channel of the answer from one


def enter_in_bytes(model):
    """The same function, with the encoder's normalisation inside the first convolution.

    Bytes are whole numbers, and less 128 they are int8's own; scaled to -1..1 beforehand, in two operators, they land
    between the steps of both, and many come out as their neighbour.

    Args:
        model: a flat `keras.Model`.

    Returns:
        `keras.Model` of the same answers, which shares the layers that did not change. A convolution that pads does it
        with the byte 128 now: where 128 is more than a byte away from the normalised 0, it stays as it was.
    """
    entered = {}  # id of a normalised photo: the tensor, the photo, and the layer between them

    def call(layer, *inputs, **settings):
        if type(layer).__name__ == "ConvertToTensor":  # where a network was called inside another: it does nothing
            return inputs[0]
        if isinstance(layer, layers.Conv2D) and id(inputs[0]) in entered:
            _, photo, normalise = entered[id(inputs[0])]
            middle = normalise.scale * MIDDLE + np.asarray(normalise.offset)
            if np.abs(middle).max() <= normalise.scale:
                return _with_normalisation(layer, normalise.scale, middle)(photo - float(MIDDLE))
        answer = layer(*inputs, **settings)
        if isinstance(layer, layers.Rescaling):
            entered[id(answer)] = answer, inputs[0], layer
        return answer

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _with_normalisation(layer, scale, middle):
    """A convolution that answers to `x` as the layer does to `scale * x + middle`."""
    kernel, *bias = layer.get_weights()
    added = np.einsum("hwio,i->o", kernel, np.broadcast_to(middle, kernel.shape[2]))
    whole = layers.Conv2D.from_config(layer.get_config() | {"use_bias": True})
    whole.build((None, None, None, kernel.shape[2]))
    whole.set_weights([kernel * scale, sum(bias) + added])
    return whole


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

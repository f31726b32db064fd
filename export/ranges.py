"""The range of the logits in a file that computes in int8."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph import operator_name, pack_model

LIMIT = 8.0  # beyond, the probability is within 0.0004 of 0 or 1


def narrow_logits(content):
    """Spreads the 256 steps of the logits over -8..8 instead of over all that was met, which reaches thrice as far.

    The mask is decided at a logit of 0. There a step of .15 moves the outline, and far away no step is needed.

    Args:
        content: bytes of a .tflite file that computes in int8.

    Returns:
        bytes: the file with other scales of the logits, which saturate at the ends; with the same where its sigmoid
        does not follow a convolution and any number of resizings.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    makers = {operator.outputs[0]: operator for operator in graph.operators}
    names = {tensor: operator_name(model, operator) for tensor, operator in makers.items()}
    logits = [makers[tensor].inputs[0] for tensor, name in names.items() if name == "LOGISTIC"][-1:]
    while logits and names.get(logits[-1]) == "RESIZE_BILINEAR":
        logits.append(makers[logits[-1]].inputs[0])
    if not logits or names.get(logits[-1]) != "CONV_2D":
        return content
    for tensor in logits:
        _narrow(graph.tensors[tensor].quantization)
    return pack_model(model)


def _narrow(quantization):
    """Cuts the range of an int8 tensor to -LIMIT..LIMIT where it reaches farther."""
    scale, zero = quantization.scale[0], quantization.zeroPoint[0]
    low, high = np.clip([scale * (-128 - zero), scale * (127 - zero)], -LIMIT, LIMIT)
    scale = (high - low) / 255
    quantization.scale, quantization.zeroPoint = [scale], [round(-128 - low / scale)]

"""How many multiply-accumulates a network takes for one photo, counted from its shapes; convolutions alone count."""

import math

from ai_edge_litert import schema_py_generated as schema

BIAS_CUSTOM = "Convolution2DTransposeBias"  # MediaPipe's own transposed convolution


def tflite_macs(content):
    """Multiply-accumulates of a .tflite file, from its bytes."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph, total = model.subgraphs[0], 0
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        shapes = [[int(side) for side in graph.tensors[index].shape] for index in operator.inputs if index >= 0]
        given = math.prod(int(side) for side in graph.tensors[operator.outputs[0]].shape)
        custom = code.customCode.decode() if code.customCode else None
        if kind == schema.BuiltinOperator.CONV_2D:
            total += given * math.prod(shapes[1][1:])  # weights [out, h, w, in]
        elif kind == schema.BuiltinOperator.DEPTHWISE_CONV_2D:
            total += given * math.prod(shapes[1][1:3])  # weights [1, h, w, channels]
        elif kind == schema.BuiltinOperator.FULLY_CONNECTED:
            total += given * shapes[1][1]
        elif kind == schema.BuiltinOperator.TRANSPOSE_CONV:
            total += math.prod(shapes[2]) * math.prod(shapes[1][:3])  # each input pixel meets weights [out, h, w, in]
        elif custom == BIAS_CUSTOM:
            total += math.prod(shapes[0]) * math.prod(shapes[1][:3])
    return total


def keras_macs(model):
    """Multiply-accumulates of a `keras.Model` for one photo, models inside it included."""
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += keras_macs(layer)
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            total += math.prod(layer.output.shape[1:]) * math.prod(layer.kernel_size)
        elif isinstance(layer, keras.layers.Conv2D):
            total += math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:3])
    return total

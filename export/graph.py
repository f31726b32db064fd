"""What is inside a .tflite file, read from the file itself.

TensorFlow's own analyser calls every file GPU-compatible, so the operators are held against a list instead.
"""

from typing import NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

# What the TFLite GPU delegate runs, as far as this project's networks need it; shapes static, at most 4-D, batch 1.
GPU_OPERATORS = {
    "ADD", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL",
    "PAD", "QUANTIZE", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPLIT", "SUB", "TILE",
    "TRANSPOSE_CONV",
}  # fmt: skip

_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_TYPE_NAMES = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}


class Operator(NamedTuple):
    """One operator of the graph: its name, and the types and shapes of its computed inputs and outputs."""

    name: str
    types: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]


class GraphError(ValueError):
    """A converted file that a phone cannot run as promised; the message lists the operators at fault."""


def read_operators(content):
    """Lists the operators of a .tflite file.

    Args:
        content: bytes of the file.

    Returns:
        A list of `Operator` in execution order. Constants (weights) are left out of types and shapes.

    Raises:
        GraphError: more than one subgraph, or no .tflite file.
    """
    if content[4:8] != b"TFL3":
        raise GraphError("not a .tflite file.")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    if len(model.subgraphs) != 1:
        raise GraphError(f"{len(model.subgraphs)} subgraphs; expected one.")
    graph = model.subgraphs[0]
    constants = {index for index, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    operators = []
    for operator in graph.operators:
        name = operator_name(model, operator)
        if constants.issuperset(index for index in operator.inputs if index >= 0):
            constants.update(operator.outputs)  # float16 weights made float32 once, when the file is loaded
        computed = [
            graph.tensors[index]
            for index in (*operator.inputs, *operator.outputs)
            if index not in constants and index >= 0
        ]
        types = tuple(_TYPE_NAMES[tensor.type] for tensor in computed)
        shapes = tuple(tensor_shape(tensor) for tensor in computed)
        operators.append(Operator(name, types, shapes))
    return operators


def operator_name(model, operator):
    """The name of an operator of a `ModelT`: of `schema.BuiltinOperator`, or its own."""
    code = model.operatorCodes[operator.opcodeIndex]
    kind = max(code.builtinCode, code.deprecatedBuiltinCode)
    return code.customCode.decode() if code.customCode else _OPERATOR_NAMES[kind]


def pack_model(model):
    """The bytes of a .tflite file: of a `ModelT`, as `ModelT.InitFromPackedBuf` gives one to be changed."""
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor_shape(tensor):
    """The shape of a `TensorT`, a tuple; -1 where a side is open: `shape` alone says 1 there."""
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    return () if shape is None else tuple(np.atleast_1d(shape).tolist())


def check_operators(operators, int8):
    """Checks that a phone's delegates can take the whole graph.

    Args:
        operators: list of `Operator`.
        int8: whether the file is meant to be integers throughout.

    Raises:
        GraphError: an operator outside `GPU_OPERATORS` (Flex and custom ones among them), a dynamic or more than
            4-dimensional shape, a batch other than 1, or a float inside an int8 file.
    """
    foreign = sorted({operator.name for operator in operators} - GPU_OPERATORS)
    if foreign:
        raise GraphError(f"operators that GPU delegates do not run: {', '.join(foreign)}.")
    for operator in operators:
        for shape in operator.shapes:
            if len(shape) > 4 or min(shape, default=1) < 1 or (len(shape) == 4 and shape[0] != 1):
                raise GraphError(
                    f"{operator.name} works on shape {list(shape)}; expected static, at most 4-D, batch 1."
                )
        if int8 and "FLOAT32" in operator.types:
            raise GraphError(f"{operator.name} computes in float inside an int8 file.")

"""LiteRT's GPU delegate as computers have it: the WebGPU accelerator, over Vulkan, Metal or Direct3D.

Imports nothing of this package, so that `cold_start.py` can use it without TensorFlow.
"""

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel, HardwareAccelerator
from ai_edge_litert.interpreter import Interpreter

from tfseg.runtime import dequantize, quantize


def gpu_network(path):
    """The network of a .tflite file on the GPU, on the CPU where the GPU delegate refuses an operator.

    `run()` alone returns long before the GPU has finished, so that every answer is read back before it is given.

    Args:
        path: of the file.

    Returns:
        `(network, whole)`: frame uint8 `[height, width, 3]` RGB to person probability float32 `[height, width]`, and
        whether the delegate took every operator.

    Raises:
        RuntimeError: there is no adapter, or the delegate fails; what LiteRT prints says which.
    """
    interpreter = Interpreter(str(path), num_threads=1)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    model = CompiledModel.from_file(str(path), HardwareAccelerator.GPU | HardwareAccelerator.CPU)
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    shape = given["shape"].tolist()

    def network(frame):
        inputs[0].write(quantize(frame[None], taken))
        model.run_by_index(0, inputs, outputs)
        values = outputs[0].read(int(np.prod(shape)), given["dtype"]).reshape(shape)
        return dequantize(values[0, ..., 0], given)

    return network, model.is_fully_accelerated()

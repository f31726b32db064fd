"""Integers inside, float32 at the edges: the file for delegates that compute in float."""

from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize

from export.graph import tensor_shape
from tfseg.console import quiet

FINEST = 4  # stride up to which operators stay in float32


def quantize_inside(calibrated, height):
    """Quantizes to int8 what works at strides of more than 4, and leaves the finest stages in float32.

    A delegate that computes in float, as those of GPUs do, does not round the maps between the layers, and a CPU does:
    their masks differ, and most by what is rounded in the finest stages, where the outline is drawn. These hold few of
    the weights.

    Args:
        calibrated: bytes of a float32 .tflite file with the ranges of its tensors, as TensorFlow's converter gives it
            after calibration.
        height: of the photo, pixels.

    Returns:
        bytes of a .tflite file that takes and gives float32.
    """
    graph = schema.ModelT.InitFromPackedBuf(calibrated, 0).subgraphs[0]
    answers = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
    finest = [tensor.name.decode() for tensor in answers if _is_fine(tensor_shape(tensor), height)]
    with quiet():
        return mlir_quantize(calibrated, fully_quantize=False, denylisted_nodes=finest)


def _is_fine(shape, height):
    return len(shape) == 4 and shape[1] * FINEST >= height

import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export.graph import read_operators
from export.metadata import NAME, add_metadata, build_metadata


@pytest.fixture(scope="module")
def bare():
    """A .tflite file as the converter leaves it."""
    import tensorflow as tf

    function = tf.function(lambda image: tf.sigmoid(image[..., :1] * 0.01), autograph=False)
    traced = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 3)))
    return tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert()


def run(content):
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    frame = np.arange(192, dtype=np.float32).reshape(1, 8, 8, 3)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_metadata_changes_neither_operators_nor_answers(bare):
    content = add_metadata(bare)
    assert read_operators(content) == read_operators(bare)
    assert np.array_equal(run(content), run(bare))
    assert add_metadata(bare) == content


def test_labels_lie_in_a_zip_archive_behind_the_model(bare):
    with zipfile.ZipFile(io.BytesIO(add_metadata(bare))) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt") == b"person\n"


def test_the_metadata_of_every_converted_file_is_ours(converted):
    for path in converted.values():
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        (entry,) = [entry for entry in model.metadata if entry.name == NAME.encode()]
        content = bytes(model.buffers[entry.buffer].data)
        assert content == build_metadata() and content[4:8] == b"M001"
        assert b"SEGMENTER_METADATA" in content and b"labels.txt" in content

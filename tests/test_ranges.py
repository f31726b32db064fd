import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from export.ranges import LIMIT, narrow_logits
from export.tflite_convert import converter_settings

WEIGHTS = np.float32([0.2, 0.2 * 8 / 127])  # which int8 holds


def ramp(network, folder):
    """A frame of two channels of bytes, and an int8 file with float32 at both ends that was calibrated on it."""
    frame = np.stack([np.arange(512) // 2, np.arange(512) * 37 % 256], axis=-1).reshape(1, 8, 64, 2).astype(np.float32)
    signature = [keras.InputSpec(shape=frame.shape, dtype="float32", name="image")]
    settings = converter_settings("int8", lambda: [[frame]])
    del settings["inference_input_type"], settings["inference_output_type"]
    network.export(str(folder / "a.tflite"), format="litert", input_signature=signature, verbose=False, **settings)
    return frame, (folder / "a.tflite").read_bytes()


def network(*last):
    """Logits from -20 to 34, a fifth of the first byte and an eightieth of the second, and then `last`."""
    image = keras.Input((8, 64, 2), batch_size=1)
    convolution = layers.Conv2D(1, 1)
    answer = convolution(image)
    convolution.set_weights([WEIGHTS.reshape(1, 1, 2, 1), np.full(1, -20, np.float32)])
    for layer in last:
        answer = layer(answer)
    return keras.Model(image, answer)


def run(content, frame):
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def scales(content):
    """What the int8 tensors of a file reach down and up to."""
    interpreter = Interpreter(model_content=content)
    details = [tensor for tensor in interpreter.get_tensor_details() if tensor["dtype"] == np.int8]
    return {
        (round(scale * (-128 - zero), 2), round(scale * (127 - zero), 2))
        for scale, zero in (tensor["quantization"] for tensor in details)
        if scale
    }


@pytest.mark.parametrize("resized", [(), (layers.UpSampling2D(2, interpolation="bilinear"),)])
def test_logits_reach_from_minus_8_to_8_and_are_finer_where_the_mask_is_decided(resized, tmp_path):
    frame, content = ramp(network(*resized, layers.Activation("sigmoid")), tmp_path)
    narrow = narrow_logits(content)
    assert (-20, 34) in {tuple(np.round(ends)) for ends in scales(content)}
    assert (-LIMIT, LIMIT) in {tuple(np.round(ends)) for ends in scales(narrow)}
    assert (-20, 34) not in {tuple(np.round(ends)) for ends in scales(narrow)}
    if not resized:
        truth = 1 / (1 + np.exp(20 - frame @ WEIGHTS[:, None]))
        before, after = (np.abs(run(file, frame) - truth).max() for file in (content, narrow))
        assert before > 0.02
        assert after < 0.012  # of half a step of the logits a quarter, and half a step of the probability
        assert run(narrow, frame)[0, 0, 0, 0] < 0.001
        assert run(narrow, frame)[0, -1, -1, 0] > 0.99


def test_logits_within_the_limit_keep_their_range(tmp_path):
    frame, content = ramp(network(layers.Rescaling(0.2), layers.Activation("sigmoid")), tmp_path)
    assert scales(narrow_logits(content)) == scales(content)


@pytest.mark.parametrize("last", [(), (layers.ReLU(), layers.MaxPooling2D(2), layers.Activation("sigmoid"))])
def test_a_network_of_another_end_is_left_alone(last, tmp_path):
    _, content = ramp(network(*last), tmp_path)
    assert narrow_logits(content) == content

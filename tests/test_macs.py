import keras
import pytest
import tensorflow as tf
from keras import layers
from test_graph import convert

from export.macs import keras_macs, tflite_macs


def test_convolutions_are_counted_by_hand_and_by_the_file_alike():
    image = keras.Input((8, 8, 3), batch_size=1)
    features = layers.Conv2D(16, 3, strides=2, padding="same")(image)  # 4 * 4 * 16 answers of 3 * 3 * 3
    features = layers.DepthwiseConv2D(3, padding="same")(features)  # 4 * 4 * 16 answers of 3 * 3
    model = keras.Model(image, layers.Conv2D(2, 1)(features))  # 4 * 4 * 2 answers of 16
    expected = 4 * 4 * 16 * 27 + 4 * 4 * 16 * 9 + 4 * 4 * 2 * 16
    assert keras_macs(model) == expected
    assert keras_macs(keras.Model(image, model(image))) == expected, "inside another model"
    assert tflite_macs(convert(model, (1, 8, 8, 3))) == expected


def test_each_pixel_that_goes_into_a_transposed_convolution_meets_its_whole_kernel():
    kernel = tf.ones((4, 4, 5, 3))  # [h, w, out, in]
    content = convert(lambda image: tf.nn.conv2d_transpose(image, kernel, (1, 16, 16, 5), 2), (1, 8, 8, 3))
    assert tflite_macs(content) == 8 * 8 * 3 * 4 * 4 * 5


@pytest.mark.parametrize("kind", ["none", "float16", "int8", "int8_float_edges"])
def test_every_kind_of_a_network_has_as_many(converted, trained, kind):
    from tfseg.runtime import load_checkpoint

    expected = keras_macs(load_checkpoint(trained / "best_dice.keras"))
    assert tflite_macs(converted[kind].read_bytes()) >= expected > 0

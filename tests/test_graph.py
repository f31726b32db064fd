import numpy as np
import pytest
import tensorflow as tf

from export.graph import GPU_OPERATORS, GraphError, Operator, check_operators, read_operators


def operator(name="CONV_2D", types=("INT8", "INT8"), shapes=((1, 8, 8, 3), (1, 8, 8, 1))):
    return Operator(name, types, shapes)


def test_every_operator_of_the_list_is_accepted():
    check_operators([operator(name) for name in sorted(GPU_OPERATORS)], int8=True)


@pytest.mark.parametrize("name", ["FlexErf", "REVERSE_V2", "MyCustom", "WHILE", "TRANSPOSE"])
def test_a_foreign_operator_is_named(name):
    with pytest.raises(GraphError, match=f"GPU delegates do not run: {name}"):
        check_operators([operator(), operator(name)], int8=False)


def test_all_foreign_operators_are_listed_once():
    with pytest.raises(GraphError, match="do not run: ERF, WHERE[.]"):
        check_operators([operator("WHERE"), operator("ERF"), operator("WHERE")], int8=False)


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (1, 2, 8, 8, 3), (1, -1, 8, 3), (-1, 8, 8, 3), (1, 0, 8, 3), (-1,)])
def test_shapes_that_a_phone_cannot_take_are_shown(shape):
    with pytest.raises(GraphError, match=r"CONV_2D works on shape \[" + ", ".join(map(str, shape))):
        check_operators([operator(shapes=((1, 8, 8, 3), shape))], int8=False)


@pytest.mark.parametrize("shape", [(), (2,), (8, 3), (4, 8, 8), (1, 8, 8, 3)])
def test_static_shapes_of_up_to_four_sides_are_accepted(shape):
    check_operators([operator(shapes=(shape,))], int8=True)


def test_float_inside_an_int8_file_is_refused_and_in_a_float_file_accepted():
    floating = operator("ADD", types=("INT8", "FLOAT32"))
    check_operators([operator(), floating], int8=False)
    with pytest.raises(GraphError, match="ADD computes in float inside an int8 file"):
        check_operators([operator(), floating], int8=True)


def convert(function, *shapes, **settings):
    """The bytes of a .tflite file of a function."""
    traced = tf.function(function, autograph=False).get_concrete_function(*map(tf.TensorSpec, shapes))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
    for name, value in settings.items():
        setattr(converter, name, value)
    return converter.convert()


def test_the_operators_of_a_file_are_read_in_order_without_their_constants():
    kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 3, 5)), tf.float32)

    def network(image):
        features = tf.nn.relu6(tf.nn.conv2d(image, kernel, 2, "SAME"))
        return tf.nn.max_pool2d(tf.image.resize(features, (8, 8)), 2, 2, "VALID")

    assert read_operators(convert(network, (1, 8, 8, 3))) == [
        Operator("CONV_2D", ("FLOAT32", "FLOAT32"), ((1, 8, 8, 3), (1, 4, 4, 5))),
        Operator("RESIZE_BILINEAR", ("FLOAT32", "FLOAT32"), ((1, 4, 4, 5), (1, 8, 8, 5))),
        Operator("MAX_POOL_2D", ("FLOAT32", "FLOAT32"), ((1, 8, 8, 5), (1, 4, 4, 5))),
    ]


@pytest.mark.parametrize(
    "function, shape, settings, named",
    [
        (lambda image: tf.reverse(image, [1]), (1, 8, 8, 3), {}, "REVERSE_V2"),
        (tf.math.bessel_i0, (1, 8, 8, 3), {"allow_custom_ops": True}, "BesselI0"),
        (tf.nn.relu6, (None, 8, 8, 3), {}, r"RELU6 works on shape \[-1, 8, 8, 3\]"),
        (tf.nn.relu6, (1, None, 8, 3), {}, r"RELU6 works on shape \[1, -1, 8, 3\]"),
        (tf.nn.relu6, (2, 8, 8, 3), {}, r"RELU6 works on shape \[2, 8, 8, 3\]"),
    ],
)
def test_a_file_with_what_a_phone_does_not_run_is_refused(function, shape, settings, named):
    operators = read_operators(convert(function, shape, **settings))
    with pytest.raises(GraphError, match=named):
        check_operators(operators, int8=False)


def test_a_reduction_to_one_number_is_read_as_a_shape_without_sides():
    (mean,) = read_operators(convert(tf.reduce_mean, (1, 8, 8, 3)))
    assert (mean.name, mean.shapes) == ("MEAN", ((1, 8, 8, 3), ()))


@pytest.mark.parametrize("kind", ["none", "float16", "dynamic", "int8"])
def test_only_the_int8_file_is_integers_throughout(converted, kind):
    operators = read_operators(converted[kind].read_bytes())
    check_operators(operators, int8=False)
    if kind == "int8":
        check_operators(operators, int8=True)
    else:
        with pytest.raises(GraphError, match="computes in float inside an int8 file"):
            check_operators(operators, int8=True)


@pytest.mark.parametrize("content", [b"", b"abc", b"no model, but long enough for a header"])
def test_what_is_no_tflite_file_is_said_so(content):
    with pytest.raises(GraphError, match="not a .tflite file"):
        read_operators(content)

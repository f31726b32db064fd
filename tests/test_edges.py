import numpy as np

from export.graph import read_operators
from tfseg.letterbox import letterbox
from tfseg.segmenter import BUNDLED, Segmenter


def test_maps_of_strides_up_to_4_are_float_and_all_others_integers():
    content = (BUNDLED / "person_mobilenet_v2_int8_float_edges.tflite").read_bytes()
    operators = read_operators(content)
    bridges = [operator for operator in operators if {"FLOAT32", "INT8"} <= set(operator.types)]
    assert {operator.name for operator in bridges} == {"DEQUANTIZE", "QUANTIZE"}
    for operator in operators:
        fine = operator.shapes[-1][1] >= 80  # of 320 pixels
        assert operator.types[-1] == ("FLOAT32" if fine else "INT8") or operator in bridges, operator
    assert sum(operator.types[-1] == "INT8" for operator in operators) > len(operators) / 2


def test_the_answer_is_not_held_to_256_values(converted, draw):
    frame = letterbox(draw(60)[0], 96, 64)[0]
    int8, with_float_edges = (Segmenter.load(converted[kind]).network(frame) for kind in ("int8", "int8_float_edges"))
    assert np.unique(int8).size <= 256 < np.unique(with_float_edges).size

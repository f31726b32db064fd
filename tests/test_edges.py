import numpy as np

from export.graph import read_operators
from tfseg.letterbox import letterbox
from tfseg.segmenter import Segmenter


def test_maps_of_strides_1_and_2_are_float_and_all_others_integers(converted):
    operators = read_operators(converted["int8_float_edges"].read_bytes())
    bridges = [operator for operator in operators if {"FLOAT32", "INT8"} <= set(operator.types)]
    assert sorted(operator.name for operator in bridges) == ["DEQUANTIZE", "QUANTIZE"]
    for operator in operators:
        fine = operator.shapes[-1][1] >= 48  # of 96 pixels
        assert operator.types[-1] == ("FLOAT32" if fine else "INT8") or operator in bridges, operator


def test_the_answer_is_not_held_to_256_values(converted, draw):
    frame = letterbox(draw(60)[0], 96, 64)[0]
    int8, with_float_edges = (Segmenter.load(converted[kind]).network(frame) for kind in ("int8", "int8_float_edges"))
    assert np.unique(int8).size <= 256 < np.unique(with_float_edges).size

import numpy as np

from export.edges import FINEST, quantize_inside
from export.graph import read_operators
from export.tflite_convert import converter_settings, with_probability
from tfseg.letterbox import letterbox
from tfseg.runtime import copy_network, load_checkpoint
from tfseg.segmenter import BUNDLED, Segmenter


def check_split(content, least):
    """Operators whose map is `least` pixels high are float, all others integers, and one bridge leads each way."""
    operators = read_operators(content)
    bridges = [operator for operator in operators if {"FLOAT32", "INT8"} <= set(operator.types)]
    assert sorted(operator.name for operator in bridges) == ["DEQUANTIZE", "QUANTIZE"]
    for operator in operators:
        fine = operator.shapes[-1][1] >= least
        assert operator.types[-1] == ("FLOAT32" if fine else "INT8") or operator in bridges, operator


def test_fine_maps_are_float_and_all_others_integers(trained, draw, tmp_path):
    """The small network has strides of 2 and 4; named twice as high as it is, only those of 1 and 2 are fine."""
    network, signature = with_probability(copy_network(load_checkpoint(trained / "best_dice.keras"), 96, 64))
    frames = [[letterbox(draw(seed)[0], 96, 64)[0][None].astype(np.float32)] for seed in range(4)]
    settings = converter_settings("int8_float_edges", lambda: frames)
    path = tmp_path / "calibrated.tflite"
    network.export(str(path), format="litert", input_signature=signature, verbose=False, **settings)
    check_split(quantize_inside(path.read_bytes(), 96 * FINEST // 2), 48)


def test_the_shipped_files_maps_of_strides_up_to_4_are_float():
    content = (BUNDLED / "person_mobilenet_v2_int8_float_edges.tflite").read_bytes()
    check_split(content, 80)


def test_the_answer_is_not_held_to_256_values(converted, draw):
    frame = letterbox(draw(60)[0], 96, 64)[0]
    int8, with_float_edges = (Segmenter.load(converted[kind]).network(frame) for kind in ("int8", "int8_float_edges"))
    assert np.unique(int8).size <= 256 < np.unique(with_float_edges).size

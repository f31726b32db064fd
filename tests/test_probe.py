import ctypes.util
from pathlib import Path

import numpy as np
import pytest

from export.probe import Probe, probe, read_log, xnnpack_operators
from tfseg.letterbox import letterbox
from tfseg.metrics import dice
from tfseg.sample import portraits
from tfseg.segmenter import BUNDLED, Segmenter

INT8 = BUNDLED / "person_mobilenet_v2_int8.tflite"
SOFTWARE = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
needs_adapter = pytest.mark.skipif(
    not SOFTWARE.exists() or ctypes.util.find_library("vulkan") is None,
    reason="no software Vulkan device; `make gpu-check` installs Debian's chromium and libvulkan1",
)

SELECTED = "I0000 environment.cc:532] Selected adapter: {}, arch={}, vendor=v, backend=Vulkan, adapterType={}\n"
PARTLY = """ERROR: Following operations are not supported by GPU delegate:
COMPLEX_ABS: Operation is not supported.
STRIDED_SLICE: Slice does not support shrink_axis_mask parameter.
5 operations will run on the GPU, and the remaining 4 operations will run on the CPU.
"""


def test_the_adapter_is_named_and_a_program_on_the_cpu_is_told_from_a_gpu():
    real = read_log(SELECTED.format("NVIDIA H100", "hopper", "Discrete GPU"))
    assert (real["adapter"], real["software"], real["fault"]) == ("NVIDIA H100", False, None)
    software = read_log(SELECTED.format("SwiftShader Device (Subzero)", "swiftshader", "CPU / Software"))
    assert (software["adapter"], software["software"]) == ("SwiftShader Device (Subzero)", True)


def test_refused_operators_are_named_and_counted():
    told = read_log(SELECTED.format("G", "a", "Integrated GPU") + PARTLY)
    assert told["left"] == 4
    assert told["refused"] == (
        "COMPLEX_ABS: Operation is not supported.",
        "STRIDED_SLICE: Slice does not support shrink_axis_mask parameter.",
    )
    assert read_log("")["refused"] == () and read_log("")["left"] == 0


def test_no_adapter_is_told_from_a_file_that_no_delegate_takes():
    assert (
        read_log("ERROR: Failed to initialize WebGPU environment: INTERNAL: No adapters found")["fault"] == "no adapter"
    )
    assert (
        "dynamic size"
        in read_log("graph that has dynamic-sized tensors (tensor#13 is a dynamic-sized tensor).")["fault"]
    )


@pytest.fixture(scope="module")
def frame():
    return letterbox(portraits()["grace_hopper"][0], 320, 256)[0]


def test_a_file_on_the_cpu_answers_as_the_segmenter_does(frame):
    frames = np.stack([frame, frame[:, ::-1]])
    seen, segmenter = probe(INT8, "cpu", 1, frames), Segmenter.load(INT8, threads=1)
    assert seen.fault is None and seen.adapter is None
    np.testing.assert_array_equal(seen.answers, [segmenter.network(each) for each in frames])
    assert 0 < seen.load < 60 and 0 < seen.first < 60
    assert INT8.stat().st_size < seen.peak_bytes < 500e6


def test_a_process_that_fails_is_reported_and_not_raised(tmp_path, frame):
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    seen = probe(tmp_path / "broken.tflite", "cpu", 1, frame[None])
    assert seen.answers is None and seen.fault.startswith("failed: ") and "broken.tflite" in seen.fault


def test_without_a_vulkan_device_there_is_no_adapter(monkeypatch, frame):
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nonexistent")
    assert probe(INT8, "gpu", 1, frame[None]) == Probe(fault="no adapter")


def test_xnnpack_takes_all_of_an_int8_file_but_the_conversions_at_its_ends():
    taken, operators = xnnpack_operators(INT8)
    assert operators - taken == 2


@needs_adapter
def test_the_software_adapter_takes_a_file_as_a_whole_and_agrees_with_the_cpu(converted, monkeypatch):
    monkeypatch.setenv("VK_ICD_FILENAMES", str(SOFTWARE))
    for kind in ("none", "float16", "int8_float_edges"):
        segmenter = Segmenter.load(converted[kind])
        frame = letterbox(portraits()["grace_hopper"][0], segmenter.height, segmenter.width)[0]
        seen, expected = probe(converted[kind], "gpu", 1, frame[None]), segmenter.network(frame)
        assert (seen.software, seen.left, seen.refused, seen.fault) == (True, 0, (), None), kind
        assert dice(expected >= 0.5, seen.answers[0] >= 0.5) >= 0.998, kind


@needs_adapter
def test_an_operator_that_the_gpu_cannot_take_is_named(tmp_path, monkeypatch):
    import tensorflow as tf
    from test_graph import convert

    def network(image):
        return tf.nn.sigmoid(tf.reduce_mean(tf.nn.local_response_normalization(image * 2.0), -1, keepdims=True))

    (tmp_path / "model.tflite").write_bytes(convert(network, (1, 16, 16, 3)))
    monkeypatch.setenv("VK_ICD_FILENAMES", str(SOFTWARE))
    seen = probe(tmp_path / "model.tflite", "gpu", 1, np.full((1, 16, 16, 3), 99, np.uint8))
    assert seen.refused == ("LOCAL_RESPONSE_NORMALIZATION: Operation is not supported.",) and seen.left >= 1
    np.testing.assert_allclose(
        seen.answers[0], Segmenter.load(tmp_path / "model.tflite").network(np.full((16, 16, 3), 99)), atol=1e-4
    )

import doctest
import json
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tfseg import segmenter as module
from tfseg.image import read_image, write_image
from tfseg.letterbox import letterbox
from tfseg.metrics import dice
from tfseg.runtime import ModelError, dequantize, quantize
from tfseg.sample import person_free, portraits
from tfseg.segmenter import Segmenter

RUNTIMES = ("keras", "float", "int8", "bundle")


@pytest.fixture(scope="module")
def segmenters(trained, converted, bundle):
    paths = (trained / "best_dice.keras", converted["none"], converted["int8"], bundle)
    return {runtime: Segmenter.load(path) for runtime, path in zip(RUNTIMES, paths, strict=True)}


def test_the_examples_in_its_documentation_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 5 and not outcome.failed


@pytest.mark.parametrize("size", [(90, 70), (70, 200), (1, 50), (50, 1), (1, 1)])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_gives_alpha_and_mask_at_the_photos_own_size(segmenters, runtime, size, draw):
    image = cv2.resize(draw(1)[0], size[::-1])
    alpha, mask = segmenters[runtime].alpha(image), segmenters[runtime].mask(image)
    assert alpha.shape == mask.shape == size
    assert (alpha.dtype, mask.dtype) == (np.float32, np.uint8)
    assert alpha.min() >= 0 and alpha.max() <= 1
    assert np.array_equal(mask, alpha >= 0.5)


def test_all_runtimes_agree_on_the_networks_output(segmenters, draw):
    frames = [letterbox(draw(seed)[0], 96, 64)[0] for seed in range(50, 54)]
    outputs = {name: np.stack([one.network(frame) for frame in frames]) for name, one in segmenters.items()}
    assert outputs["keras"].std() > 0.05, "the network must say something, or agreeing is easy"
    assert np.abs(outputs["float"] - outputs["keras"]).max() < 1e-4
    assert np.abs(outputs["int8"] - outputs["keras"]).mean() < 0.02
    assert np.array_equal(outputs["bundle"], outputs["int8"])
    for name, one in segmenters.items():
        assert (one.height, one.width, outputs[name].dtype) == (96, 64, np.float32)


def test_with_the_mirrored_photo_asked_too_left_and_right_are_treated_alike(segmenters, draw):
    image = cv2.resize(draw(3)[0], (60, 90))
    plain, both = (segmenters["float"].alpha(image, mirror=mirror) for mirror in (False, True))
    turned = segmenters["float"].alpha(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    np.testing.assert_allclose(both, (plain + turned) / 2, atol=1e-3)
    assert np.abs(plain - turned).max() > 0.05, "a network that is not symmetric itself"


def test_a_checkpoint_takes_wide_photos_in_a_wide_frame_as_a_bundle_does(segmenters, draw):
    image = cv2.resize(draw(4)[0], (120, 80))
    wide = segmenters["keras"].landscape
    assert (wide.height, wide.width) == (64, 96)
    np.testing.assert_array_equal(segmenters["keras"].alpha(image), wide.alpha(image))
    assert np.abs(segmenters["bundle"].alpha(image) - wide.alpha(image)).mean() < 0.03


@pytest.mark.parametrize(
    "dtype, scale, zero_point, expected",
    [
        (np.uint8, 1.0, 0, [0, 100, 255]),
        (np.int8, 1.0, -128, [-128, -28, 127]),
        (np.uint8, 2.5, 3, [3, 43, 105]),
        (np.uint8, 0.5, 10, [10, 210, 255]),  # 255 / 0.5 + 10 does not fit
        (np.float32, 0.0, 0, [0, 100, 255]),
    ],
)
def test_photos_are_quantized_by_the_files_scale_and_zero_point(dtype, scale, zero_point, expected):
    values = quantize(np.uint8([0, 100, 255]), {"dtype": dtype, "quantization": (scale, zero_point)})
    assert values.dtype == dtype
    assert values.tolist() == expected


@pytest.mark.parametrize(
    "dtype, values, scale, zero_point, expected",
    [
        (np.uint8, [0, 128, 255], 1 / 256, 0, [0, 0.5, 255 / 256]),
        (np.int8, [-128, 0, 127], 1 / 256, -128, [0, 0.5, 255 / 256]),
        (np.uint8, [0, 10, 20], 0.05, 10, [-0.5, 0, 0.5]),
        (np.float32, [0, 0.3, 1], 0.0, 0, [0, 0.3, 1]),
    ],
)
def test_answers_are_mapped_back_by_the_files_scale_and_zero_point(dtype, values, scale, zero_point, expected):
    probability = dequantize(np.array(values, dtype), {"dtype": dtype, "quantization": (scale, zero_point)})
    assert probability.dtype == np.float32
    assert probability == pytest.approx(expected, abs=1e-7)


def disc(height, width, centre, radius):
    rows, columns = np.mgrid[:height, :width]
    return ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2).astype(np.uint8)


RED_CHANNEL = Segmenter(lambda frame: frame[..., 0].astype(np.float32) / 255, height=320, width=256)


# The second background is as light as red, so that the photo's grey does not help to find the edge.
@pytest.mark.parametrize("background", [(0, 0, 0), (0, 130, 0)])
@pytest.mark.parametrize(
    "size, centre, radius",
    [((200, 300), (60, 210), 40), ((300, 200), (200, 70), 40), ((900, 700), (300, 450), 150), ((24, 18), (10, 8), 5)],
)
def test_what_the_network_finds_stays_where_it_is_in_the_photo(size, centre, radius, background):
    truth = disc(*size, centre, radius)
    image = np.where(truth[..., None] == 1, np.uint8([255, 0, 0]), np.uint8(background))
    mask = RED_CHANNEL.mask(image)
    assert np.argwhere(mask).mean(axis=0) == pytest.approx(centre, abs=0.99)
    assert mask.sum() == pytest.approx(truth.sum(), rel=0.1)
    assert dice(truth, mask) > 0.93


@pytest.mark.parametrize("size", [(50, 200), (200, 50)])
def test_what_the_network_says_beside_the_photo_does_not_reach_into_it(size):
    grey_is_person = Segmenter(lambda frame: (frame[..., 0] == 127).astype(np.float32), 64, 48)
    assert grey_is_person.alpha(np.zeros((*size, 3), np.uint8)).max() == 0


def test_mask_is_cut_at_the_models_own_threshold():
    ramp = np.tile(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], (320, 1, 3))
    sure = Segmenter(RED_CHANNEL.network, 320, 256, threshold=0.8)
    assert np.array_equal(sure.mask(ramp), sure.alpha(ramp) >= 0.8)
    assert sure.mask(ramp).mean() == pytest.approx(0.2, abs=0.05)


def write(name, content=b"junk that is no model"):
    def make(folder, bundle, converted):
        (folder / name).write_bytes(content)
        return folder / name

    return make


def changed_bundle(folder, bundle, converted):
    copy = shutil.copytree(bundle, folder / "changed")
    file = copy / json.loads((copy / "model.json").read_text())["models"]["int8"]["file"]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return copy


def contract(text):
    def make(folder, bundle, converted):
        (folder / "model.json").write_text(text)
        return folder

    return make


def truncated(folder, bundle, converted):
    content = converted["int8"].read_bytes()
    return write("truncated.tflite", content[: len(content) // 2])(folder, bundle, converted)


def keras_network(name, size, channels):
    def make(folder, bundle, converted):
        import keras

        keras.Sequential([keras.Input((*size, 3)), keras.layers.Conv2D(channels, 1)]).save(folder / name)
        return folder / name

    return make


@pytest.mark.parametrize(
    "make, file, reason",
    [
        (lambda folder, *_: folder / "missing.keras", "missing.keras", "no such model"),
        (lambda folder, *_: folder, "", "not a model bundle"),
        (contract("[]"), "", "not a model bundle"),
        (contract("{"), "", "not a model bundle"),
        (contract('{"default": "int8", "models": {}}'), "", "not a model bundle"),
        (changed_bundle, "person_int8.tflite", "sha256"),
        (write("junk.tflite"), "junk.tflite", "LiteRT cannot load it"),
        (write("empty.tflite", b""), "empty.tflite", "LiteRT cannot load it"),
        (truncated, "truncated.tflite", "LiteRT cannot load it"),
        (write("junk.keras"), "junk.keras", "damaged, no .keras checkpoint"),
        (keras_network("two.keras", (32, 32), channels=2), "two.keras", "a person segmenter maps"),
        (keras_network("open.keras", (None, None), channels=1), "open.keras", "a person segmenter maps"),
        (write("model.onnx"), "model.onnx", "bundle folder, a .tflite file or a .keras checkpoint"),
    ],
)
def test_what_is_no_person_segmenter_is_named_with_the_reason(make, file, reason, tmp_path, bundle, converted):
    path = make(tmp_path, bundle, converted)
    with pytest.raises(ModelError) as caught:
        Segmenter.load(path)
    message = str(caught.value)
    assert file in message and str(tmp_path) in message and reason in message
    assert "\n" not in message


@pytest.mark.parametrize("taken, given", [((1, 8, 8, 3), (1, 8, 8, 2)), ((1, 8, 8, 4), (1, 8, 8, 1))])
def test_a_tflite_file_of_other_shapes_is_refused(taken, given, tmp_path):
    import tensorflow as tf

    kernel = tf.ones((1, 1, taken[3], given[3]))
    function = tf.function(lambda image: tf.nn.conv2d(image, kernel, 1, "SAME"), autograph=False)
    traced = function.get_concrete_function(tf.TensorSpec(taken))
    path = tmp_path / "other.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert())
    with pytest.raises(ModelError, match="other.tflite: takes .1, 8, 8, .* a person segmenter maps"):
        Segmenter.load(path)


def test_cutting_out_imports_neither_tensorflow_nor_keras(bundle, tmp_path, draw):
    write_image(tmp_path / "me.png", draw(1)[0])
    code = (
        "import sys; from tfseg.cli import main; status = main(sys.argv[1:]); "
        "print({'tensorflow', 'keras'} & set(sys.modules)); sys.exit(status)"
    )
    arguments = ["cutout", "me.png", "-o", "cut.png", "--model", bundle]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "cut.png\nset()\n", "")
    assert read_image(tmp_path / "cut.png").shape == draw(1)[0].shape


@pytest.mark.parametrize("name", ["astronaut", "grace_hopper"])
def test_the_shipped_model_finds_the_embedded_portraits(name):
    image, truth = portraits()[name]
    assert dice(truth, Segmenter.load().mask(image)) >= 0.92


def test_the_shipped_model_finds_nobody_where_nobody_is():
    assert Segmenter.load().mask(person_free()).mean() < 0.03

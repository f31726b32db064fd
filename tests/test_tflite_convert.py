import json
import shutil

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.tflite_convert import convert_apart, main
from tfseg.image import write_image
from tfseg.letterbox import letterbox
from tfseg.sample import portraits
from tfseg.segmenter import Segmenter
from tfseg.unet import unet


def ends(path):
    interpreter = Interpreter(str(path), num_threads=1)
    return *interpreter.get_input_details(), *interpreter.get_output_details()


@pytest.mark.parametrize(
    "kind, dtype",
    [
        ("none", np.float32),
        ("float16", np.float32),
        ("dynamic", np.float32),
        ("int8", np.uint8),
        ("int8_float_edges", np.float32),
    ],
)
def test_every_kind_takes_and_gives_one_photo_at_a_time(converted, kind, dtype):
    taken, given = ends(converted[kind])
    for detail, channels in ((taken, 3), (given, 1)):
        assert detail["dtype"] == dtype
        assert detail["shape"].tolist() == detail["shape_signature"].tolist() == [1, 96, 64, channels]


def test_int8_takes_a_photos_bytes_as_they_are_and_gives_the_probability_in_256_steps(converted):
    taken, given = ends(converted["int8"])
    assert taken["quantization"] == (1.0, 0)
    assert given["quantization"] == (1 / 256, 0)


def test_fewer_bits_make_smaller_files(converted, trained):
    size = {kind: path.stat().st_size for kind, path in converted.items()}
    assert size["none"] > 1.5 * size["float16"] > 2 * size["int8"]
    assert size["dynamic"] < size["float16"]


@pytest.mark.parametrize(
    "kind, bound",
    [("none", 1e-6), ("float16", 1e-3), ("dynamic", 0.02), ("int8", 0.01), ("int8_float_edges", 0.01)],
)
def test_every_kind_gives_the_checkpoints_probability(converted, trained, draw, kind, bound):
    frame = letterbox(draw(60)[0], 96, 64)[0]
    expected = Segmenter.load(trained / "best_dice.keras").network(frame)
    assert np.abs(Segmenter.load(converted[kind]).network(frame) - expected).mean() < bound


def test_the_other_small_encoder_converts_to_operators_that_phones_run(photos, draw, tmp_path):
    keras.utils.set_random_seed(0)
    checkpoint = tmp_path / "efficientnetv2_b0.keras"
    unet("efficientnetv2_b0", 96, 64, weights=None).save(checkpoint)
    contents = convert_apart(checkpoint, ["float16", "int8"], sorted((photos / "images").iterdir())[:4])
    frame = letterbox(draw(60)[0], 96, 64)[0]
    expected = Segmenter.load(checkpoint).network(frame)
    assert expected.std() > 0
    for kind, bound in (("float16", 1e-3), ("int8", 0.02)):
        (tmp_path / f"{kind}.tflite").write_bytes(contents[kind])
        assert np.abs(Segmenter.load(tmp_path / f"{kind}.tflite").network(frame) - expected).mean() < bound, kind


def test_the_same_checkpoint_gives_the_same_bytes_and_its_loss_is_printed(converted, trained, photos, tmp_path, capsys):
    checkpoint, out = trained / "best_dice.keras", tmp_path / "new" / "again.tflite"
    assert main(["--model", str(checkpoint), "--calibration", str(photos), "--out", str(out)]) == 0
    assert out.read_bytes() == converted["int8"].read_bytes()
    printed = capsys.readouterr().out
    losses = json.loads((tmp_path / "new" / "again_parity" / "parity.json").read_text())["summary"]
    (summary,) = losses.values()
    assert f"| again.tflite | 20 | {summary['dice_drop']:.4f} |" in printed
    assert (
        f"{checkpoint}: {checkpoint.stat().st_size / 1e6:.2f} MB\n{out}: {out.stat().st_size / 1e6:.2f} MB" in printed
    )


def test_landscape_exchanges_the_sides(trained, photos, tmp_path):
    out = tmp_path / "wide.tflite"
    arguments = ["--model", trained / "best_dice.keras", "--calibration", photos, "--quantize", "none", "--out", out]
    assert main([*map(str, arguments), "--landscape"]) == 0
    assert [detail["shape"].tolist() for detail in ends(out)] == [[1, 64, 96, 3], [1, 64, 96, 1]]


def test_a_damaged_conversion_is_caught_and_leaves_no_file(tmp_path, capsys):
    """The shipped checkpoint: calibrated on black photos, the ranges of all activations are wrong."""
    for name, (image, mask) in portraits().items():
        for folder, photo in (("people", image), ("black", np.zeros_like(image))):
            write_image(tmp_path / folder / "images" / f"{name}.png", photo)
            write_image(tmp_path / folder / "masks" / f"{name}.png", mask * 255)
    out = tmp_path / "person.tflite"
    arguments = ["--calibration", tmp_path / "black", "--parity-data", tmp_path / "people", "--out", out]
    assert main([*map(str, arguments)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("export.tflite_convert: person.tflite: Dice drop ") and error.count("\n") == 1
    assert error.endswith(f"{out} was not written.\n") and not out.exists()
    assert (tmp_path / "person_parity" / "parity.png").exists()


@pytest.fixture(scope="module")
def networks(tmp_path_factory, trained):
    """A folder of checkpoints: one to convert, and some that cannot be."""
    folder = tmp_path_factory.mktemp("networks")
    shutil.copy(trained / "best_dice.keras", folder / "good.keras")
    (folder / "junk.keras").write_text("junk")
    (folder / "model.h5").write_text("junk")
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Conv2D(2, 1)(image)).save(folder / "two.keras")
    keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid")(image)).save(folder / "sigmoid.keras")
    keras.Model(image, keras.layers.Conv2D(1, 1)(keras.ops.flip(image, 1))).save(folder / "flip.keras")
    keras.Model(image, keras.layers.Conv2D(1, 1)(keras.ops.erfinv(image))).save(folder / "foreign.keras")
    image = keras.Input((32, 32, 3))
    twice = keras.layers.Lambda(lambda pixels: pixels * 2)(image)
    keras.Model(image, keras.layers.Conv2D(1, 1)(twice)).save(folder / "lambda.keras")
    (folder / "empty").mkdir()
    (folder / "free" / "images").mkdir(parents=True)
    write_image(folder / "free" / "images" / "room.png", np.zeros((40, 30, 3), np.uint8))
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(1, 1)(image)).save(folder / "open.keras")
    return folder


@pytest.mark.parametrize(
    "changed, named",
    [
        ({"--model": "missing.keras"}, "missing.keras: expected a .keras checkpoint"),
        ({"--model": "model.h5"}, "model.h5: expected a .keras checkpoint. Save .h5 files as .keras"),
        ({"--model": "lambda.keras"}, "lambda.keras: Keras cannot load it"),
        ({"--model": "junk.keras"}, "junk.keras: damaged, no .keras checkpoint"),
        ({"--model": "two.keras"}, "two.keras: takes [None, 32, 32, 3] and gives [None, 32, 32, 2]"),
        ({"--model": "sigmoid.keras"}, "sigmoid.keras: ends in a sigmoid"),
        ({"--model": "open.keras"}, "open.keras: takes [None, None, None, 3]"),
        ({"--model": "flip.keras", "--quantize": "none"}, "do not run: REVERSE_V2"),
        ({"--model": "foreign.keras", "--quantize": "none"}, "foreign.keras: as none: TensorFlow's converter refuses"),
        ({"--calibration": "missing"}, "missing: no such folder"),
        ({"--calibration": "empty"}, "empty: found neither images/"),
        ({"--calibration": "free"}, "free: no photo with a person"),
        ({"--calibration": None}, "--calibration"),
        ({"--out": "person.onnx"}, "person.onnx must end in .tflite"),
        ({"--out": "junk.keras/person.tflite"}, "junk.keras"),
        ({"--out": None}, "--out"),
        ({"--quantize": "int4"}, "int4"),
    ],
)
def test_what_cannot_be_converted_ends_in_one_line_and_no_file(networks, photos, monkeypatch, capsys, changed, named):
    monkeypatch.chdir(networks)
    before = sorted(networks.rglob("*"))
    given = {"--model": "good.keras", "--calibration": str(photos), "--out": "person.tflite"} | changed
    try:
        status = main([word for name, value in given.items() if value for word in (name, value)])
    except SystemExit as left:
        status = left.code
    error = capsys.readouterr().err
    assert status == 2
    assert error.startswith("export.tflite_convert: ") and named in error and error.count("\n") == 1
    assert sorted(networks.rglob("*")) == before

import shutil

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.tflite_convert import calibration_set, main, mean_dice, spread
from tfseg.data import find_pairs
from tfseg.image import letterbox, read_image, read_mask
from tfseg.metrics import dice
from tfseg.segmenter import Segmenter


def ends(path):
    interpreter = Interpreter(str(path), num_threads=1)
    return *interpreter.get_input_details(), *interpreter.get_output_details()


@pytest.mark.parametrize(
    "kind, dtype", [("none", np.float32), ("float16", np.float32), ("dynamic", np.float32), ("int8", np.uint8)]
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


@pytest.mark.parametrize("kind, bound", [("none", 1e-6), ("float16", 1e-3), ("dynamic", 0.02), ("int8", 0.02)])
def test_every_kind_gives_the_checkpoints_probability(converted, trained, draw, kind, bound):
    frame = letterbox(draw(60)[0], 96, 64)[0]
    expected = Segmenter.load(trained / "best_dice.keras").network(frame)
    assert np.abs(Segmenter.load(converted[kind]).network(frame) - expected).mean() < bound


def test_the_same_checkpoint_gives_the_same_bytes_and_its_loss_is_printed(converted, trained, photos, tmp_path, capsys):
    checkpoint, out = trained / "best_dice.keras", tmp_path / "new" / "again.tflite"
    assert main(["--model", str(checkpoint), "--calibration", str(photos), "--out", str(out)]) == 0
    assert out.read_bytes() == converted["int8"].read_bytes()
    pairs = find_pairs(photos)
    before, after = (mean_dice(Segmenter.load(path), pairs) for path in (checkpoint, out))
    assert capsys.readouterr().out == (
        f"{checkpoint}: {checkpoint.stat().st_size / 1e6:.2f} MB\n{out}: {out.stat().st_size / 1e6:.2f} MB\n"
        f"Dice on 20 calibration photos: checkpoint {before:.4f}, file {after:.4f}, drop {before - after:.4f}\n"
    )


def test_mean_dice_is_taken_at_the_photos_own_sizes(converted, photos):
    segmenter, pairs = Segmenter.load(converted["int8"]), find_pairs(photos)[:3]
    scores = [dice(read_mask(pair.mask), segmenter.mask(read_image(pair.image))) for pair in pairs]
    assert mean_dice(segmenter, pairs) == pytest.approx(np.mean(scores))


def test_calibration_shows_letterboxed_photos_and_once_the_whole_range(photos):
    paths = [pair.image for pair in find_pairs(photos)][:3]
    frames = [frame for (frame,) in calibration_set(paths, 96, 64)]
    assert [frame.shape for frame in frames] == [(1, 96, 64, 3)] * 3
    for number, (frame, path) in enumerate(zip(frames, paths, strict=True)):
        assert frame.dtype == np.float32
        changed = (frame[0] != letterbox(read_image(path), 96, 64)[0]).any(axis=-1)
        assert changed.sum() == (2 if number == 0 else 0)
    assert (frames[0].min(), frames[0].max()) == (0, 255)


@pytest.mark.parametrize("count, expected", [(1, [0]), (3, [0, 4, 9]), (10, list(range(10))), (200, list(range(10)))])
def test_calibration_photos_are_spread_over_the_set(count, expected):
    assert spread(list(range(10)), count) == expected


@pytest.fixture(scope="module")
def networks(tmp_path_factory, trained):
    """A folder of checkpoints: one to convert, and some that cannot be."""
    folder = tmp_path_factory.mktemp("networks")
    shutil.copy(trained / "best_dice.keras", folder / "good.keras")
    (folder / "junk.keras").write_text("junk")
    (folder / "model.h5").write_text("junk")
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Conv2D(2, 1)(image)).save(folder / "two.keras")
    keras.Model(image, keras.layers.Conv2D(1, 1)(keras.ops.flip(image, 1))).save(folder / "flip.keras")
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(1, 1)(image)).save(folder / "open.keras")
    return folder


@pytest.mark.parametrize(
    "changed, named",
    [
        ({"--model": "missing.keras"}, "missing.keras: expected a .keras checkpoint"),
        ({"--model": "model.h5"}, "model.h5: expected a .keras checkpoint"),
        ({"--model": "junk.keras"}, "junk.keras: Keras cannot load it"),
        ({"--model": "two.keras"}, "two.keras: takes [None, 32, 32, 3] and gives [None, 32, 32, 2]"),
        ({"--model": "open.keras"}, "open.keras: takes [None, None, None, 3]"),
        ({"--model": "flip.keras", "--quantize": "none"}, "do not run: REVERSE_V2"),
        ({"--calibration": "missing"}, "missing: no such folder"),
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

"""The whole line once, with the real network: train, convert, bundle, evaluate, cut out."""

import json

import numpy as np
import pytest
from PIL import Image

import export.tflite_convert
import tfseg.cli
import training.evaluate
import training.fit
from export.bundle import write_bundle
from export.graph import check_operators, read_operators
from tfseg.image import write_image


@pytest.fixture(scope="module")
def line(tmp_path_factory, write_set, draw):
    """The folder in which the line ran, every step on what the one before it wrote."""
    folder = tmp_path_factory.mktemp("line")
    write_set(folder / "photos" / "images", folder / "photos" / "masks", 6)
    write_image(folder / "me.png", draw(70, 120, 90)[0])

    def run(main, command):
        assert main(command.split()) == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = "--init none --height 96 --width 64 --epochs 1 --batch-size 2"
        run(training.fit.main, f"--data photos {settings} --out run")
        # One epoch from random weights finds hardly anybody: there is no accuracy to hold yet.
        convert = "--model run/best_dice.keras --calibration photos --max-dice-drop 1 --out person_int8.tflite"
        run(export.tflite_convert.main, convert)
        # One kind is enough here: converting the real network takes long.
        write_bundle(folder / "person", {"int8": (folder / "person_int8.tflite").read_bytes()}, "", "")
        run(training.evaluate.main, "--model person --data photos --out evaluation")
        run(tfseg.cli.main, "cutout me.png -o cut.png --model person")
    return folder


def test_the_real_network_holds_nothing_that_a_phone_does_not_run(line):
    operators = read_operators((line / "person_int8.tflite").read_bytes())
    check_operators(operators, int8=True)
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "RESIZE_BILINEAR", "LOGISTIC"} <= {operator.name for operator in operators}


def test_int8_takes_less_than_a_third_of_the_checkpoint(line):
    assert (line / "person_int8.tflite").stat().st_size < (line / "run/best_dice.keras").stat().st_size / 3


def test_the_evaluation_is_of_the_converted_file_in_the_bundle(line):
    results = json.loads((line / "evaluation/results.json").read_text())
    model_json = json.loads((line / "person/model.json").read_text())
    assert results["sha256"] == model_json["models"]["int8"]["sha256"]
    assert (model_json["input"]["height"], model_json["input"]["width"]) == (96, 64)
    assert results["summary"]["photos"]["photos"] == 6


def test_the_cut_out_has_its_photos_size_and_the_colours_of_its_person(line):
    with Image.open(line / "cut.png") as cut, Image.open(line / "me.png") as photo:
        assert (cut.mode, cut.size) == ("RGBA", photo.size)
        pixels, original = np.asarray(cut), np.asarray(photo)
    whole = pixels[..., 3] == 255
    assert np.array_equal(pixels[whole][:, :3], original[whole])

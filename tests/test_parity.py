import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from export.bounds import BOUNDS, LOSSES, flag, summarise
from export.parity import ParityError, check, compare, main
from tfseg.image import read_image, write_image
from tfseg.letterbox import letterbox
from tfseg.metrics import boundary_f, dice
from tfseg.pairs import find_pairs
from tfseg.segmenter import BUNDLED, Segmenter


def row(**values):
    return {"image": "a.jpg", "mask": "a.png", "dice": 0.9, "boundary_f": 0.8} | dict.fromkeys(LOSSES, 0.0) | values


def test_a_files_losses_are_those_of_its_alpha_against_the_checkpoints(converted, trained, photos):
    pairs = find_pairs(photos)[:2]
    checkpoint, file = trained / "best_dice.keras", converted["int8"]
    found = compare(checkpoint, [file], pairs)[str(file)]
    for pair, losses in zip(pairs, found, strict=True):
        image, truth = read_image(pair.image), (read_image(pair.mask)[..., 0] > 0).astype(np.uint8)
        expected, given = Segmenter.load(checkpoint).alpha(image), Segmenter.load(file).alpha(image)
        assert losses["dice"] == pytest.approx(dice(truth, expected >= 0.5), abs=1e-6)
        assert losses["dice_drop"] == pytest.approx(dice(truth, expected >= 0.5) - dice(truth, given >= 0.5), abs=1e-6)
        edges = [boundary_f(truth, (alpha >= 0.5).astype(np.uint8)) for alpha in (expected, given)]
        assert losses["boundary_f_drop"] == pytest.approx(edges[0] - edges[1], abs=1e-6)
        assert losses["mean_difference"] == pytest.approx(np.abs(expected - given).mean(), abs=1e-6)
        assert losses["max_difference"] == pytest.approx(np.abs(expected - given).max(), abs=1e-6)
        assert losses["changed_side"] == pytest.approx(((expected >= 0.5) != (given >= 0.5)).mean(), abs=1e-6)


def test_the_float_file_loses_nothing(converted, trained, photos):
    summary = summarise(compare(trained / "best_dice.keras", [converted["none"]], find_pairs(photos)).popitem()[1])
    assert summary["max_difference"] < 1e-4
    assert abs(summary["dice_drop"]) < 1e-4 and summary["changed_side"] < 1e-4


def test_a_loss_past_the_bound_is_named_with_the_worst_photos():
    rows = {"x/person.tflite": [row(dice_drop=0.01), row(image="b/worst.jpg", dice_drop=0.03, changed_side=0.5)]}
    check(rows, {"dice_drop": 0.03, "changed_side": 0.3})
    past = r"person.tflite: Dice drop 0.0200, more than 0.0150 \(--max-dice-drop\).* most on worst.jpg .*, a.jpg"
    with pytest.raises(ParityError, match=past):
        check(rows, {"dice_drop": 0.015})
    with pytest.raises(ParityError, match=r"changing side 25.000%, more than 0.300% \(--max-changed-side\)"):
        check(rows, {"dice_drop": 0.03, "changed_side": 0.003})


def test_each_orientation_is_asked_about_its_own_photos(bundle, trained, photos, tmp_path):
    for pair in find_pairs(photos)[:4]:
        turned = int(pair.image.stem) % 2
        for path in pair:
            picture = np.asarray(Image.open(path))
            name = tmp_path / path.parent.name / path.name
            write_image(name, cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE) if turned else picture)
    pairs = find_pairs(tmp_path)
    model = json.loads((bundle / "model.json").read_text())["models"]
    files = [bundle / model[name]["file"] for name in ("float16", "float16_landscape")]
    upright, wide = compare(trained / "best_dice.keras", files, pairs).values()
    assert len(upright) + len(wide) == len(pairs) and len(wide) == sum(int(pair.image.stem) % 2 for pair in pairs)
    assert summarise(wide)["max_difference"] < 0.01
    turned = [pair for pair in pairs if int(pair.image.stem) % 2]
    upright, wide = compare(trained / "best_dice.keras", files, turned).values()
    assert len(upright) == len(wide) == 2  # with photos of one orientation alone both are asked about all


def test_the_command_prints_every_file_of_a_bundle_and_draws_what_differs(bundle, trained, photos, tmp_path, capsys):
    arguments = ["--model", trained / "best_dice.keras", "--files", bundle, "--data", photos, "--out", tmp_path / "out"]
    loose = [word for loss in BOUNDS for word in (flag(loss), "1")]
    assert main([*map(str, arguments), *loose]) == 0
    printed = capsys.readouterr().out
    for file in bundle.glob("*.tflite"):
        assert f"| {file.name} | 20 |" in printed and f"{file.name} differs most on " in printed
    assert "| at most |  | 1.0000 | 1.0000 |  |  | 100.000% |" in printed
    found = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert len(found["photos"][str(bundle / "person_int8.tflite")]) == 20
    assert read_image(tmp_path / "out" / "parity.png").std() > 10
    assert main([*map(str, arguments), "--max-dice-drop", "-1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("export.parity: ") and "Dice drop " in error and error.count("\n") == 1


@pytest.mark.parametrize("kind", ["black", "person_free"])
def test_photos_that_cannot_judge_are_refused(kind, photos, tmp_path, capsys):
    shutil.copytree(photos, tmp_path / "set")
    if kind == "black":
        for path in (tmp_path / "set" / "images").iterdir():
            write_image(path, np.zeros((90, 70, 3), np.uint8))
    else:
        shutil.rmtree(tmp_path / "set" / "masks")
    file = str(BUNDLED / "person_mobilenet_v2_int8.tflite")  # one is enough
    assert main(["--files", file, "--data", str(tmp_path / "set"), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "cannot judge" in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_the_frame_of_a_wide_photo_fills_the_landscape_input(bundle):
    segmenter = Segmenter.load(bundle)
    wide = np.zeros((60, 90, 3), np.uint8)
    portrait = letterbox(wide, segmenter.height, segmenter.width)[1]
    landscape = letterbox(wide, segmenter.landscape.height, segmenter.landscape.width)[1]
    assert landscape.height * landscape.width > 2 * portrait.height * portrait.width

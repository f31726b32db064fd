import json
import shutil

import cv2
import numpy as np
import pytest

from tfseg.image import read_image, read_mask, write_image
from tfseg.pairs import DataError
from tfseg.sample import portraits
from training.check_data import main
from training.config import FitConfig
from training.sources import load_pairs
from training.survey import survey


@pytest.fixture
def photos(tmp_path, write_set):
    """Six labelled drawings, and a portrait whose mask can be told from its inverse."""
    write_set(tmp_path / "set" / "images", tmp_path / "set" / "masks", 6)
    image, mask = portraits()["grace_hopper"]
    write_image(tmp_path / "set" / "images" / "grace.png", image)
    write_image(tmp_path / "set" / "masks" / "grace.png", mask * 255)
    return tmp_path / "set"


def break_off(folder, name):
    image = folder / "images" / f"{name}.png"
    write_image(image.with_suffix(".jpg"), read_image(image))
    image.unlink()
    content = image.with_suffix(".jpg").read_bytes()
    image.with_suffix(".jpg").write_bytes(content[: len(content) * 3 // 4])


def invert(folder, name):
    write_image(folder / "masks" / f"{name}.png", 255 * (1 - read_mask(folder / "masks" / f"{name}.png")))


def shorten(folder, name):
    write_image(folder / "masks" / f"{name}.png", read_mask(folder / "masks" / f"{name}.png")[:-3] * 255)


def copy_mask(folder, name):
    write_image(folder / "images" / f"{name}.png", np.dstack([read_mask(folder / "masks" / f"{name}.png") * 255] * 3))


def lose_mask(folder, name):
    (folder / "masks" / f"{name}.png").unlink()


POISON = [
    (break_off, "1", "unreadable", "damaged"),
    (invert, "grace", "mask inverted", "marks the background"),
    (shorten, "2", "sizes differ", "60x69 pixels"),
    (copy_mask, "3", "photo is its mask", "copy of its mask"),
    (lose_mask, "4", "mask missing", "its mask is missing"),
]


def test_a_sound_folder_has_no_faults(photos):
    found = survey(photos)
    assert found.faults == [] and len(found.pairs) == len(found.sizes) == len(found.shares) == 7
    assert found.sizes[0] == (72, 60) and 0.05 < found.shares[0] < 0.5


def test_a_mask_over_the_edges_is_no_fault_where_the_model_sees_nobody(photos):
    random = np.random.default_rng(0)
    for name in ("noise0", "noise1", "noise2", "noise3"):
        write_image(photos / "images" / f"{name}.png", random.integers(0, 256, (40, 30, 3), np.uint8))
        mask = random.integers(0, 3, (40, 30)) > 0
        write_image(photos / "masks" / f"{name}.png", 255 * mask.astype(np.uint8))
    assert survey(photos).faults == []


@pytest.mark.parametrize("poison, name, kind, words", POISON)
def test_a_poisoned_pair_is_a_fault_with_its_name_and_reason_and_the_others_stay(photos, poison, name, kind, words):
    poison(photos, name)
    found = survey(photos)
    (fault,) = found.faults
    assert fault.kind == kind and words in fault.text and f"/{name}." in fault.text
    assert len(found.pairs) == 6 and name not in [pair.image.stem for pair in found.pairs]


def test_masks_that_are_all_empty_are_faults_but_one_person_free_photo_is_none(photos):
    for mask in sorted((photos / "masks").iterdir())[1:]:
        write_image(mask, np.zeros_like(read_mask(mask)))
    assert len(survey(photos).pairs) == 7
    write_image(photos / "masks" / "0.png", np.zeros((72, 60), np.uint8))
    found = survey(photos)
    assert found.pairs == [] and {fault.kind for fault in found.faults} == {"all masks empty"}


def test_a_training_stops_at_a_poisoned_folder_with_a_table_or_goes_on_without_its_files(photos, capsys):
    for poison, name, *_ in POISON:
        poison(photos, name)
    with pytest.raises(DataError, match="4 more; --skip-bad leaves them out"):
        load_pairs(FitConfig(data=(str(photos),)))
    table = capsys.readouterr().out
    assert all(kind in table for _, _, kind, _ in POISON)
    train, val, skipped = load_pairs(FitConfig(data=(str(photos),), skip_bad=True))
    assert (len(train) + len(val), skipped) == (2, 5)
    assert all(kind in capsys.readouterr().out for _, _, kind, _ in POISON[:1])


def test_a_folder_of_which_nothing_is_left_is_refused_also_when_skipping(photos):
    for mask in (photos / "masks").iterdir():
        mask.write_text("?")
    with pytest.raises(DataError, match="leaves no photo"):
        load_pairs(FitConfig(data=(str(photos),), skip_bad=True))


def test_the_report_counts_copies_leaks_and_faults_and_draws_the_suspicious(photos, tmp_path, capsys):
    grace = photos / "images" / "grace.png"
    write_image(photos / "images" / "again.png", cv2.convertScaleAbs(read_image(grace), alpha=1.05))
    shutil.copy(photos / "masks" / "grace.png", photos / "masks" / "again.png")
    other = tmp_path / "other" / "images"
    write_image(other / "turned.png", np.ascontiguousarray(read_image(grace)[:, ::-1]))
    shorten(photos, "2")
    out = tmp_path / "report"
    assert main([str(photos), str(tmp_path / "other"), "--out", str(out)]) == 1
    report = json.loads((out / "report.json").read_text())
    folder = report["folders"][0]
    assert (folder["photos"], folder["largest"], len(folder["faults"])) == (7, "512x600", 1)
    assert [sorted(name.rsplit("/")[-1] for name in group) for group in folder["duplicates"]] == [
        ["again.png", "grace.png"]
    ]
    ((one, copy),) = report["leaks"]
    assert copy == str(other / "turned.png") and one.endswith(("again.png", "grace.png"))
    scores = {entry["photo"].rsplit("/")[-1]: entry["dice"] for entry in report["suspicious"]}
    assert scores["grace.png"] > 0.9 and list(scores.values()) == sorted(scores.values())
    assert read_image(out / "suspicious.png").std() > 10
    printed = capsys.readouterr().out
    assert "sizes differ" in printed and "near-duplicates" in printed and "leak" in printed


def test_a_folder_that_is_not_there_ends_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "report")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("training.check_data: ") and error.count("\n") == 1 and not (tmp_path / "report").exists()

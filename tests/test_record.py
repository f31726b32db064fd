import json
from pathlib import Path

import pytest

from tfseg.pairs import Pair
from training.config import FitConfig
from training.record import check_photos, load_config, write_run

TRAIN = [Pair(Path(f"set/images/{name}.jpg"), None) for name in "abcd"]
VAL = [Pair(Path(f"set/images/{name}.jpg"), Path(f"set/masks/{name}.png")) for name in "yz"]


@pytest.fixture
def run(tmp_path):
    """The folder of a run that was started."""
    write_run(FitConfig(data=("set",), epochs=7, out=str(tmp_path)), TRAIN, VAL, tmp_path)
    return tmp_path


def test_a_run_is_recorded_with_its_settings_photos_and_versions(run):
    record = json.loads((run / "run.json").read_text())
    assert record["settings"]["epochs"] == 7 and record["settings"]["data"] == ["set"]
    assert record["photos"] == {"train": 4, "val": 2} and record["person_free"] == {"train": 4, "val": 0}
    assert set(record["versions"]) == {"python", "tfseg", "keras", "backend"}
    assert json.loads((run / "split.json").read_text())["val"] == ["set/images/y.jpg", "set/images/z.jpg"]


def test_a_resumed_run_has_the_settings_it_was_started_with(run):
    assert load_config({"out": str(run)}, "resume") == FitConfig(data=("set",), epochs=7, out=str(run))
    assert load_config({"out": str(run), "epochs": 7}, "resume").epochs == 7
    looks = load_config({"out": str(run), "samples_every": 3, "tensorboard": True}, "resume")
    assert (looks.samples_every, looks.tensorboard) == (3, True), "which do not change what it gives"
    with pytest.raises(ValueError, match="^--epochs: 8 differs from the run's 7"):
        load_config({"out": str(run), "epochs": 8}, "resume")


def test_a_run_is_neither_started_over_nor_in_the_way_of_a_sweep(run):
    with pytest.raises(ValueError, match=f"^{run}: holds a run already"):
        load_config({"out": str(run)}, "start")
    assert load_config({"out": str(run), "epochs": 8}, "find_lr").epochs == 8


def test_a_record_of_an_older_version_is_resumed_with_the_defaults_of_newer_settings(run):
    record = json.loads((run / "run.json").read_text())
    del record["settings"]["schedule"]
    (run / "run.json").write_text(json.dumps(record))
    assert load_config({"out": str(run)}, "resume").schedule == "cosine"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"settings": {"epoks": 3}}', '{"settings": {"epochs": 0}}'])
def test_a_damaged_record_is_named(run, content):
    (run / "run.json").write_text(content)
    with pytest.raises(ValueError, match=f"^{run}/run.json: damaged"):
        load_config({"out": str(run)}, "resume")


def test_the_photos_of_a_run_may_move_but_not_change(run, tmp_path):
    moved = [Pair(Path("elsewhere") / pair.image.name, pair.mask) for pair in TRAIN]
    check_photos(moved, VAL, run)
    check_photos(TRAIN, VAL, tmp_path / "new")
    more = [*TRAIN[1:], Pair(Path("set/images/e.jpg"), None)]
    with pytest.raises(ValueError, match=r"the train photos .*1 gone \(a.jpg\); 1 new \(e.jpg\)"):
        check_photos(more, VAL, run)
    with pytest.raises(ValueError, match=r"the val photos .*in another order"):
        check_photos(TRAIN, VAL[::-1], run)
    (run / "split.json").write_text("{}")
    with pytest.raises(ValueError, match=f"^{run}/split.json: damaged"):
        check_photos(TRAIN, VAL, run)

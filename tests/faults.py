"""What befalls a run from outside. By hand: `make faults`; full and read-only disks take root, who may mount them."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from tfseg.folder import Task
from tfseg.image import read_image, write_image
from tfseg.results import Recipe, watch
from tfseg.sample import portraits
from tfseg.segmenter import Segmenter
from training.checkpoints import read_history
from training.state import load_last

FIT = ["--height=64", "--width=64", "--epochs=9999", "--batch-size=8", "--init=none", "--samples-every=0"]


@contextlib.contextmanager
def mounted(folder, options):
    """A file system of its own, in memory."""
    folder.mkdir(exist_ok=True)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tfseg", folder]).returncode:
        pytest.skip("needs root, to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


HEEDING = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process in the background ignores
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def start(module, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", HEEDING, module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(module, *arguments):
    """Exit status and the lines on standard error."""
    process = start(module, *arguments)
    _, error = process.communicate(timeout=900)
    return process.returncode, error.splitlines()


def until(found, process):
    """Waits for something to be there, while the process runs."""
    start = time.monotonic()
    while not found():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - start < 900
        time.sleep(0.02)


@pytest.fixture
def portrait(tmp_path):
    write_image(tmp_path / "photos" / "0.png", portraits()["grace_hopper"][0])
    return tmp_path / "photos" / "0.png"


@pytest.fixture
def many(tmp_path, portrait):
    for number in range(1, 200):
        os.link(portrait, portrait.with_name(f"{number}.png"))
    return portrait.parent


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_a_stopped_cutout_leaves_whole_files_and_goes_on(many, tmp_path, name):
    out = tmp_path / "cuts"
    process = start("tfseg.cli", "cutout", many, "-o", out)
    until(lambda: out.is_dir() and len(list(out.glob("[0-9]*.png"))) > 2, process)
    process.send_signal(getattr(signal, name))
    _, error = process.communicate()
    made = list(out.glob("[0-9]*.png"))
    assert 2 < len(made) < 200
    for path in made:
        assert read_image(path).shape == (600, 512, 3)
    if name != "SIGKILL":
        assert process.returncode == 130 and error == "tfseg: stopped; the same command goes on from there.\n"
        assert len(list(out.iterdir())) == len(made), "nothing half made is left"
    for path in list(many.iterdir())[3:]:
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in made}
    assert command("tfseg.cli", "cutout", many, "-o", out)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in made} == before


def test_a_full_disk_stops_a_cutout_with_one_line_and_nothing_half_written(many, tmp_path):
    with mounted(tmp_path / "small", "size=700k") as disk:
        status, error = command("tfseg.cli", "cutout", many, "-o", disk / "cuts")
        assert status == 1 and len(error) == 2 and "No space left" in error[0], error
        left = list((disk / "cuts").iterdir())
        assert left and all(read_image(path).shape == (600, 512, 3) for path in left)


def test_a_place_that_cannot_be_written_is_named(portrait, tmp_path):
    with mounted(tmp_path / "fixed", "ro") as disk:
        status, error = command("tfseg.cli", "cutout", portrait, "-o", disk / "cut.png")
        assert status == 2 and len(error) == 1 and "Read-only" in error[0]
        status, error = command("training.fit", "--data", portrait.parent, "--out", disk / "run", *FIT)
        assert status == 2 and error[-1].startswith("training.fit: --out: ") and "Traceback" not in "".join(error)


def test_a_clock_that_is_set_keeps_no_photo_from_a_watched_folder(portrait, tmp_path, monkeypatch):
    os.utime(portrait, (time.time() + 1e6, time.time() + 1e6))
    recipe = Recipe(
        Segmenter.load(), lambda pixels: pixels, lambda alpha, pixels: alpha, lambda pixels, alpha, at: pixels
    )
    looks = []

    def find():
        looks.append(1)
        if len(looks) == 4:
            os.utime(portrait, (0, 0))
        if len(looks) > 8:
            raise KeyboardInterrupt
        return [Task(portrait, tmp_path / f"cut{len(looks)}.png", False)]

    with pytest.raises(KeyboardInterrupt):
        watch(find, recipe)
    assert len(list(tmp_path.glob("cut*.png"))) == 2, "once as found, once as changed"


def test_a_training_survives_signals_and_a_second_run_and_resumes(tmp_path, write_set):
    write_set(tmp_path / "set" / "images", tmp_path / "set" / "masks", 16)
    out = tmp_path / "run"
    arguments = ["training.fit", "--data", tmp_path / "set", "--out", out, *FIT]
    for stop in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        before = epochs(out)
        process = start(*arguments, *(["--resume"] if before else []))
        until(lambda: epochs(out) > before, process)  # noqa: B023  it does not outlive the loop
        if stop == signal.SIGKILL:
            status, error = command("training.fit", "--out", out, "--resume")
            assert status == 2 and "another run is writing into it" in error[-1], error
        process.send_signal(stop)
        _, error = process.communicate(timeout=300)
        if stop != signal.SIGKILL:
            assert process.returncode == 130 and error.splitlines()[-1].startswith("training.fit: stopped;")
            assert "Traceback" not in error
        last = int(load_last(out / "last.keras").optimizer.iterations)
        assert epochs(out) - 1 <= last <= epochs(out), "an epoch has one step"
        Segmenter.load(out / "best_dice.keras")


def epochs(out):
    with contextlib.suppress(ValueError):
        return len(read_history(out / "history.csv"))
    return 0


def test_a_full_disk_stops_a_training_with_one_line_and_the_last_checkpoint_loads(tmp_path, write_set):
    write_set(tmp_path / "set" / "images", tmp_path / "set" / "masks", 16)
    with mounted(tmp_path / "small", "size=70m") as disk:
        status, error = command("training.fit", "--data", tmp_path / "set", "--out", disk / "run", *FIT)
        assert status == 2 and "Traceback" not in "".join(error)
        assert error[-1].startswith("training.fit: --out: ") and "cannot be written" in error[-1]
        for path in (disk / "run").glob("*.keras"):
            load_last(path) if path.name == "last.keras" else Segmenter.load(path)

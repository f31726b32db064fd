import errno
import os
import threading
import tracemalloc

import numpy as np
import pytest

from tfseg import results
from tfseg.folder import Task, plan
from tfseg.image import ImageError, read_image, write_image
from tfseg.results import DiskFull, Outcome, Recipe, develop, run, write
from tfseg.segmenter import Segmenter


def red(frame):
    """A network that takes red for person."""
    return (frame[..., 0] > 127).astype(np.float32)


@pytest.fixture
def recipe():
    return Recipe(
        Segmenter(red, 32, 24),
        fit=lambda image: image,
        finish=lambda alpha, image: alpha,
        effect=lambda image, alpha, seconds: np.round(alpha * 255).astype(np.uint8),
    )


@pytest.fixture
def folder(tmp_path, monkeypatch, draw):
    """The current folder, with a tree of twelve photos and two files that only look like some."""
    monkeypatch.chdir(tmp_path)
    for index in range(12):
        write_image(f"photos/{index % 3}/{index}.jpg", draw(index)[0])
    (tmp_path / "photos/0/text.jpg").write_text("no picture")
    (tmp_path / "photos/2/cut.jpg").write_bytes((tmp_path / "photos/0/0.jpg").read_bytes()[:300])
    return tmp_path


def found(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_tree_is_made_but_for_what_is_bad_and_not_made_twice(folder, recipe, capsys):
    inputs, tasks = found(folder / "photos"), plan(["photos"], "out", "mask")
    assert run(tasks, recipe) == Outcome(12, 0, 2)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(task.result) for task in tasks if task.result.exists()], "in order"
    assert [line.split(": ")[:2] for line in printed.err.splitlines()] == [
        ["tfseg", "photos/0/text.jpg"],
        ["tfseg", "photos/2/cut.jpg"],
    ]
    made = found(folder / "out")
    assert sorted(made) == sorted(f"{index % 3}/{index}.png" for index in range(12))
    assert run(tasks, recipe) == Outcome(0, 12, 2) and found(folder / "out") == made
    (folder / "out/1/1.png").unlink()
    assert run(tasks, recipe) == Outcome(1, 11, 2)
    assert found(folder / "photos") == inputs, "inputs are only read"


def test_several_photos_at_a_time_give_the_same_in_the_same_order(folder, recipe, capsys):
    tasks, together = plan(["photos"], "out", "mask"), threading.Barrier(3, timeout=30)
    assert run(tasks, recipe) == Outcome(12, 0, 2)
    alone, printed = {task: task.result.read_bytes() for task in tasks if task.result.exists()}, capsys.readouterr()

    def effect(image, alpha, seconds):
        together.wait()  # passes only when three photos are at this step at once
        return recipe.effect(image, alpha, seconds)

    assert run(tasks, recipe._replace(effect=effect), overwrite=True, jobs=3) == Outcome(12, 0, 2)
    assert {task: task.result.read_bytes() for task in alone} == alone
    assert capsys.readouterr() == printed


def test_what_is_there_is_made_anew_when_told_so(folder, recipe):
    tasks = plan(["photos/1"], "out", "mask")
    run(tasks, recipe)
    before = found(folder / "out")
    assert run(tasks, recipe, overwrite=True) == Outcome(4, 0, 0)
    assert all(after != before[name] for name, after in found(folder / "out").items())


def test_the_photo_goes_through_every_step(folder):
    steps = Recipe(
        Segmenter(red, 32, 24),
        fit=lambda image: image[:40, :30],
        finish=lambda alpha, image: alpha * 0 + 0.5,
        effect=lambda image, alpha, seconds: np.dstack([image, np.round(alpha * 255).astype(np.uint8)]),
    )
    (folder / "result.png").write_bytes(develop("photos/0/0.jpg", steps, ".png"))
    assert read_image("result.png").shape == (40, 30, 3)
    assert develop((folder / "photos/0/0.jpg").read_bytes(), steps, ".png") == (folder / "result.png").read_bytes()


def test_a_full_disk_ends_the_run(folder, recipe, monkeypatch, capsys):
    """Stands in for a disk that is full after five results; a test cannot fill one."""
    written = []

    def replacing(path, whole=results.replacing):
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        return whole(path)

    monkeypatch.setattr(results, "replacing", replacing)
    outcome = run(plan(["photos/1", "photos/2"], "out", "mask"), recipe)
    assert outcome.made == 5 and outcome.made + outcome.failed == 9
    error = capsys.readouterr().err.splitlines()
    assert error[-1].endswith("No space left on device") and len(error) <= 2


def test_a_place_that_cannot_be_written_to_is_named(folder):
    (folder / "file").write_text("in the way")
    with pytest.raises(ImageError, match="file/new.png: cannot be written") as fault:
        write(folder / "file/new.png", b"content")
    assert not isinstance(fault.value, DiskFull)


def test_a_fault_in_a_video_does_not_stop_the_photos(folder, recipe, capsys):
    (folder / "photos/1/clip.mp4").write_bytes(b"no video")
    tasks = plan(["photos/1"], "out", "mask")
    assert run(tasks, recipe) == Outcome(4, 0, 1)
    assert "photos/1/clip.mp4" in capsys.readouterr().err


def test_more_photos_take_no_more_memory(folder, recipe, draw):
    write_image("large.png", draw(0, 300, 400)[0])

    def most(count):
        tracemalloc.start()
        run([Task(folder / "large.png", folder / f"{count}/{index}.png", False) for index in range(count)], recipe)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert most(30) < 1.3 * most(4)

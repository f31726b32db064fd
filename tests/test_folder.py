import pytest
from PIL import Image

from tfseg.folder import plan
from tfseg.image import ImageError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The current folder: `holiday` with photos, a video, an animation and things that are neither."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.jpg",
        "a.png",
        "b.JPG",
        "sub/deep/a.jpg",
        "sub/clip.mp4",
        "sub/notes.txt",
        ".hidden.jpg",
        ".d/x.jpg",
    ):
        path = tmp_path / "holiday" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 255)]
    frames[0].save("holiday/sub/moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save("holiday/sub/still.gif")
    return tmp_path


def results(*arguments, **settings):
    return {str(task.source): str(task.result) for task in plan(*arguments, **settings)}


def test_a_folder_is_mirrored_and_equal_stems_keep_their_extensions(tree):
    assert results(["holiday"], "out", "cutout") == {
        "holiday/a.jpg": "out/a.jpg.png",
        "holiday/a.png": "out/a.png.png",
        "holiday/b.JPG": "out/b.png",
        "holiday/sub/clip.mp4": "out/sub/clip.webm",
        "holiday/sub/moving.gif": "out/sub/moving.gif",
        "holiday/sub/still.gif": "out/sub/still.png",
        "holiday/sub/deep/a.jpg": "out/sub/deep/a.png",
    }


def test_videos_and_animations_are_told_from_photos(tree):
    moving = {task.source.name for task in plan(["holiday"], "out", "mask") if task.video}
    assert moving == {"clip.mp4", "moving.gif"}


@pytest.mark.parametrize(
    "command, photo, video",
    [("cutout", ".png", ".webm"), ("mask", ".png", ".mp4"), ("blur", ".jpg", ".mp4"), ("replace", ".jpg", ".mp4")],
)
def test_every_command_has_its_usual_format(tree, command, photo, video):
    named = results(["holiday/b.JPG", "holiday/sub/clip.mp4"], "out", command)
    assert list(named.values()) == [f"out/b{photo}", f"out/clip{video}"]


def test_a_format_is_taken_by_what_it_suits(tree):
    inputs = ["holiday/b.JPG", "holiday/sub/clip.mp4"]
    assert list(results(inputs, "out", "blur", "webp").values()) == ["out/b.webp", "out/clip.mp4"]
    assert list(results(inputs, "out", "blur", "gif").values()) == ["out/b.jpg", "out/clip.gif"]
    with pytest.raises(ImageError, match="--format: mp4 cannot hold this result; use .png"):
        plan(inputs, "out", "cutout", "mp4")


def test_without_a_place_results_lie_beside_their_inputs(tree):
    assert results(["holiday/b.JPG"], None, "cutout") == {"holiday/b.JPG": "holiday/b-cutout.png"}
    assert results(["holiday/sub/deep"], None, "blur") == {
        "holiday/sub/deep/a.jpg": str(tree / "holiday/sub/deep-blur/a.jpg")
    }


def test_several_folders_stay_apart(tree):
    named = results(["holiday/sub/deep", "holiday/a.jpg"], "out", "mask")
    assert list(named.values()) == ["out/deep/a.png", "out/a.png"]


@pytest.mark.parametrize(
    "inputs, out, named",
    [
        (["holiday"], "holiday/sub/new", "holiday/sub/new"),
        (["holiday"], "holiday", "holiday"),
        (["holiday/sub"], "out.png", "out.png"),
        (["holiday/a.jpg", "holiday/sub/deep/a.jpg"], "out", "holiday/sub/deep/a.jpg"),
        (["holiday/a.png"], "holiday", "holiday/a.png"),
        (["holiday/a.png"], "out.mp4", ".mp4"),
        (["holiday/sub/clip.mp4"], "out.png", ".png"),
        (["holiday", "holiday/sub/deep"], "holiday.mp4", "holiday.mp4"),
    ],
)
def test_what_would_be_lost_is_refused(tree, inputs, out, named):
    with pytest.raises(ImageError, match=named.replace(".", r"\.")):
        plan(inputs, out, "cutout")


def test_an_empty_folder_is_a_fault_unless_it_is_waited_for(tree):
    (tree / "empty").mkdir()
    with pytest.raises(ImageError, match="empty: no photo and no video"):
        plan(["empty", "holiday"], "out", "mask")
    assert plan(["empty"], "out", "mask", may_be_empty=True) == []

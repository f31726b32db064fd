import io
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

from tfseg.cli import main
from tfseg.image import read_image, write_image
from tfseg.matte import clean_mask, firm
from tfseg.segmenter import Segmenter


@pytest.fixture
def folder(tmp_path, monkeypatch, draw):
    """The current folder, with photos in it and a text file that is called a photo."""
    monkeypatch.chdir(tmp_path)
    write_image("one.jpg", draw(1)[0])
    write_image("two.png", draw(2, 50, 80)[0])
    write_image("other/one.png", draw(3)[0])
    write_image("deep/er/one.jpg", draw(4)[0])
    (tmp_path / "nothing").mkdir()
    (tmp_path / "text.jpg").write_text("this is no picture")
    return tmp_path


@pytest.fixture
def cutout(folder, bundle):
    return lambda *arguments: main(["cutout", *arguments, "--model", str(bundle)])


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("out", ["cut.png", "cut.webp", "new/deep/cut.PNG"])
def test_one_photo_to_a_file_with_its_full_size_and_transparency(cutout, folder, bundle, out):
    assert cutout("one.jpg", "-o", out) == 0
    with Image.open(out) as picture:
        assert picture.size == (60, 72)
        assert picture.mode == "RGBA" or out == "cut.webp", "WebP drops an alpha that is 1 everywhere"
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    expected = firm(clean_mask(Segmenter.load(bundle).alpha(read_image("one.jpg"), mirror=True))) * 255
    assert np.abs(alpha - expected).max() <= 0.51


def test_several_photos_to_a_folder_by_their_own_names(cutout, folder, capsys):
    assert cutout("one.jpg", "two.png", "--out", "cuts") == 0
    assert files(folder / "cuts") == ["one.png", "two.png"]
    assert Image.open("cuts/two.png").size == (80, 50)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("cuts/one.png\ncuts/two.png\n", "tfseg: 2 made, 0 failed.\n")


def test_a_file_that_is_no_picture_ends_in_one_line_and_no_result(cutout, folder, capsys):
    before = files(folder)
    assert cutout("text.jpg", "-o", "cut.png") == 2
    error = capsys.readouterr().err
    assert error.startswith("tfseg: text.jpg: ") and error.count("\n") == 1
    assert files(folder) == before


def test_one_bad_photo_does_not_stop_the_others(cutout, folder, capsys):
    assert cutout("text.jpg", "one.jpg", "-o", "cuts") == 1
    assert files(folder / "cuts") == ["one.png"]
    assert "text.jpg" in capsys.readouterr().err


def test_only_bad_photos_among_several_are_a_failure(cutout, folder, capsys):
    assert cutout("text.jpg", "missing.jpg", "-o", "cuts") == 2
    assert not (folder / "cuts").exists()
    assert "missing.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["two.png", "-o", "two.png"], "two.png"),
        (["two.png", "-o", "."], "two.png"),
        (["one.jpg", "two.png", "-o", "."], "two.png"),
        (["two.png", "-o", "link.png"], "link.png"),
        (["one.jpg", "deep/er/one.jpg", "-o", "cuts"], "deep/er/one.jpg"),
        (["other", "-o", "other/cuts"], "other/cuts"),
        (["other", "-o", "other"], "other"),
        (["other", "-o", "cut.png"], "cut.png"),
        (["one.jpg", "--format", "jpg"], "--format"),
        (["one.jpg", "-o", "cut.jpg"], ".jpg"),
        (["one.jpg", "two.png", "-o", "cut.png"], "cut.png"),
    ],
)
def test_what_would_overwrite_or_lose_something_is_refused_before_anything_is_written(
    cutout, folder, capsys, arguments, named
):
    (folder / "link.png").symlink_to("two.png")
    before = {file: (folder / file).read_bytes() for file in files(folder)}
    assert cutout(*arguments) == 2
    error = capsys.readouterr().err
    assert named in error and error.startswith("tfseg: ") and error.count("\n") == 1
    assert {file: (folder / file).read_bytes() for file in files(folder)} == before


def test_a_model_that_is_missing_is_named(folder, capsys):
    assert main(["cutout", "one.jpg", "-o", "cut.png", "--model", "no/model"]) == 2
    assert capsys.readouterr().err == "tfseg: no/model: no such model.\n"


def test_without_an_input_or_with_a_senseless_number_nothing_runs(folder):
    for arguments in ([], ["cutout"], ["cutout", "one.jpg", "--every", "0"], ["blur", "one.jpg", "--max-side", "x"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2


def test_every_effect_writes_its_picture_at_the_photos_size(folder, bundle):
    model = ["--model", str(bundle)]
    assert main(["mask", "two.png", "-o", "mask.png", *model]) == 0
    assert main(["blur", "two.png", "-o", "blur.jpg", "--strength", "0.1", *model]) == 0
    assert main(["replace", "two.png", "-o", "colour.webp", "--background", "#00b140", *model]) == 0
    assert main(["replace", "two.png", "-o", "picture.png", "--background", "one.jpg", *model]) == 0
    expected = {"mask.png": "L", "blur.jpg": "RGB", "colour.webp": "RGB", "picture.png": "RGB"}
    for name, mode in expected.items():
        with Image.open(name) as picture:
            assert (picture.mode, picture.size) == (mode, (80, 50))


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["blur", "--strength", "2"], "--strength"),
        (["replace", "--background", "no-such-colour"], "no-such-colour"),
        (["replace", "--background", "text.jpg"], "text.jpg"),
        (["mask", "--threshold", "1"], "--threshold"),
        (["cutout", "--feather", "0.5"], "--feather"),
    ],
)
def test_an_effect_that_cannot_be_is_refused_in_one_line(folder, bundle, capsys, arguments, named):
    assert main([*arguments, "one.jpg", "-o", "result.png", "--model", str(bundle)]) == 2
    error = capsys.readouterr().err
    assert named in error and error.startswith("tfseg: ") and error.count("\n") == 1
    assert not (folder / "result.png").exists()


def test_without_a_place_a_result_lies_beside_its_input(cutout, folder):
    assert cutout("one.jpg", "other") == 0
    assert (folder / "one-cutout.png").is_file() and files(folder / "other-cutout") == ["one.png"]


def test_what_is_there_is_kept_unless_told_otherwise(cutout, folder, capsys):
    (folder / "cut.png").write_text("precious")
    assert cutout("one.jpg", "-o", "cut.png") == 0
    assert (folder / "cut.png").read_text() == "precious" and "--overwrite" in capsys.readouterr().err
    assert cutout("one.jpg", "-o", "cut.png", "--overwrite") == 0
    assert Image.open("cut.png").size == (60, 72)


def test_a_folder_without_photos_is_a_mistake(cutout, folder, capsys):
    assert cutout("nothing", "-o", "cuts") == 2
    assert capsys.readouterr().err == "tfseg: nothing: no photo and no video in this folder.\n"


def run(*arguments, **streams):
    return subprocess.run([sys.executable, "-m", "tfseg.cli", *map(str, arguments)], capture_output=True, **streams)


def test_standard_input_to_standard_output(folder, bundle):
    done = run("cutout", "-", "--model", bundle, input=(folder / "one.jpg").read_bytes())
    assert done.returncode == 0 and done.stderr == b""
    assert main(["cutout", "one.jpg", "-o", "cut.png", "--model", str(bundle)]) == 0
    assert done.stdout == (folder / "cut.png").read_bytes()
    done = run("blur", "-", "--format", "webp", "--model", bundle, input=(folder / "one.jpg").read_bytes())
    assert Image.open(io.BytesIO(done.stdout)).format == "WEBP"
    done = run("cutout", "-", "--model", bundle, input=b"no picture")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.startswith(b"tfseg: standard input: ") and done.stderr.count(b"\n") == 1


def test_settings_reach_the_result(folder, bundle):
    model = ["--model", str(bundle)]
    assert main(["mask", "two.png", "-o", "small.png", "--max-side", "40", *model]) == 0
    assert Image.open("small.png").size == (40, 25)
    for threshold in ("0.05", "0.95"):
        assert main(["mask", "two.png", "-o", f"{threshold}.png", "--threshold", threshold, *model]) == 0
    wide, narrow = (np.asarray(Image.open(name)) for name in ("0.05.png", "0.95.png"))
    assert (wide >= narrow).all() and wide.mean() > narrow.mean()
    # A threshold that has an outline somewhere, whatever the little network of the tests learnt.
    middle = ["--threshold", str(np.median(Segmenter.load(bundle).alpha(read_image("two.png"), mirror=True)))]
    assert main(["mask", "two.png", "-o", "soft.png", "--feather", "0.05", *middle, *model]) == 0
    assert main(["mask", "two.png", "-o", "hard.png", *middle, *model]) == 0
    soft, hard = (np.asarray(Image.open(name)) for name in ("soft.png", "hard.png"))
    assert np.abs(np.diff(soft.astype(int))).max() < np.abs(np.diff(hard.astype(int))).max()


def test_the_colour_profile_is_kept_and_exif_when_told_so(cutout, folder):
    exif, profile = Image.Exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif[0x010F] = "maker"
    Image.open("one.jpg").save("tagged.jpg", exif=exif, icc_profile=profile)
    assert cutout("tagged.jpg", "-o", "bare.png") == 0
    assert cutout("tagged.jpg", "-o", "full.png", "--keep-exif") == 0
    bare, full = Image.open("bare.png"), Image.open("full.png")
    assert bare.info["icc_profile"] == full.info["icc_profile"] == profile
    assert (bare.getexif().get(0x010F), full.getexif().get(0x010F)) == (None, "maker")


def test_only_folders_are_watched_and_standard_input_comes_alone(cutout, folder, capsys):
    for words, named in ((["one.jpg", "--watch"], "--watch"), (["-", "one.jpg"], "standard input")):
        assert cutout(*words) == 2
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1


def test_a_watched_folder_is_gone_on_with_until_stopped(folder, bundle, draw):
    # Where tests run in the background, SIGINT is ignored and would be by the command as well.
    heeding = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from tfseg.cli import main; "
    )
    words = ["mask", "nothing", "-o", "masks", "--watch", "--model", str(bundle)]
    with subprocess.Popen(
        [sys.executable, "-c", heeding + "sys.exit(main(sys.argv[1:]))", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watcher:
        write_image("nothing/late.png", draw(5)[0])
        try:
            assert watcher.stdout.readline() == "masks/late.png\n"
        finally:
            watcher.send_signal(signal.SIGINT)
        assert watcher.wait(30) == 130 and "stopped" in watcher.stderr.read()
    assert files(folder / "masks") == ["late.png"]

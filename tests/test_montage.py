import numpy as np
import pytest

from tfseg.image import read_image, write_image
from training.montage import GAP, main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image("red.png", np.full((40, 20, 3), (200, 0, 0), np.uint8))
    clear = np.zeros((80, 80, 4), np.uint8)
    clear[:, 40:] = (0, 0, 200, 255)
    write_image("clear.png", clear)
    return tmp_path


def test_pictures_stand_in_rows_and_transparency_over_chequers(folder):
    assert main(["red.png", "clear.png", "red.png", "--columns", "2", "--height", "40", "--out", "all.png"]) == 0
    shown = read_image("all.png")
    assert shown.shape == (40 + GAP + 40, 20 + GAP + 40, 3)
    assert (shown[:40, :20] == (200, 0, 0)).all() and (shown[40 + GAP :, :20] == (200, 0, 0)).all()
    assert (shown[:40, 20 + GAP + 21 : 20 + GAP + 40] == (0, 0, 200)).all()
    chequers = shown[:40, 20 + GAP : 20 + GAP + 19]
    assert (chequers == chequers[..., :1]).all() and chequers.min() < 210 and chequers.max() > 250
    assert (shown[40 + GAP :, 20:] == 255).all() and (shown[40 : 40 + GAP] == 255).all()


def test_what_is_no_picture_is_named_and_nothing_written(folder, capsys):
    (folder / "text.png").write_text("no picture")
    assert main(["red.png", "text.png", "--out", "all.png"]) == 2
    error = capsys.readouterr().err
    assert "text.png" in error and error.count("\n") == 1 and not (folder / "all.png").exists()

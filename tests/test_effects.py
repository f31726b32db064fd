import numpy as np
import pytest

from tfseg.cli import parse
from tfseg.effects import choose_effect, choose_finish, fit
from tfseg.image import ImageError, write_image


@pytest.fixture
def photo():
    """A blue photo with a red person in its left half; alpha 0 or 1."""
    image = np.full((40, 60, 3), (20, 30, 200), np.uint8)
    image[:, :30] = (200, 40, 30)
    return image, np.repeat(np.arange(60) < 30, 40).reshape(60, 40).T.astype(np.float32)


def effect(*words):
    return choose_effect(parse([words[0], "me.jpg", *words[1:]]))


def test_every_command_makes_its_picture(photo):
    assert np.array_equal(effect("mask")(*photo, 0), photo[1] * 255)
    cut = effect("cutout")(*photo, 0)
    assert np.array_equal(cut[..., 3], photo[1] * 255) and np.array_equal(cut[:, :30, :3], photo[0][:, :30])
    assert effect("replace", "--background", "lime")(*photo, 0)[5, 50].tolist() == [0, 255, 0]
    assert np.abs(effect("blur")(*photo, 0) - photo[0].astype(int)).max() <= 1


def test_a_picture_becomes_the_background_at_any_time(tmp_path, photo):
    write_image(tmp_path / "beach.png", np.full((9, 9, 3), (1, 2, 3), np.uint8))
    replaced = effect("replace", "--background", str(tmp_path / "beach.png"))
    assert replaced(*photo, 7.5)[5, 50].tolist() == [1, 2, 3]


def test_the_old_colour_stays_in_the_edge_only_when_told_so(photo):
    image, alpha = photo
    soft = alpha.copy()
    soft[:, 28:32] = [0.8, 0.6, 0.4, 0.2]
    mixed = np.round(soft[..., None] * (200, 40, 30) + (1 - soft[..., None]) * (20, 30, 200)).astype(np.uint8)
    clean, left = effect("cutout")(mixed, soft, 0), effect("cutout", "--no-decontaminate")(mixed, soft, 0)
    assert np.array_equal(left[..., :3], mixed)
    assert clean[20, 30, 2] < left[20, 30, 2] - 50


def test_the_threshold_is_the_models_unless_given():
    alpha = np.full((20, 20), 0.4, np.float32)
    usual, given = (choose_finish(parse(["mask", "me.jpg", *words]), 0.5) for words in ([], ["--threshold", "0.3"]))
    photo = np.zeros((20, 20, 3), np.uint8)
    assert usual(alpha, photo).max() < 0.5 < given(alpha, photo).min()


def test_the_outline_is_opened_and_refined_when_told_so(photo):
    pytest.importorskip("pymatting")
    image, alpha = photo
    marred = alpha.copy()
    marred[20, 30:45] = 1  # a spike of one pixel
    plain, opened, solved = (
        choose_finish(parse(["mask", "me.jpg", *words]), 0.5)(marred, image)
        for words in ([], ["--opening", "0.03"], ["--refine", "closed-form"])
    )
    assert plain[20, 40] == 1 and opened[20, 40] == 0
    assert np.abs(opened - alpha).max() == 0
    assert solved[20, 40] < 0.1, "the photo is as blue there as the background"


@pytest.mark.parametrize("text", ["no-colour", "#12345g"])
def test_what_is_neither_colour_nor_file_is_named(text):
    with pytest.raises(ImageError, match=f"--background: '{text}'"):
        effect("replace", "--background", text)


@pytest.mark.parametrize(
    "size, most, expected", [((40, 60), 30, (20, 30)), ((40, 60), 60, (40, 60)), ((3, 900), 9, (1, 9))]
)
def test_pictures_are_shrunk_and_never_stretched(size, most, expected):
    assert fit(np.zeros((*size, 3), np.uint8), most).shape == (*expected, 3)
    assert fit(np.zeros((*size, 3), np.uint8), None).shape == (*size, 3)

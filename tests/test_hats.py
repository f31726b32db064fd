import cv2
import numpy as np
import pytest

from tfseg.image import write_image
from tfseg.pairs import find_pairs
from tfseg.sample import portraits
from training.hats import find_hat, is_worn, main
from training.multiclass import CLOTHES, FACE, MODEL, SIDE, THINGS


class Drawn:
    """Stands for the teacher where its answer is given: the red channel of the photo holds the classes."""

    def classes(self, image):
        return image[..., 0]


def classes(hat=(60, 80)):
    """A face of 40x40 pixels at (100, 80), clothes below, and a hat in the given rows."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    drawn[80:120, 100:140] = FACE
    drawn[120:, 70:170] = CLOTHES
    drawn[hat[0] : hat[1], 100:140] = THINGS
    return drawn


def test_a_hat_is_what_is_right_above_the_face():
    hat, area, width = find_hat(classes())
    assert (area, width) == (40 * 40, 40)
    assert np.array_equal(hat, classes() == THINGS)


@pytest.mark.parametrize("rows", [(0, 20), (150, 200)], ids=["far above", "in the hands"])
def test_things_elsewhere_are_no_hat(rows):
    hat, *_ = find_hat(classes(rows))
    assert not hat.any()


def test_of_two_faces_the_larger_counts():
    drawn = classes()
    drawn[85:95, 10:20] = FACE
    drawn[75:85, 10:20] = THINGS
    hat, area, _ = find_hat(drawn)
    assert area == 40 * 40
    assert not hat[:, :30].any()


def test_without_a_face_nothing_is_a_hat():
    hat, *face = find_hat(np.full((SIDE, SIDE), THINGS, np.uint8))
    assert face == [0, 0]
    assert not hat.any()


def test_a_hat_is_worn_only_where_it_is_large_and_the_mask_holds_it():
    photo = np.repeat(classes()[..., None], 3, axis=-1)
    person = (classes() > 0).astype(np.uint8)
    assert is_worn(Drawn(), photo, person)
    bareheaded = person.copy()
    bareheaded[:80] = 0
    assert not is_worn(Drawn(), photo, bareheaded)
    ribbon = np.repeat(classes((75, 80))[..., None], 3, axis=-1)
    assert not is_worn(Drawn(), ribbon, person)


def test_a_brim_is_wide_by_the_face_below_it():
    drawn = classes()
    drawn[70:80, 90:150] = THINGS
    photo, person = np.repeat(drawn[..., None], 3, axis=-1), (drawn > 0).astype(np.uint8)
    assert is_worn(Drawn(), photo, person, 1.5)
    assert not is_worn(Drawn(), photo, person, 1.6)


def test_a_width_that_is_not_looked_for_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--data", str(tmp_path), "--width", "3", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert "--width is from 0 to 2 faces, not 3" in capsys.readouterr().err


def test_without_the_teacher_the_command_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    write_image(tmp_path / "in" / "images" / "a.png", np.zeros((20, 20, 3), np.uint8))
    mask = cv2.circle(np.zeros((20, 20), np.uint8), (10, 10), 5, 255, -1)
    write_image(tmp_path / "in" / "masks" / "a.png", mask)
    monkeypatch.chdir(tmp_path)
    assert main(["--data", "in", "--out", "out"]) == 2
    assert "get it with: make teacher" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_teacher_finds_the_hat_of_one_portrait_of_two(tmp_path, capsys):
    if not MODEL.exists():
        pytest.skip(f"{MODEL} is missing; `make teacher` gets it")
    for name, (image, mask) in portraits().items():
        write_image(tmp_path / "in" / "images" / f"{name}.png", image)
        write_image(tmp_path / "in" / "masks" / f"{name}.png", 255 * mask)
    assert main(["--data", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"1 of 2 photos in {tmp_path / 'out'}/\n"
    assert [pair.image.name for pair in find_pairs(tmp_path / "out")] == ["00000_grace_hopper.png"]

import cv2
import numpy as np
import pytest

from tfseg.image import read_image, read_mask, write_image
from tfseg.pairs import find_pairs
from training.drapes import drape, main, worn

HEIGHT, WIDTH = 120, 90


def portrait(reaches=HEIGHT):
    """A green person with a head, cut off by the lower edge, before plain magenta."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (45, 40), 18, 1, -1)
    mask[60:reaches, 20:70] = 1
    image = np.where(mask[..., None] == 1, (30, 200, 60), (250, 0, 250)).astype(np.uint8)
    return image, mask


@pytest.fixture
def folder(tmp_path):
    """Three portraits, and a person who stands clear of the lower edge."""
    for name, reaches in (("a", HEIGHT), ("b", HEIGHT), ("c", HEIGHT), ("whole", 100)):
        image, mask = portrait(reaches)
        write_image(tmp_path / "in" / "images" / f"{name}.png", image)
        write_image(tmp_path / "in" / "masks" / f"{name}.png", 255 * mask)
    return tmp_path / "in"


def test_the_person_stays_and_the_old_background_goes():
    image, mask = portrait()
    for seed in range(8):
        photo, narrower = drape(image, mask, np.random.default_rng(seed))
        inside = cv2.erode(mask, np.ones((11, 11), np.uint8)) == 1
        np.testing.assert_allclose(photo[inside], image[inside], atol=2)
        magenta = (np.abs(photo.astype(int) - (250, 0, 250)) < 60).all(axis=-1)
        assert not magenta.any()
        assert (narrower <= mask).all()
        assert narrower.sum() > 0.9 * mask.sum()


def test_cloth_differs_from_photo_to_photo_and_a_seed_repeats_it():
    image, mask = portrait()
    first, second, again = (drape(image, mask, np.random.default_rng(seed))[0] for seed in (1, 2, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[mask == 0].astype(int) - second[mask == 0]).mean() > 10


def test_the_colours_worn_are_those_of_the_lower_half_of_the_person():
    image, mask = portrait()
    image[:60][mask[:60] == 1] = (220, 180, 150)
    for seed in range(8):
        colours = worn(image, cv2.erode(mask, np.ones((11, 11), np.uint8)), np.random.default_rng(seed))
        np.testing.assert_array_equal(colours, [(30, 200, 60)] * 4)


def test_about_half_of_the_cloth_has_the_colours_that_are_worn():
    image, mask = portrait()
    image[mask == 1] = (0, 255, 0)
    greens = []
    for seed in range(60):
        behind = drape(image, mask, np.random.default_rng(seed))[0][:, :12].reshape(-1, 3).astype(int)
        greens.append(((behind[:, 1] - behind[:, [0, 2]].max(axis=1)) > 60).mean() > 0.3)
    assert 0.3 < np.mean(greens) < 0.7


def test_the_set_that_is_written_can_be_trained_on(folder, tmp_path, capsys):
    assert main(["--data", str(folder), "--photos", "9", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"3 photos in {tmp_path / 'out'}/\n"
    pairs = find_pairs(tmp_path / "out")
    assert sorted(pair.image.stem[6:] for pair in pairs) == ["a", "b", "c"]
    assert all(read_image(pair.image).shape[:2] == read_mask(pair.mask).shape for pair in pairs)


def test_no_more_are_made_than_asked_for(folder, tmp_path):
    assert main(["--data", str(folder), "--photos", "2", "--out", str(tmp_path / "out")]) == 0
    assert len(find_pairs(tmp_path / "out")) == 2


def test_a_set_without_portraits_is_an_error_and_nothing_is_written(folder, tmp_path, capsys):
    for path in folder.rglob("[abc].png"):
        path.unlink()
    assert main(["--data", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "no photo shows a person who reaches the lower edge" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_not_written_into(folder, capsys):
    assert main(["--data", str(folder), "--out", str(folder)]) == 2
    assert f"--out: {folder} is not empty" in capsys.readouterr().err


def test_numbers_out_of_range_are_named(folder, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--data", str(folder), "--photos", "0", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert "--photos begins at 1" in capsys.readouterr().err

import numpy as np
import pytest

from tfseg.image import read_image
from training.figures import draw_gallery, outline, plot_curves

COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]


@pytest.mark.parametrize("count, columns, rows", [(1, 4, 1), (4, 4, 1), (5, 4, 2), (5, 2, 3)])
def test_a_gallery_shows_every_cell_in_reading_order(tmp_path, count, columns, rows):
    cells = [(f"cell {index}", [np.full((50, 40, 3), COLOURS[index], np.uint8)]) for index in range(count)]
    draw_gallery(cells, tmp_path / "gallery.png", columns=columns, cell_height=100)
    gallery = read_image(tmp_path / "gallery.png")
    height, width = 22 + 100 + 4, 80 + 6
    assert gallery.shape == (rows * height, columns * width, 3)
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        cell = gallery[row * height : (row + 1) * height, column * width : (column + 1) * width]
        expected = COLOURS[index] if index < count else (255, 255, 255)
        assert (cell[22:122, :80] == expected).all()
        assert (cell[:22] < 128).any() == (index < count), "the caption stands above the picture"


def test_the_pictures_of_a_cell_stand_side_by_side_and_cells_of_other_widths_are_filled_up(tmp_path):
    red, green = (np.full((50, 40, 3), colour, np.uint8) for colour in COLOURS[:2])
    wide = np.full((50, 200, 3), COLOURS[2], np.uint8)
    draw_gallery([("two", [red, green]), ("wide", [wide])], tmp_path / "gallery.png", columns=2, cell_height=50)
    gallery = read_image(tmp_path / "gallery.png")
    assert gallery.shape == (76, 2 * 206, 3)
    middle = gallery[22 + 25]
    for start, stop, colour in ((0, 40, red[0, 0]), (40, 80, green[0, 0]), (80, 206, 255), (206, 406, wide[0, 0])):
        assert (middle[start:stop] == colour).all()


def test_the_outline_is_drawn_on_a_copy_of_the_photo():
    photo, mask = np.full((100, 80, 3), 50, np.uint8), np.zeros((100, 80), np.uint8)
    mask[20:60, 30:70] = 1
    drawn = outline(photo, mask, colour=(1, 2, 3))
    ring = mask.copy()
    ring[21:59, 31:69] = 0
    assert np.array_equal((drawn == (1, 2, 3)).all(axis=-1), ring == 1)
    assert (drawn[ring == 0] == 50).all() and (photo == 50).all()
    assert np.array_equal(outline(photo, np.zeros_like(mask)), photo)


@pytest.mark.parametrize("epochs", [1, 5])
def test_curves_of_both_sets_are_drawn(tmp_path, epochs):
    names = ("loss", "dice", "val_loss", "val_dice")
    history = [{"epoch": epoch} | dict.fromkeys(names, 0.1 * epoch) for epoch in range(1, epochs + 1)]
    history[-1] |= {"val_loss": 0.9, "val_dice": 0.2}
    plot_curves(history, tmp_path / "curves.png")
    picture = read_image(tmp_path / "curves.png").astype(int)
    validation = np.abs(picture - (0xC2, 0x18, 0x5B)).max(axis=-1) < 10
    halves = np.array_split(validation, 2, axis=1)
    assert all(half.sum() > 30 for half in halves)

import numpy as np
import pytest

from tfseg.paste import CopyPaste, paste, person_free_crop

SIZE = (60, 40)


def photo(level, rows, columns):
    """A grey photo of `level` with a brighter person in a box."""
    mask = np.zeros(SIZE, np.uint8)
    mask[slice(*rows), slice(*columns)] = 1
    return (np.full((*SIZE, 3), level) + 100 * mask[..., None]).astype(np.uint8), mask


PHOTOS = [photo(10, (20, 40), (15, 25)), photo(60, (0, 20), (0, 40)), photo(120, (40, 60), (0, 15))]


def load(index):
    return PHOTOS[index]


def untouched(image, mask, seed, landscape):
    if mask.shape != SIZE:  # a crop comes back at the frame's size
        return np.broadcast_to(image[:1, :1], (*SIZE, 3)), np.zeros(SIZE, np.uint8)
    return image, mask


def test_pasting_moves_the_person_and_keeps_the_people_behind():
    (front, front_mask), (back, back_mask) = PHOTOS[0], PHOTOS[1]
    image, mask = paste(front, front_mask, back, back_mask)
    np.testing.assert_array_equal(mask, front_mask | back_mask)
    np.testing.assert_array_equal(image[26:34, 19:21], front[26:34, 19:21])
    np.testing.assert_array_equal(image[:15], back[:15])
    np.testing.assert_array_equal(image[45:], back[45:])
    edge = image[30, 13:18, 0].astype(int)
    assert edge[0] == edge[1] == 60 and edge[4] == 110, "nothing of the old background, which was 10, came along"
    assert 60 < edge[2] < 110


@pytest.mark.parametrize("index", range(3))
def test_a_person_free_crop_holds_nobody_and_is_not_tiny(index):
    image, mask = PHOTOS[index]
    for seed in range(20):
        crop, label = person_free_crop(image, mask, np.random.default_rng(seed))
        assert not label.any() and (crop == image.min()).all() and crop.shape[:2] == label.shape
        assert crop.shape[0] >= 0.35 * SIZE[0] - 1 and crop.shape[1] >= 0.35 * SIZE[1] - 1


def test_no_crop_is_made_where_people_leave_no_room_and_all_of_an_empty_photo():
    image, mask = photo(0, (5, 55), (5, 35))
    assert person_free_crop(image, mask, np.random.default_rng(0)) is None
    crop, label = person_free_crop(image, np.zeros_like(mask), np.random.default_rng(0))
    assert crop.shape == image.shape and not label.any()


def test_shares_decide_how_often_people_are_pasted_or_left_out():
    examples = [CopyPaste(untouched, 0.3, 0.2)(load, 3, 0, (0, 0, draw))[1] for draw in range(1000)]
    plain = sum(np.array_equal(mask, PHOTOS[0][1]) for mask in examples)
    empty = sum(not mask.any() for mask in examples)
    joined = sum(mask.sum() > PHOTOS[0][1].sum() for mask in examples)
    assert 160 <= empty <= 240
    # Of the pasted half lie on person-free crops, and a third of the others on their own photo.
    assert 70 <= joined <= 130 and plain + empty + joined == 1000


def test_without_shares_every_photo_stays_as_it_is_and_seeds_repeat():
    for draw in range(50):
        np.testing.assert_array_equal(CopyPaste(untouched)(load, 3, 2, (0, draw))[0], PHOTOS[2][0])
    mixed = CopyPaste(untouched, 0.5, 0.2)
    for draw in range(50):
        once, again = mixed(load, 3, 1, (4, draw)), mixed(load, 3, 1, (4, draw))
        np.testing.assert_array_equal(once[0], again[0])
        np.testing.assert_array_equal(once[1], again[1])

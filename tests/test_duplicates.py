import cv2
import numpy as np
import pytest

from tfseg.duplicates import difference_hash, duplicate_groups


def recompressed(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)


COPIES = {
    "same": lambda image: image,
    "recompressed": recompressed,
    "mirrored": lambda image: image[:, ::-1],
    "mirrored and recompressed": lambda image: recompressed(np.ascontiguousarray(image[:, ::-1])),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=1.1, beta=12),
    "smaller": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "grey": lambda image: np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
    "cut by a pixel": lambda image: image[1:-1, 1:-1],
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_grouped_with_its_photo_and_with_no_other(draw, copy):
    for seed in range(8):
        image, other, third = (draw(seed + offset, 144, 120)[0] for offset in (0, 100, 200))
        assert duplicate_groups([other, image, third, COPIES[copy](image)]) == [[0], [1, 3], [2]], f"seed {seed}"


def test_photos_that_differ_are_groups_of_one(draw):
    assert duplicate_groups([draw(seed)[0] for seed in range(40)]) == [[index] for index in range(40)]
    assert duplicate_groups([draw(0)[0]]) == [[0]]


def test_a_copy_of_a_copy_joins_all_three_in_any_order():
    """Three shades of a ramp, of which the two outer ones correlate less than either does with the middle one."""
    ramp = np.linspace(0, 1, 64)
    one, middle, other = (
        np.broadcast_to((255 * ramp**power).astype(np.uint8)[None, :, None], (64, 64, 3)) for power in (1, 1.8, 3.2)
    )
    assert duplicate_groups([one, other]) == [[0], [1]]
    for photos in ([one, middle, other], [one, other, middle], [middle, other, one]):
        assert sorted(map(sorted, duplicate_groups(photos))) == [[0, 1, 2]]


def test_equal_hashes_alone_do_not_make_a_duplicate():
    ramp = np.linspace(0, 1, 64)
    even, steep = (
        np.broadcast_to((255 * ramp**power).astype(np.uint8)[None, :, None], (64, 64, 3)) for power in (1, 8)
    )
    assert difference_hash(even[..., 0]) == difference_hash(steep[..., 0])
    assert duplicate_groups([even, steep]) == [[0], [1]]


def test_empty_frames_are_alike_but_not_like_a_photo(draw):
    black, white = np.zeros((50, 40, 3), np.uint8), np.full((60, 60, 3), 255, np.uint8)
    assert duplicate_groups([black, draw(0)[0], white]) == [[0, 2], [1]]
    ramp = np.broadcast_to(
        np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (64, 64, 3)
    )  # hashes to 0, as black does
    assert duplicate_groups([black, ramp]) == [[0], [1]]


def test_the_hash_is_a_bit_for_every_cell_brighter_than_its_right_neighbour():
    falling = np.broadcast_to(np.arange(9, 0, -1, dtype=np.uint8), (8, 9))
    assert difference_hash(falling) == 2**64 - 1
    assert difference_hash(falling[:, ::-1]) == 0
    assert difference_hash(falling.astype(np.float32)) == 2**64 - 1
    peak = np.zeros((8, 9), np.uint8)
    peak[3, 4] = 255  # brighter than its right neighbour: one bit; its left neighbour is darker than it: none
    assert int(difference_hash(peak)).bit_count() == 1

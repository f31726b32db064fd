import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from tfseg.image import write_image
from tfseg.pairs import DataError, Pair, find_pairs, read_pair, split_pairs


@pytest.fixture
def folder(tmp_path, write_set):
    write_set(tmp_path / "set" / "images", tmp_path / "set" / "masks", 3)
    return tmp_path / "set"


@pytest.mark.parametrize(
    "images, masks, named",
    [
        ("images", "masks", "."),
        ("images", None, "."),
        ("selfies", "selfies_mask", "selfies"),
        ("selfies", "selfies_mask", "."),
    ],
)
def test_pairs_are_found_in_every_layout_sorted_by_name(tmp_path, write_set, images, masks, named):
    write_set(tmp_path / images, masks and tmp_path / masks, 3)
    (tmp_path / images / "0.png").rename(tmp_path / images / "Z.PNG")
    if masks:
        (tmp_path / masks / "0.png").rename(tmp_path / masks / "Z.png")
    (tmp_path / images / "notes.txt").write_text("not a photo")
    (tmp_path / images / ".hidden.png").write_text("not a photo")
    names = [("1.png", "1.png"), ("2.png", "2.png"), ("Z.PNG", "Z.png")]
    expected = [(tmp_path / images / photo, masks and tmp_path / masks / mask) for photo, mask in names]
    assert find_pairs(tmp_path / named) == expected
    assert find_pairs(str(tmp_path / named)) == expected


def test_a_photo_stored_sideways_matches_its_upright_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / "a.jpg", exif=exif)
    write_image(tmp_path / "masks" / "a.png", np.zeros((40, 30), np.uint8))
    assert len(find_pairs(tmp_path)) == 1


def soft_mask(root):
    write_image(root / "masks" / "1.png", np.arange(72 * 60, dtype=np.uint16).reshape(72, 60).astype(np.uint8))


@pytest.mark.parametrize(
    "spoil, named, reason",
    [
        (lambda root: (root / "masks" / "1.png").unlink(), ["images/1.png", "masks/1.png"], "mask is missing"),
        (lambda root: (root / "images" / "1.png").unlink(), ["images/1.jpg", "masks/1.png"], "photo is missing"),
        (
            lambda root: write_image(root / "masks" / "1.png", np.zeros((60, 72), np.uint8)),
            ["images/1.png", "masks/1.png", "72x60", "60x72"],
            "must have its photo's size",
        ),
        (soft_mask, ["images/1.png", "masks/1.png"], "one other value"),
        (lambda root: (root / "masks" / "1.png").write_text("?"), ["images/1.png", "masks/1.png"], "not a picture"),
        (lambda root: (root / "images" / "1.png").write_text("?"), ["images/1.png", "masks/1.png"], "not a picture"),
        (
            lambda root: shutil.copy(root / "images/1.png", root / "images/1.jpg"),
            ["images/1.png", "images/1.jpg"],
            "stem",
        ),
        (lambda root: shutil.copy(root / "masks/1.png", root / "masks/1.gif"), ["masks/1.png", "masks/1.gif"], "stem"),
    ],
    ids=["mask", "photo", "size", "values", "mask-unreadable", "photo-unreadable", "photo-twice", "mask-twice"],
)
def test_a_broken_pair_is_refused_and_both_its_files_are_named(folder, spoil, named, reason):
    spoil(folder)
    with pytest.raises(DataError, match=reason) as error:
        find_pairs(folder)
    assert all(name in str(error.value) for name in named), str(error.value)


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("?"), lambda path: path.write_bytes(b"")])
def test_an_unreadable_photo_without_mask_is_named(tmp_path, write_set, spoil):
    write_set(tmp_path / "images", None, 2)
    spoil(tmp_path / "images" / "1.png")
    with pytest.raises(DataError, match="images/1.png: not a picture"):
        find_pairs(tmp_path)


def test_folders_without_photos_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_pairs(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: no such folder"):
        find_pairs(tmp_path / "file")
    (tmp_path / "set" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match="images: no photos"):
        find_pairs(tmp_path / "set")
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="bare: found neither images/"):
        find_pairs(tmp_path / "bare")


def test_a_folder_of_sets_is_refused_with_their_names(tmp_path, write_set):
    for name in ("one", "two"):
        write_set(tmp_path / name / "images", None, 1)
    with pytest.raises(DataError, match=f"Name one of its sets instead: {tmp_path}/one, {tmp_path}/two"):
        find_pairs(tmp_path)


def test_a_pair_is_made_smaller_together_and_a_mask_pixel_is_what_most_of_it_shows(tmp_path):
    mask = np.zeros((60, 30), np.uint8)
    mask[:25, :14] = 255
    write_image(tmp_path / "photo.png", np.repeat(mask[..., None], 3, axis=-1))
    write_image(tmp_path / "mask.png", mask)
    image, smaller = read_pair(Pair(tmp_path / "photo.png", tmp_path / "mask.png"), 20)
    assert image.shape == (20, 10, 3)
    expected = np.zeros((20, 10), np.uint8)
    expected[:8, :5] = 1
    np.testing.assert_array_equal(smaller, expected)


def test_a_pair_within_the_longest_side_stays_as_it_is(tmp_path):
    photo = np.arange(40 * 20 * 3, dtype=np.uint8).reshape(40, 20, 3)
    write_image(tmp_path / "photo.png", photo)
    image, mask = read_pair(Pair(tmp_path / "photo.png", None), 40)
    np.testing.assert_array_equal(image, photo)
    assert mask.shape == (40, 20)
    assert not mask.any()


def test_near_duplicates_fall_on_the_same_side(tmp_path, draw):
    for seed in range(6):
        write_image(tmp_path / "images" / f"{seed}.png", draw(seed)[0])
    image = draw(0)[0]
    write_image(tmp_path / "images" / "again.jpg", image, quality=40)
    write_image(tmp_path / "images" / "mirrored.png", np.ascontiguousarray(image[:, ::-1]))
    write_image(tmp_path / "images" / "brighter.png", cv2.convertScaleAbs(image, alpha=1.1, beta=10))
    pairs, copies, sides = find_pairs(tmp_path), {"0", "again", "mirrored", "brighter"}, set()
    for seed in range(30):
        train, val = split_pairs(pairs, 0.4, seed)
        assert sorted(train + val) == pairs and train and val
        train_copies, val_copies = (copies & {pair.image.stem for pair in side} for side in (train, val))
        assert not train_copies or not val_copies
        sides.add(bool(train_copies))
    assert sides == {True, False}, "the copies went to either side"


def test_seed_and_photos_alone_decide_the_split(tmp_path, write_set):
    write_set(tmp_path / "images", None, 20)
    pairs = find_pairs(tmp_path)
    split = split_pairs(pairs, 0.2, seed=1)
    assert [len(side) for side in split] == [16, 4]
    assert split_pairs(pairs, 0.2, seed=1) == split
    assert split_pairs(pairs[::-1], 0.2, seed=1) == split
    assert split_pairs(pairs, 0.2, seed=2) != split
    shutil.copytree(tmp_path / "images", tmp_path / "moved" / "images")
    moved = split_pairs(find_pairs(tmp_path / "moved"), 0.2, seed=1)
    assert [[pair.image.name for pair in side] for side in moved] == [
        [pair.image.name for pair in side] for side in split
    ]


@pytest.mark.parametrize("share, expected", [(0.01, 1), (0.5, 5), (0.99, 9)])
def test_neither_side_is_ever_empty(tmp_path, write_set, share, expected):
    write_set(tmp_path / "images", None, 10)
    assert len(split_pairs(find_pairs(tmp_path), share)[1]) == expected


def test_a_burst_of_one_scene_does_not_swallow_the_training_photos(tmp_path, write_set, draw):
    write_set(tmp_path / "images", None, 8)
    for quality in range(40, 72):
        write_image(tmp_path / "images" / f"burst{quality}.jpg", draw(99)[0], quality=quality)
    pairs = find_pairs(tmp_path)
    assert {len(split_pairs(pairs, 0.2, seed)[1]) for seed in range(10)} <= {7, 8}, "8 of 40 are a fifth"
    bursts = [pair for pair in pairs if "burst" in pair.image.name]
    train, val = split_pairs([*bursts, pairs[0]], 0.2)
    assert (train, val) == (bursts, [pairs[0]])


@pytest.mark.parametrize("copies", [1, 4])
def test_photos_too_few_or_too_alike_to_split_are_refused(tmp_path, draw, copies):
    for index in range(copies):
        write_image(tmp_path / "images" / f"{index}.jpg", draw(0)[0], quality=60 + 10 * index)
    with pytest.raises(DataError, match=rf"images: {copies} photo\(s\), 1 of them distinct"):
        split_pairs(find_pairs(tmp_path))

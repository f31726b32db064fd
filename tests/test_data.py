import numpy as np
import pytest
import tensorflow as tf

from tfseg import augment
from tfseg.augment import Augment
from tfseg.data import border, make_dataset, steps_per_epoch
from tfseg.image import read_image, read_mask, write_image
from tfseg.letterbox import letterbox
from tfseg.pairs import Pair, find_pairs
from tfseg.paste import CopyPaste

SIZE = 64, 64


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, write_set):
    """Seven pairs of photos, the last one without a person."""
    root = tmp_path_factory.mktemp("pairs")
    write_set(root / "images", root / "masks", 7)
    found = find_pairs(root)
    return [*found[:6], Pair(found[6].image, None)]


def batches(pairs, *args, count=None, **options):
    dataset = make_dataset(pairs, *SIZE, *args, **options)
    return [tuple(part.numpy() for part in batch) for batch in (dataset if count is None else dataset.take(count))]


def assert_same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        for part, counterpart in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, counterpart)


@pytest.mark.parametrize("photos, batch_size, steps", [(10, 5, 2), (11, 5, 2), (4, 5, 1), (1, 1, 1)])
def test_an_epoch_has_only_whole_batches_but_at_least_one(photos, batch_size, steps):
    assert steps_per_epoch([None] * photos, batch_size) == steps


@pytest.mark.parametrize("augment", [None, CopyPaste(Augment(*SIZE))], ids=["validation", "training"])
def test_batches_keep_to_shape_type_and_range(pairs, augment):
    dataset = make_dataset(pairs, *SIZE, 4, augment)
    assert dataset.element_spec == tuple(tf.TensorSpec((None, *SIZE, channels), tf.float32) for channels in (3, 1, 1))
    for image, mask, weight in dataset.take(3):
        assert image.numpy().max() > 128 and image.numpy().min() >= 0 and image.numpy().max() <= 255
        assert set(np.unique(mask)) == {0, 1}
        assert set(np.unique(weight)) == {1, 2}


def test_validation_shows_every_photo_letterboxed_once_and_in_order(pairs):
    shown = batches(pairs, 3)
    assert [len(image) for image, _, _ in shown] == [3, 3, 1]
    images, masks, _ = (np.concatenate(parts) for parts in zip(*shown, strict=True))
    for pair, image, mask in zip(pairs, images, masks, strict=True):
        np.testing.assert_array_equal(image, letterbox(read_image(pair.image), *SIZE)[0])
        expected = letterbox(read_mask(pair.mask), *SIZE, value=0)[0] if pair.mask else np.zeros(SIZE)
        np.testing.assert_array_equal(mask[..., 0], expected)


def test_photos_larger_than_training_needs_are_reduced_in_proportion(tmp_path, write_set):
    write_set(tmp_path / "images", tmp_path / "masks", 2, height=500, width=330)
    pairs = find_pairs(tmp_path)
    [(images, masks, _)] = batches(pairs, 2)
    for pair, image, mask in zip(pairs, images, masks, strict=True):
        assert np.abs(image - letterbox(read_image(pair.image), *SIZE)[0].astype(float)).mean() < 3
        assert (mask[..., 0] != letterbox(read_mask(pair.mask), *SIZE, value=0)[0]).mean() < 0.01


def test_what_is_shown_depends_on_the_seed_alone(pairs):
    first = batches(pairs, 2, CopyPaste(Augment(*SIZE)), seed=1, count=6)
    assert_same(first, batches(pairs, 2, CopyPaste(Augment(*SIZE)), seed=1, count=6))
    assert_same(first, batches(pairs, 2, CopyPaste(Augment(*SIZE)), seed=1, count=6, cache_bytes=0))
    other = batches(pairs, 2, CopyPaste(Augment(*SIZE)), seed=2, count=6)
    assert not any(np.array_equal(one[0], another[0]) for one, another in zip(first, other, strict=True))


def test_a_resumed_pipeline_goes_on_as_an_unbroken_one(pairs):
    steps = steps_per_epoch(pairs, 2)
    unbroken = batches(pairs, 2, CopyPaste(Augment(*SIZE)), seed=3, count=3 * steps)
    assert_same(batches(pairs, 2, CopyPaste(Augment(*SIZE)), seed=3, first_epoch=1, count=2 * steps), unbroken[steps:])
    seen = {image.tobytes() for images, _, _ in unbroken for image in images}
    assert len(seen) == 3 * steps * 2, "no epoch repeats what an earlier one showed"


@pytest.mark.parametrize("augment", [None, CopyPaste(Augment(*SIZE))], ids=["validation", "training"])
def test_processes_share_each_batch_among_them(pairs, augment):
    whole = batches(pairs[:6], 4, augment, count=4)
    shares = [batches(pairs[:6], 4, augment, count=4, place=(process, 2)) for process in (0, 1)]
    for batch, *parts in zip(whole, *shares, strict=True):
        for array, *its in zip(batch, *parts, strict=True):
            assert [len(part) for part in its] == [len(array) // 2] * 2
            assert sorted(photo.tobytes() for part in its for photo in part) == sorted(map(bytes, array))


def test_an_epoch_shows_each_photo_at_most_once_and_its_order_changes(tmp_path):
    for index in range(7):  # a photo's grey level says which one it is
        write_image(tmp_path / "images" / f"{index}.png", np.full((*SIZE, 3), 30 * index, np.uint8))
    untouched = lambda image, mask, seed, landscape: (image, mask)  # noqa: E731
    shown = batches(find_pairs(tmp_path), 2, CopyPaste(untouched), count=3 * 20)
    levels = np.concatenate([image[:, 0, 0, 0] for image, _, _ in shown]).reshape(20, 6)
    assert all(len(set(epoch)) == 6 for epoch in levels)
    assert len({tuple(epoch) for epoch in levels}) > 15
    assert set(levels.ravel()) == {30.0 * index for index in range(7)}, "the one left out is not always the same"


def test_every_epoch_augments_a_photo_anew_by_seed_epoch_and_photo(pairs):
    seeds = []

    def spy(image, mask, seed, landscape):
        seeds.append(seed)
        return letterbox(image, *SIZE)[0], letterbox(mask, *SIZE, value=0)[0]

    batches(pairs[:2], 2, CopyPaste(spy), seed=5, first_epoch=4, count=2)
    assert {(5, 4, 0), (5, 4, 1), (5, 5, 0), (5, 5, 1)} <= set(seeds)


@pytest.fixture
def mixed(tmp_path, write_set):
    """Five upright photos, three wide ones and a square one, named so that they alternate."""
    for name, sides in (("a", (60, 40)), ("b", (40, 60)), ("c", (50, 50))):
        write_set(tmp_path / name / "images", tmp_path / name / "masks", 5, height=sides[0], width=sides[1])
    upright, wide, square = (find_pairs(tmp_path / name) for name in "abc")
    return [*(pair for pairs in zip(upright[:3], wide[:3], strict=True) for pair in pairs), *upright[3:], square[0]]


def test_wide_photos_are_validated_in_the_frame_that_lies(mixed):
    shown = [image for image, _, _ in make_dataset(mixed, 64, 32, 3)]
    assert [image.shape[:3] for image in shown] == [(3, 64, 32), (3, 64, 32), (3, 32, 64)]
    wide = [letterbox(read_image(pair.image), 32, 64)[0] for pair in (mixed[1], mixed[3], mixed[5])]
    np.testing.assert_array_equal(shown[2], wide)


def test_a_training_batch_has_one_frame_and_mostly_photos_that_suit_it(mixed):
    calls = []

    def spy(image, mask, seed, landscape):
        calls.append((image.shape[1] > image.shape[0], bool(landscape)))
        frame = (32, 64) if landscape else (64, 32)
        return letterbox(image, *frame)[0], letterbox(mask, *frame, value=0)[0]

    shown = list(make_dataset(mixed, 64, 32, 1, CopyPaste(spy)).take(9 * 40))
    assert {image.shape[1:3] for image, _, _ in shown} == {(64, 32), (32, 64)}
    assert {image.shape[1:3] == mask.shape[1:3] == weight.shape[1:3] for image, mask, weight in shown} == {True}
    suited = np.mean([wide == landscape for wide, landscape in calls])
    assert 0.7 < suited < 0.9, "a fifth is shown in the other frame"


def test_the_augmentation_is_not_built_anew_for_every_photo(pairs, monkeypatch):
    built, build = [], augment._transform
    monkeypatch.setattr(augment, "_transform", lambda *args: built.append(args) or build(*args))
    batches(pairs, 4, CopyPaste(Augment(*SIZE)), count=50)
    assert 1 <= len(built) < 50, "once for each of the photos that are in work at once, of 200"


def test_fewer_photos_than_the_batch_size_make_a_smaller_batch(pairs):
    assert [len(image) for image, _, _ in batches(pairs[:3], 16, CopyPaste(Augment(*SIZE)), count=3)] == [3, 3, 3]
    assert [len(image) for image, _, _ in batches(pairs[:3], 16)] == [3]


@pytest.mark.parametrize("augment", [None, CopyPaste(Augment(*SIZE))], ids=["validation", "training"])
def test_a_photo_without_person_has_an_empty_mask_and_even_weights(pairs, augment):
    [(image, mask, weight)] = batches([pairs[6]], 1, augment, count=1)
    assert image.std() > 0 and not mask.any() and (weight == 1).all()


def test_the_border_is_a_band_around_the_outline():
    mask = np.zeros(SIZE, np.uint8)
    mask[16:48, 16:48] = 1
    # 64 / 40 rounds to 2, but a band is never less than one pixel inside and one outside
    expected = np.zeros(SIZE, np.float32)
    expected[15:49, 16:48] = expected[16:48, 15:49] = 1
    expected[17:47, 17:47] = 0
    np.testing.assert_array_equal(border(mask), expected)
    assert not border(np.zeros(SIZE, np.uint8)).any()
    assert not border(np.ones(SIZE, np.uint8)).any(), "the frame's edge is no outline"

    large = np.zeros((320, 256), np.uint8)
    large[100:200, 100:200] = 1
    band = np.flatnonzero(border(large)[150])
    assert {99, 100, 199, 200} <= set(band) and not {90, 110, 190, 210} & set(band)


@pytest.mark.parametrize("border_weight", [0.0, 1.0, 2.5])
def test_border_pixels_weigh_more_by_the_border_weight(pairs, border_weight):
    for _, masks, weights in batches(pairs, 7, border_weight=border_weight):
        for mask, weight in zip(masks, weights, strict=True):
            np.testing.assert_allclose(weight[..., 0], 1 + border_weight * border(mask[..., 0].astype(np.uint8)))

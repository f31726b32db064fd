from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from tfseg.augment import Augment
from tfseg.letterbox import PAD_VALUE, letterbox

HEIGHT, WIDTH = 64, 48


@pytest.fixture(scope="module")
def augment():
    return Augment(HEIGHT, WIDTH)


def corner_person(height=160, width=120):
    """A bright L on the grey that transforms pad with: no mirror or turn of it covers it."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 5 : 4 * height // 5, width // 4 : width // 2] = 1
    mask[3 * height // 5 : 4 * height // 5, width // 4 : 5 * width // 6] = 1
    return np.where(mask[..., None] == 1, 255, np.full((height, width, 3), PAD_VALUE)).astype(np.uint8), mask


def test_the_same_seed_gives_the_same_photo_and_mask_and_another_seed_another(augment, draw):
    image, mask = draw(0)
    results = [augment(image, mask, (0, epoch, 3)) for epoch in range(30)]
    for epoch in reversed(range(30)):
        for first, again in zip(results[epoch], augment(image, mask, (0, epoch, 3)), strict=True):
            np.testing.assert_array_equal(first, again)
    assert len({photo.tobytes() for photo, _ in results}) == 30
    assert len({augment(image, mask, seed)[0].tobytes() for seed in (5, (5, 1), (5, 2), (6, 1))}) == 4


def test_threads_at_once_give_what_one_thread_gives(augment, draw):
    image, mask = draw(1)
    alone = [augment(image, mask, seed) for seed in range(60)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda seed: augment(image, mask, seed), range(60)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("size", [(72, 60), (10, 8), (30, 400), (500, 20), (1, 1)])
def test_any_photo_comes_out_in_the_frames_size_with_a_two_valued_mask(augment, size, draw):
    if min(size) >= 8:
        image, mask = draw(2, *size)
    else:
        image, mask = np.full((*size, 3), 9, np.uint8), np.ones(size, np.uint8)
    before = image.copy(), mask.copy()
    for seed in range(40):
        landscape = seed % 2 == 1
        photo, label = augment(image, mask, seed, landscape)
        frame = (WIDTH, HEIGHT) if landscape else (HEIGHT, WIDTH)
        assert photo.shape == (*frame, 3) and photo.dtype == np.uint8
        assert label.shape == frame and label.dtype == np.uint8
        assert set(np.unique(label)) <= {0, 1}
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_the_mask_stays_on_the_person(augment):
    image, mask = corner_person()
    scores = []
    for seed in range(150):
        photo, label = augment(image, mask, seed)
        if 0.05 < label.mean() < 0.9:
            light = cv2.medianBlur(photo, 5).mean(axis=2)
            bright = light > (np.median(light[label == 1]) + np.median(light[label == 0])) / 2
            scores.append((bright & (label == 1)).sum() / (bright | (label == 1)).sum())
    assert len(scores) > 75
    assert min(scores) > 0.6 and np.mean(scores) > 0.9


def test_the_share_of_crops_is_as_asked_for():
    """A photo much wider than the frame leaves pads in it when it is letterboxed, and none when it is cropped."""
    image, mask = np.full((48, 200, 3), 230, np.uint8), np.zeros((48, 200), np.uint8)
    for share in (0, 0.2, 1):
        augment = Augment(HEIGHT, WIDTH, crop_share=share)
        crops = [np.ptp(cv2.medianBlur(augment(image, mask, seed)[0], 5)) < 52 for seed in range(200)]
        assert abs(np.mean(crops) - share) <= (0.08 if 0 < share < 1 else 0)


def test_without_strength_the_photo_is_as_at_inference_or_mirrored():
    image, mask = corner_person()
    framed = letterbox(image, HEIGHT, WIDTH)[0], letterbox(mask, HEIGHT, WIDTH, value=0)[0]
    augment = Augment(HEIGHT, WIDTH, crop_share=0, strength=0)
    mirrored = []
    for seed in range(20):
        photo, label = augment(image, mask, seed)
        step = -1 if (label[:, ::-1] == framed[1]).all() else 1
        np.testing.assert_array_equal(photo[:, ::step], framed[0])
        np.testing.assert_array_equal(label[:, ::step], framed[1])
        mirrored.append(step)
    assert len(set(mirrored)) == 2


def test_person_free_photos_stay_person_free(augment, draw):
    image, mask = draw(3)
    assert not any(augment(image, np.zeros_like(mask), seed)[1].any() for seed in range(40))


def test_the_person_is_seen_whole_and_in_part_and_mirrored(augment):
    image, mask = corner_person()
    labels = [augment(image, mask, seed)[1] for seed in range(150)]
    shares = np.array([label.mean() for label in labels])
    assert (shares < mask.mean() / 2).any() and (shares > mask.mean() * 1.5).any(), "smaller and larger than it was"
    right_foot = [
        label[:, WIDTH // 2 :].sum() > label[:, : WIDTH // 2].sum() for label in labels if 0.1 < label.mean() < 0.4
    ]
    assert 0.2 < np.mean(right_foot) < 0.8, "the L faces either way"


def test_mirroring_and_light_vary_independently(augment):
    """A photo that is redder to the right tells whether it was mirrored, its even green whether its light changed."""
    image = np.full((HEIGHT, WIDTH, 3), PAD_VALUE, np.uint8)
    image[..., 0] = np.linspace(40, 215, WIDTH)
    mirrored, relit = [], []
    for seed in range(400):
        photo = augment(image, np.zeros((HEIGHT, WIDTH), np.uint8), seed)[0].astype(int)
        redness = photo[..., 0] - photo[..., 2]
        if redness.any():  # else it was turned grey
            mirrored.append(redness[:, : WIDTH // 2].mean() > redness[:, WIDTH // 2 :].mean())
            relit.append(abs(np.median(photo[..., 1]) - PAD_VALUE) > 3)
    assert 0.4 < np.mean(mirrored) < 0.6 and 0.4 < np.mean(relit) < 0.95
    assert abs(np.corrcoef(mirrored, relit)[0, 1]) < 0.15


def test_colours_vary_but_stay_a_photo(augment):
    image = np.full((HEIGHT, WIDTH, 3), (120, 130, 110), np.uint8)
    levels = np.array([augment(image, np.zeros((HEIGHT, WIDTH), np.uint8), seed)[0].mean() for seed in range(60)])
    assert levels.std() > 10 and levels.min() > 30 and levels.max() < 235

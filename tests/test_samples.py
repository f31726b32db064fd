import cv2
import keras
import numpy as np
import pytest

from tfseg.image import read_image
from tfseg.letterbox import letterbox
from tfseg.pairs import Pair, find_pairs, read_pair
from training.samples import COUNT, Samples


@pytest.fixture
def pairs(photos):
    return [*find_pairs(photos)[:10], Pair(find_pairs(photos)[10].image, None)]


def half_a_person():
    """A network that takes the left half of every photo for a person, with a probability of 0.75."""
    image = keras.Input((96, 64, 3))
    left = np.where(np.arange(64) < 32, np.log(3), -20.0).astype(np.float32)[None, None, :, None]
    return keras.Model(image, keras.layers.Lambda(lambda photo: photo[..., :1] * 0 + left)(image))


def drawn(samples, epoch):
    samples.path.unlink(missing_ok=True)
    samples.on_epoch_begin(epoch - 1)
    samples.on_test_end({})
    return samples.path.exists()


def test_a_picture_is_drawn_every_so_many_epochs(pairs, tmp_path):
    samples = Samples(pairs, 96, 64, 2, tmp_path / "samples.png")
    samples.set_model(half_a_person())
    assert [drawn(samples, epoch) for epoch in (1, 2, 3, 4)] == [False, True, False, True]


def test_photo_truth_and_prediction_stand_side_by_side(pairs, tmp_path):
    samples = Samples(pairs[:2], 96, 64, 1, tmp_path / "samples.png")
    samples.set_model(half_a_person())
    assert drawn(samples, 3)
    gallery = read_image(tmp_path / "samples.png")
    height, width = 240, 160
    assert gallery.shape == (22 + height + 4, 2 * (3 * width + 6), 3)
    photo, truth, prediction = (gallery[22:262, part * width : (part + 1) * width].astype(int) for part in range(3))
    image, mask = read_pair(pairs[0])
    size = {"dsize": (width, height), "interpolation": cv2.INTER_AREA}
    np.testing.assert_array_equal(photo, cv2.resize(letterbox(image, 96, 64)[0], **size))
    np.testing.assert_array_equal(truth[..., 0], cv2.resize(255 * letterbox(mask, 96, 64, value=0)[0], **size))
    assert (prediction[:, :70] == 191).all() and (prediction[:, -70:] == 0).all()


def test_at_most_eight_photos_spread_over_the_set_are_shown(pairs, tmp_path):
    shown = Samples(pairs, 96, 64, 1, tmp_path / "samples.png").pairs
    assert len(shown) == COUNT and shown[0] == pairs[0] and shown[-1] == pairs[-1] and len(set(shown)) == COUNT
    assert Samples(pairs[:3], 96, 64, 1, tmp_path / "samples.png").pairs == pairs[:3]

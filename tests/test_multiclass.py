import keras
import numpy as np
import pytest

from tfseg.metrics import dice
from tfseg.sample import portraits
from training.multiclass import MODEL, SIDE, Multiclass


@pytest.fixture(scope="module")
def by_brightness(tmp_path_factory):
    """A network of the teacher's shape: before the middle of 0..255 all is background, above it mostly hair."""
    image = keras.Input((SIDE, SIDE, 3), batch_size=1)
    classes = keras.layers.Conv2D(6, 1)
    model = keras.Model(image, classes(image))
    kernel = np.zeros((1, 1, 3, 6), np.float32)
    kernel[..., 0], kernel[..., 1] = -10, 10
    classes.set_weights([kernel, np.array([0, 0, -9, -9, -9, -9], np.float32)])
    path = tmp_path_factory.mktemp("teacher") / "brightness.tflite"
    model.export(path, format="litert", verbose=False)
    return path


def test_whatever_is_not_background_is_person_at_the_photos_size(by_brightness):
    image = np.full((100, 60, 3), 20, np.uint8)
    image[30:, :20] = 230
    teacher = Multiclass(by_brightness)
    alpha, mirrored = teacher.alpha(image), teacher.alpha(image, mirror=True)
    assert alpha.shape == (100, 60) and alpha.dtype == np.float32
    assert dice(image[..., 0] > 128, alpha >= 0.5) > 0.99
    np.testing.assert_allclose(mirrored, alpha, atol=0.02)


def test_a_missing_model_says_how_to_get_it(tmp_path):
    with pytest.raises(ValueError, match="get it with: make teacher"):
        Multiclass(tmp_path / "none.tflite")


def test_the_teacher_knows_the_portraits():
    if not MODEL.exists():
        pytest.skip(f"{MODEL} is missing; `make teacher` gets it")
    for image, mask in portraits().values():
        assert dice(mask, Multiclass().alpha(image) >= 0.5) > 0.95

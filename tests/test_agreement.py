from types import SimpleNamespace

import numpy as np
import pytest

from tfseg.image import read_image, write_image
from tfseg.pairs import find_pairs, read_pair
from training import agreement
from training.agreement import agree, find_photos, judge, label_all, restore

HEIGHT, WIDTH = 40, 60


def photo(left=10, right=30):
    """A red person over grey."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[8:36, left:right] = (220, 20, 20)
    return image


def red(image, mirror=False):
    return (image[..., 0] > image[..., 1] + 60.0).astype(np.float32)


def blind(image, mirror=False):
    return np.zeros(image.shape[:2], np.float32)


def models(*alphas):
    return [SimpleNamespace(alpha=alpha, threshold=0.5) for alpha in alphas]


def options(**given):
    usual = {"agreement": 0.9, "confidence": 0.8, "like_drawn": 0.95, "mask": "mean", "stretched": False}
    return SimpleNamespace(**usual | given)


PERSON = np.array([[20 / WIDTH, 22 / HEIGHT, 20 / WIDTH, 28 / HEIGHT]])


def test_two_models_that_agree_give_their_mask():
    label = agree(photo(), models(red, red))
    np.testing.assert_array_equal(label.mask, red(photo()))
    assert (label.agreement, label.confidence) == (1, 1)


def test_both_models_are_asked_about_the_mirror_image_too():
    def by_mirror_alone(image, mirror=False):
        return red(image) if mirror else blind(image)

    assert agree(photo(), models(red, by_mirror_alone)).agreement == 1


def test_each_model_has_a_threshold_of_its_own():
    def faint(image, mirror=False):
        return 0.3 * red(image)

    sure, unsure = models(red, faint)
    assert agree(photo(), [sure, unsure]).agreement == 0
    unsure.threshold = 0.25
    assert agree(photo(), [sure, unsure]).agreement == 1


def test_a_mask_that_was_drawn_must_be_much_the_same():
    drawn = red(photo()).astype(np.uint8)
    half = red(photo(right=20)).astype(np.uint8)
    assert judge(photo(), None, drawn, models(red, red), options())[0] == "kept"
    assert judge(photo(), None, half, models(red, red), options())[0] == "not as drawn"
    stretched = judge(photo(), None, drawn, models(red, red), options(stretched=True))
    assert stretched[0] == "kept" and stretched[2].mask.shape != drawn.shape


def test_of_a_teacher_comes_the_mask_and_the_model_guards():
    def wider(image, mirror=False):
        return blind(image) if mirror else red(np.roll(image, 1, axis=1))

    told, _, label = judge(photo(), None, None, models(red, wider), options(mask="peer"))
    assert told == "kept" and 0.9 < label.agreement < 1
    np.testing.assert_array_equal(label.mask, wider(photo()))
    assert judge(photo(), None, None, models(blind, wider), options(mask="peer"))[0] == "doubtful"


def test_what_only_one_sees_is_doubtful():
    assert judge(photo(), None, None, models(red, blind), options())[0] == "doubtful"
    assert judge(photo(), None, None, models(red, red), options())[0] == "kept"


def test_crowds_and_photos_of_hardly_anybody_are_not_looked_at():
    crowd = np.tile(PERSON, (9, 1))
    assert judge(photo(), crowd, None, None, options())[0] == "crowded or nearly empty"
    assert judge(photo(), np.zeros((0, 4)), None, None, options())[0] == "crowded or nearly empty"


def test_a_stretched_photo_gets_the_shape_that_the_models_agree_on():
    def upright_only(image, mirror=False):
        return red(image) if image.shape[0] > image.shape[1] else blind(image)

    assert restore(photo(), models(red, upright_only)).shape == (512, 384, 3)


@pytest.mark.parametrize("stretched, shape", [(False, (HEIGHT, WIDTH)), (True, (512, 384))])
def test_what_is_kept_is_a_folder_to_train_on(tmp_path, capfd, stretched, shape):
    write_image(tmp_path / "in" / "deep" / "one.png", photo())
    write_image(tmp_path / "in" / "masks" / "one.png", (255 * red(photo())).astype(np.uint8))
    write_image(tmp_path / "in" / "two.png", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    found = find_photos(tmp_path / "in")
    told = label_all(found, models(red, red), options(stretched=stretched, out=tmp_path / "out"))
    assert told == {"kept": 1, "unreadable": 1, "too small or too large": 1}
    assert "broken.jpg" in capfd.readouterr().err
    (pair,) = find_pairs(tmp_path / "out")
    image, mask = read_pair(pair)
    assert image.shape[:2] == mask.shape == shape
    np.testing.assert_array_equal(read_image(tmp_path / "in" / "deep" / "one.png"), photo())


@pytest.mark.parametrize("folder, reason", [("empty", "holds no photo"), ("full", "is not empty; name a new folder")])
def test_what_cannot_be_done_is_one_line(tmp_path, capsys, monkeypatch, folder, reason):
    (tmp_path / "empty").mkdir()
    write_image(tmp_path / "full" / "one.png", photo())
    assert agreement.main(["--photos", str(tmp_path / folder), "--out", str(tmp_path / "full")]) == 2
    error = capsys.readouterr().err
    assert reason in error and error.count("\n") == 1

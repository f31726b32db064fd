from types import SimpleNamespace

import numpy as np
import pytest

from tfseg.image import read_image, write_image
from tfseg.pairs import find_pairs, read_pair
from training import agreement
from training.agreement import agree, find_photos, fits, judge, label_all, read_boxes, restore

HEIGHT, WIDTH = 40, 60


def photo(left=10, right=30):
    """A red person over grey."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[8:36, left:right] = (220, 20, 20)
    return image


def red(image):
    return (image[..., 0] > image[..., 1] + 60.0).astype(np.float32)


def blind(image):
    return np.zeros(image.shape[:2], np.float32)


def models(*alphas):
    return [SimpleNamespace(alpha=alpha) for alpha in alphas]


def options(**given):
    return SimpleNamespace(**{"agreement": 0.9, "confidence": 0.8, "stretched": False} | given)


PERSON = np.array([[20 / WIDTH, 22 / HEIGHT, 20 / WIDTH, 28 / HEIGHT]])


def test_two_models_that_agree_give_their_mask():
    label = agree(photo(), models(red, red))
    np.testing.assert_array_equal(label.mask, red(photo()))
    assert (label.agreement, label.confidence) == (1, 1)


def test_a_model_is_asked_about_the_mirror_image_too():
    def right_half(image):
        answer = red(image)
        answer[:, : WIDTH // 2] = 0
        return answer

    label = agree(photo(), models(red, right_half))
    assert label.agreement == 1, "the half that is seen in the mirror counts half, which is person yet"
    assert label.confidence < 0.8


def test_what_only_one_sees_is_doubtful():
    assert judge(photo(), None, models(red, blind), options())[0] == "doubtful"
    assert judge(photo(), None, models(red, red), options())[0] == "kept"


def test_the_mask_must_fill_the_boxes_and_stay_inside():
    mask = red(photo()).astype(np.uint8)
    elsewhere = np.array([[0.8, 0.5, 0.2, 0.5]])
    speck = np.array([[0.9, 0.9, 0.05, 0.05]])
    assert fits(mask, PERSON)
    assert fits(mask, np.vstack([PERSON, speck])), "somebody that small may be missed"
    assert not fits(mask, np.vstack([PERSON, elsewhere])), "somebody without a mask"
    assert not fits(mask, elsewhere), "a mask without anybody"
    assert not fits(np.zeros_like(mask), PERSON)


def test_crowds_and_photos_of_hardly_anybody_are_not_looked_at():
    crowd = np.tile(PERSON, (9, 1))
    assert judge(photo(), crowd, None, options())[0] == "crowded or nearly empty"
    assert judge(photo(), np.zeros((0, 4)), None, options())[0] == "crowded or nearly empty"


def test_a_stretched_photo_gets_the_shape_that_the_models_agree_on():
    def upright_only(image):
        return red(image) if image.shape[0] > image.shape[1] else blind(image)

    assert restore(photo(), models(red, upright_only)).shape == (512, 384, 3)


def test_boxes_lie_in_labels_beside_the_photos(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.25 0.1 0.2\n\n0 0.1 0.2 0.3 0.4 0.9\n")
    (tmp_path / "labels" / "b.txt").write_text("0 left\n")
    np.testing.assert_allclose(read_boxes(tmp_path / "images" / "a.jpg"), [[0.5, 0.25, 0.1, 0.2], [0.1, 0.2, 0.3, 0.4]])
    assert read_boxes(tmp_path / "images" / "c.jpg") is None
    with pytest.raises(ValueError, match="b.txt: expected lines of class, centre"):
        read_boxes(tmp_path / "images" / "b.jpg")


@pytest.mark.parametrize("stretched, shape", [(False, (HEIGHT, WIDTH)), (True, (512, 384))])
def test_what_is_kept_is_a_folder_to_train_on(tmp_path, capfd, stretched, shape):
    write_image(tmp_path / "in" / "deep" / "one.png", photo())
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

import numpy as np
import pytest

from training.boxes import fits, read_boxes

PERSON = np.array([[20 / 60, 22 / 40, 20 / 60, 28 / 40]])


def test_boxes_lie_in_labels_beside_the_photos(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.25 0.1 0.2\n\n0 0.1 0.2 0.3 0.4 0.9\n")
    (tmp_path / "labels" / "b.txt").write_text("0 left\n")
    np.testing.assert_allclose(read_boxes(tmp_path / "images" / "a.jpg"), [[0.5, 0.25, 0.1, 0.2], [0.1, 0.2, 0.3, 0.4]])
    assert read_boxes(tmp_path / "images" / "c.jpg") is None
    with pytest.raises(ValueError, match="b.txt: expected lines of class, centre"):
        read_boxes(tmp_path / "images" / "b.jpg")


def test_the_mask_must_fill_the_boxes_and_stay_inside():
    mask = np.zeros((40, 60), np.uint8)
    mask[8:36, 10:30] = 1
    elsewhere = np.array([[0.8, 0.5, 0.2, 0.5]])
    speck = np.array([[0.9, 0.9, 0.05, 0.05]])
    assert fits(mask, PERSON)
    assert fits(mask, np.vstack([PERSON, speck])), "somebody that small may be missed"
    assert not fits(mask, np.vstack([PERSON, elsewhere])), "somebody without a mask"
    assert not fits(mask, elsewhere), "a mask without anybody"
    assert not fits(np.zeros_like(mask), PERSON)

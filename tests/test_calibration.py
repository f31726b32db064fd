import shutil

import numpy as np
import pytest

from export.calibration import calibration_set, pick, spread
from tfseg.image import read_image, write_image
from tfseg.letterbox import letterbox
from tfseg.pairs import find_pairs


def test_every_folder_gives_as_many_photos_to_calibrate_on(photos, tmp_path):
    shutil.copytree(photos / "images", tmp_path / "empty" / "images")
    pairs = pick([str(photos), str(tmp_path / "empty")], 10)
    assert [pair.mask is None for pair in pairs] == [False] * 5 + [True] * 5


def test_calibration_shows_letterboxed_photos_and_once_the_whole_range(photos):
    paths = [pair.image for pair in find_pairs(photos)][:3]
    frames = [frame for (frame,) in calibration_set(paths, 96, 64)]
    assert [frame.shape for frame in frames] == [(1, 96, 64, 3)] * 3
    for number, (frame, path) in enumerate(zip(frames, paths, strict=True)):
        assert frame.dtype == np.float32
        changed = (frame[0] != letterbox(read_image(path), 96, 64)[0]).any(axis=-1)
        assert changed.sum() == (2 if number == 0 else 0)
    assert (frames[0].min(), frames[0].max()) == (0, 255)


@pytest.mark.parametrize("count, expected", [(1, [0]), (3, [0, 4, 9]), (10, list(range(10))), (200, list(range(10)))])
def test_calibration_photos_are_spread_over_the_set(count, expected):
    assert spread(list(range(10)), count) == expected


def test_folders_without_a_person_are_refused_whether_masks_are_missing_or_empty(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "black")
    for mask in (tmp_path / "black" / "masks").iterdir():
        write_image(mask, np.zeros_like(read_image(mask)[..., 0]))
    shutil.copytree(photos / "images", tmp_path / "free" / "images")
    folders = [str(tmp_path / "black"), str(tmp_path / "free")]
    with pytest.raises(ValueError, match="black, .*free: no photo with a person"):
        pick(folders, 10)
    assert len(pick([*folders, str(photos)], 9)) == 9

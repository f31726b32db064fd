import importlib.util
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tfseg import sample, scene
from tfseg.image import read_image, read_mask

COUNTS = {"count_train": 5, "count_val": 3}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, sample.write_sample_set(folder, **COUNTS)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


@pytest.mark.parametrize(
    "name, share, inside, outside",
    [
        # nose, badge, visor ring, glove | flag, wall beside the neck, shuttle, helmet (held, not worn)
        (
            "astronaut",
            0.41,
            [(225, 120), (170, 385), (130, 180), (140, 505)],
            [(5, 5), (300, 160), (400, 100), (400, 450)],
        ),
        # nose, hat's badge, hat's rim over the dark flag, coat at the edge | flags, gap under the ear, sky
        (
            "grace_hopper",
            0.58,
            [(265, 225), (260, 60), (152, 150), (509, 590)],
            [(5, 5), (140, 150), (188, 305), (450, 340)],
        ),
    ],
)
def test_portrait_masks_are_two_valued_and_lie_on_the_person(name, share, inside, outside):
    image, mask = sample.portraits()[name]
    assert image.shape[2:] == (3,) and image.dtype == np.uint8
    assert mask.shape == image.shape[:2] and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
    assert mask.mean() == pytest.approx(share, abs=0.01)
    assert all(mask[y, x] == 1 for x, y in inside)
    assert all(mask[y, x] == 0 for x, y in outside)
    assert cv2.connectedComponents(mask)[0] == 2, "one piece"
    assert cv2.connectedComponents(1 - mask, connectivity=4)[0] == 2, "no hole"


def test_portrait_outline_follows_edges_of_the_photo():
    for name, (image, mask) in sample.portraits().items():
        grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
        steepness = np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))
        outline = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(bool)
        aside = np.roll(outline, (7, 7), (0, 1))
        assert np.median(steepness[outline]) > 3 * np.median(steepness[aside]), name


def test_the_written_set_is_whole(written):
    folder, result = written
    assert result == ([folder / "train", folder / "train_empty"], [folder / "val", folder / "val_empty"])
    for (with_people, empty), count in zip(result, COUNTS.values(), strict=True):
        images = sorted((with_people / "images").glob("*.jpg"))
        assert [path.stem for path in images] == [path.stem for path in sorted((with_people / "masks").glob("*.png"))]
        assert len(images) == count
        for path in images:
            image, mask = read_image(path), read_mask(with_people / "masks" / f"{path.stem}.png")
            assert image.shape[:2] == mask.shape and min(mask.shape) >= 240 and max(mask.shape) <= 400
            assert 0.02 < mask.mean() < 0.95
            assert mask[-1].any(), "the person goes on below the frame"
        assert list((empty / "images").glob("*.jpg")) and not (empty / "masks").exists()


def test_the_seed_decides_every_byte(written, tmp_path):
    folder, _ = written
    sample.write_sample_set(tmp_path / "same", **COUNTS)
    sample.write_sample_set(tmp_path / "other", **COUNTS, seed=1)
    first, other = contents(folder), contents(tmp_path / "other")
    assert contents(tmp_path / "same") == first
    assert other.keys() == first.keys() and all(other[name] != first[name] for name in first)


def test_a_complete_set_is_left_alone_and_another_one_is_replaced(tmp_path):
    sample.write_sample_set(tmp_path, 2, 1)
    foreign = tmp_path / "train" / "images" / "holiday.jpg"
    foreign.write_bytes(b"kept")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    sample.write_sample_set(tmp_path, 2, 1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == times

    lost = next((tmp_path / "val" / "masks").glob("*.png"))
    lost.unlink()
    sample.write_sample_set(tmp_path, 2, 1)
    assert lost.exists()

    sample.write_sample_set(tmp_path, 1, 1)
    assert len(list((tmp_path / "train" / "images").glob("sample_*"))) == 1
    assert foreign.read_bytes() == b"kept"


def test_training_and_validation_share_no_person_and_no_background(monkeypatch, tmp_path):
    assert not set(sample.BACKGROUNDS["train"]) & set(sample.BACKGROUNDS["val"])
    real = sample.portraits()
    painted = np.zeros_like(real["grace_hopper"][0]) + np.uint8([0, 200, 0])
    monkeypatch.setattr(sample, "portraits", lambda: real | {"grace_hopper": (painted, real["grace_hopper"][1])})
    result = sample.write_sample_set(tmp_path, **COUNTS)
    for split, expected in zip(result, (False, True), strict=True):
        for path in (split[0] / "images").glob("*.jpg"):
            mask = read_mask(split[0] / "masks" / f"{path.stem}.png")
            red, green, blue = np.median(read_image(path)[mask == 1], axis=0)
            assert (green > 80 and max(red, blue) < 30) == expected


@pytest.mark.parametrize("name", ["astronaut", "grace_hopper"])
def test_no_edge_of_the_portrait_cuts_the_person_inside_the_frame(name):
    cutout = sample._cutout(name)
    edges = np.concatenate(scene._cut_edges(cutout.foreground), axis=1)
    scales = []
    for number in range(400):
        rng = np.random.default_rng(number)
        height, width = sample.SIZES[number % len(sample.SIZES)]
        matrix = scene._placement(rng, cutout, height, width)
        x, y = matrix[:, :2] @ edges + matrix[:, 2:]
        assert not ((x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)).any()
        head_x, head_y = matrix[:, :2] @ cutout.head[:2] + matrix[:, 2]
        assert -0.1 * width < head_x < 1.1 * width and 0 < head_y < height, "the head stays in the picture"
        scales.append(np.sqrt(abs(np.linalg.det(matrix[:, :2]))) * cutout.head[2] / min(height, width))
    assert min(scales) < 0.3 and max(scales) > 0.9


def test_the_helmet_is_in_the_picture_but_not_in_the_mask():
    cutout = sample._cutout("astronaut")
    assert cutout.foreground[450, 400] == 1 and cutout.mask[450, 400] == 0
    assert cutout.foreground[400, 505] == 0


@pytest.mark.parametrize("package, project", [("skimage", "scikit-image"), ("matplotlib", "matplotlib")])
def test_a_missing_package_is_named_with_its_remedy(monkeypatch, package, project):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))
    with pytest.raises(ImportError) as error:
        sample.portraits()
    assert project in str(error.value) and "pip install 'tfseg[train]'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("arguments", [{"count_train": 0}, {"count_val": 0}, {"seed": -1}])
def test_impossible_arguments_are_refused_before_anything_is_written(tmp_path, arguments):
    with pytest.raises(ValueError):
        sample.write_sample_set(tmp_path / "set", **arguments)
    assert not (tmp_path / "set").exists()


def test_reading_the_portraits_imports_neither_package():
    heavy = {"skimage", "matplotlib", "tensorflow"}
    code = f"import sys, tfseg.sample as s; s.portraits(); print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"

"""The page's arithmetic beside Python's, the same numbers fed to both; node runs the modules as they are."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.web.site import PAGE
from tfseg.composite import blur_background, cut_out, replace_background
from tfseg.letterbox import letterbox
from tfseg.matte import DOUBT, GUIDE_EPSILON, GUIDE_RADIUS, clean_mask, finish, firm, refine_alpha

RUNNER = Path(__file__).with_name("web_modules.mjs")

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


@pytest.fixture
def run(tmp_path):
    """`run(module, name, *arguments)`: a function's answer as a flat array; arrays become pictures."""

    def stored(argument):
        if not isinstance(argument, np.ndarray):
            return argument
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.bin"
        plane = argument.ndim == 2
        (argument if plane else opaque(argument)).tofile(path)
        return {"file": str(path), "height": argument.shape[0], "width": argument.shape[1], "plane": plane}

    def call(module, name, *arguments):
        out = tmp_path / "answer.bin"
        calls = [{"module": module, "name": name, "arguments": list(map(stored, arguments)), "out": str(out)}]
        done = subprocess.run(["node", RUNNER, PAGE], input=json.dumps(calls), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        plane = isinstance(arguments[0], np.ndarray) and arguments[0].ndim == 2
        return np.fromfile(out, np.float32 if plane else np.uint8)

    return call


def opaque(image):
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def scene(height, width, seed=0):
    """A photo of smooth colours with noise, and an alpha with a person, two specks, a second person and pinholes."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (8, 7, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    alpha = np.zeros((height, width), np.float32)
    side = min(height, width)
    speck_with_a_hole = ((0.1, 0.9, 0.035, 1), (0.1, 0.9, 0.018, 0))
    person_with_a_hole = ((0.4, 0.6, 0.25, 1), (0.4, 0.55, 0.02, 0))
    others = ((0.85, 0.2, 0.1, 1), (0.1, 0.1, 0.01, 1))
    for x, y, radius, value in (*person_with_a_hole, *speck_with_a_hole, *others):
        cv2.circle(alpha, (int(x * width), int(y * height)), int(radius * side), value, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), side / 150) + rng.normal(0, 0.02, alpha.shape)
    return image, np.clip(alpha, 0, 1).astype(np.float32)


@pytest.mark.parametrize(
    "size", [(640, 512), (512, 512), (960, 768), (777, 333), (1500, 1001), (3, 900), (320, 256), (321, 256)]
)
def test_a_photo_that_shrinks_is_letterboxed_to_the_same_bytes(run, size):
    image = scene(*size)[0]
    difference = run("letterbox", "letterbox", image, 320, 256, 127) - letterbox(image, 320, 256)[0].ravel().astype(int)
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 1e-3


def test_a_photo_that_grows_is_letterboxed_alike(run):
    image = scene(150, 111)[0]
    difference = run("letterbox", "letterbox", image, 320, 256, 127) - letterbox(image, 320, 256)[0].ravel().astype(int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("size", [(700, 500), (5, 4), (1, 1)])
def test_the_guided_filter_gives_the_same_alpha(run, size):
    image, alpha = scene(*size)
    small_size = max(1, size[1] // 3), max(1, size[0] // 3)
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA).reshape(*small_size[::-1], 3)
    probability = cv2.resize(alpha, small_size, interpolation=cv2.INTER_AREA).reshape(small_size[::-1])
    given = run("refine", "refineAlpha", probability, small, image, {"radius": GUIDE_RADIUS, "epsilon": GUIDE_EPSILON})
    np.testing.assert_allclose(given.reshape(size), refine_alpha(probability, small, image), atol=1e-4)


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.9])
def test_masks_are_cleaned_and_firmed_alike(run, threshold):
    alpha = scene(600, 450)[1]
    cleaned = clean_mask(alpha, threshold)
    assert (cleaned != alpha).mean() > 0.01, "there is something to clean"
    given = run("matte", "cleanMask", alpha, threshold).reshape(alpha.shape)
    np.testing.assert_allclose(given, cleaned, atol=1e-3)
    firmed = run("matte", "firm", alpha, threshold, DOUBT).reshape(alpha.shape)
    np.testing.assert_allclose(firmed, firm(alpha, threshold), atol=1e-6)


def test_a_mask_without_anybody_is_left_as_it_is(run):
    alpha = np.full((40, 30), 0.2, np.float32)
    np.testing.assert_array_equal(run("matte", "cleanMask", alpha, 0.5).reshape(alpha.shape), alpha)


@pytest.mark.parametrize("size", [(600, 450), (1500, 1300)])
def test_the_pictures_are_those_of_python(run, size):
    image, alpha = scene(*size)
    alpha, behind = finish(alpha), scene(300, 500, seed=1)[0]
    assert ((alpha > 0) & (alpha < 1)).mean() > 0.01

    def compared(given, expected):
        difference = np.abs(given.reshape(*size, 4)[..., : expected.shape[2]] - expected.astype(int))
        assert difference.mean() < 0.2 and np.quantile(difference, 0.999) <= 2

    person = cut_out(image, alpha)
    seen = person[..., 3:] > 0  # what is fully transparent has no colour
    given = run("composite", "cutOut", image, alpha).reshape(*size, 4)
    compared(np.where(seen, given, 0), np.where(seen, person, 0))
    compared(run("composite", "blurBackground", image, alpha, 0.03), opaque(blur_background(image, alpha)))
    filled = run("composite", "fill", behind, {"width": size[1], "height": size[0]}).reshape(*size, 4)[..., :3]
    compared(run("composite", "blend", image, alpha, filled), opaque(replace_background(image, alpha, behind)))

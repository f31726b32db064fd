import doctest
import subprocess
import sys

import numpy as np
import pytest

import tfseg
from tfseg.composite import cut_out
from tfseg.image import ImageError, read_image, write_image
from tfseg.matte import finish
from tfseg.segmenter import Segmenter


def test_the_examples_in_its_documentation_run():
    outcome = doctest.testmod(tfseg)
    assert outcome.attempted > 5 and not outcome.failed


def test_a_path_bytes_and_pixels_give_the_same_cut_out(tmp_path, draw, bundle):
    write_image(tmp_path / "me.png", draw(1)[0])
    pixels, segmenter = read_image(tmp_path / "me.png"), Segmenter.load(bundle)
    expected = cut_out(pixels, finish(segmenter.alpha(pixels, mirror=True), segmenter.threshold))
    for photo in (tmp_path / "me.png", str(tmp_path / "me.png"), (tmp_path / "me.png").read_bytes(), pixels):
        assert np.array_equal(tfseg.cut_out(photo, bundle), expected)


def test_a_photo_that_is_missing_is_named():
    with pytest.raises(ImageError, match="missing.jpg"):
        tfseg.cut_out("missing.jpg")


def test_importing_it_loads_nothing_heavy():
    heavy = "{'numpy', 'cv2', 'av', 'PIL', 'keras', 'tensorflow', 'albumentations'} & set(sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", f"import sys, tfseg; print({heavy})"], capture_output=True, text=True
    )
    assert printed.stdout == "set()\n"

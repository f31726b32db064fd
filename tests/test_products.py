import io
import json

import numpy as np
import pytest
from PIL import Image

from tfseg.image import read_mask
from tfseg.products import Job, Products, fixed_part, flat

SURE = np.zeros((30, 20), np.float32)
SURE[5:25, 5:15] = 1


class Photo:
    """What a photo has to bring along."""

    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    extras, content = {}, b"the photo's file"

    def __init__(self, source):
        self.source = source


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("/photos/**.jpg", "/photos/"),
        ("/photos/*/a?.jpg", "/photos/"),
        ("/photos/day1/me.jpg", "/photos/day1/"),
        ("/photos/20*/x/*.jpg", "/photos/"),
        ("/photos/[ab].jpg", "/photos/"),
        ("gs://mine/in/**", "gs://mine/in/"),
        ("/**", "/"),
    ],
)
def test_the_fixed_part_is_the_folder_before_the_first_mark(pattern, expected):
    assert fixed_part(pattern) == expected


@pytest.mark.parametrize("effect, extension", [("cutout", ".png"), ("mask", ".png"), ("blur", ".jpg")])
def test_a_result_lies_as_its_photo_does_and_no_two_share_a_name(effect, extension):
    products = Products(Job("/photos/**", "s3://mine/out", effect))
    assert products.last("/photos/x/a.jpg") == f"s3://mine/out/x/a.jpg{extension}"
    sources = [f"/photos/{name}" for name in ("a.jpg", "a.png", "a.jpg.png", "x/a.jpg", "x_a.jpg", "a")]
    assert len({products.last(source) for source in sources}) == len(sources)
    assert [*products.make(Photo(sources[0]), SURE, 0.5)] == [products.last(sources[0])]


def test_flat_names_are_not_hidden_and_differ_where_the_names_do():
    names = ["a/b", "a%2Fb", "a_b", "a", ".a", "%2Ea", "a.b", "a/.b"]
    assert len({flat(name) for name in names}) == len(names)
    assert not any("/" in flat(name) or flat(name).startswith(".") for name in names)
    assert flat("day 1.jpg") == "day 1.jpg"


def test_a_pseudo_label_is_the_photo_as_it_is_a_two_valued_mask_and_a_score_that_comes_last():
    products = Products(Job("/photos/**", "/out", "pseudo-label", min_confidence=0.9))
    photo = Photo("/photos/x/a.PNG")
    made = products.make(photo, SURE, 0.5)
    assert [*made] == ["/out/images/x%2Fa.PNG.png", "/out/masks/x%2Fa.PNG.png", products.last(photo.source)]
    image, mask, score = made.values()
    assert image == photo.content
    np.testing.assert_array_equal(read_mask(mask), SURE)
    assert Image.open(io.BytesIO(mask)).mode == "L"
    assert json.loads(score) == {"file": "/photos/x/a.PNG", "confidence": 1.0, "kept": True}


def test_of_an_unsure_pseudo_label_only_the_score_is_left():
    products = Products(Job("/photos/**", "/out", "pseudo-label", min_confidence=0.9))
    [(path, score)] = products.make(Photo("/photos/a"), SURE * 0.8, 0.5).items()
    assert path == "/out/scores/a.json"
    assert json.loads(score) == {"file": "/photos/a", "confidence": 0.6, "kept": False}


def test_a_photo_without_a_known_extension_still_gets_one_that_trainings_look_for():
    made = Products(Job("/photos/**", "/out", "pseudo-label")).make(Photo("/photos/a.download"), SURE, 0.5)
    assert "/out/images/a.download.jpg" in made

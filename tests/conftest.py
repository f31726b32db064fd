import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest

from tfseg.image import write_image


def drawn(seed, height=72, width=60):
    """A photo like no other of another seed, with a person-like ellipse, and its mask: uint8 RGB and {0, 1}."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (9, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((height, width), np.uint8)
    centre = int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.45, 0.65))
    cv2.ellipse(mask, centre, (width // 5, height // 4), float(rng.uniform(-20, 20)), 0, 360, 1, -1)
    image[mask == 1] = image[mask == 1] // 2 + rng.integers(0, 128, 3, np.uint8)
    return image, mask


@pytest.fixture(scope="session")
def draw():
    return drawn


@pytest.fixture(scope="session")
def write_set():
    """Writes `count` drawn pairs as 0.png, 1.png, ... into a folder of photos and one of masks."""

    def write(images, masks, count, **size):
        for seed in range(count):
            image, mask = drawn(seed, **size)
            write_image(images / f"{seed}.png", image)
            if masks:
                write_image(masks / f"{seed}.png", mask * 255)

    return write

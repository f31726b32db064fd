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


@pytest.fixture(scope="session")
def photos(tmp_path_factory, write_set):
    """A folder of 20 labelled drawn photos, 90x70 pixels."""
    folder = tmp_path_factory.mktemp("photos")
    write_set(folder / "images", folder / "masks", 20, height=90, width=70)
    return folder


@pytest.fixture(scope="session")
def fit_small(photos):
    """Runs training.fit on `photos`, 3 epochs of 8 steps, with a network a hundredth of the real one's size.

    `fit_small(out, *arguments, **names to replace in training.fit)` gives the exit status.
    """
    from training import fit, state

    def run(out, *arguments, **replaced):
        settings = f"--height 96 --width 64 --epochs 3 --batch-size 2 --learning-rate 0.01 --out {out}".split()
        settings += ["--dice-smoothing", str(1 / (96 * 64))]  # one pixel: the drawn people are small
        with pytest.MonkeyPatch.context() as patch:
            # Averages over 12 steps instead of 1, so that a test sees the difference between average and last weights.
            patch.setattr(state, "EMA_SPANS", 2)
            for name, value in ({"build_model": small_network} | replaced).items():
                patch.setattr(fit, name, value)
            return fit.main(["--data", str(photos), *settings, *arguments])

    return run


def small_network(config, height=None, width=None):
    """Like `tfseg.unet.unet` from outside, of the same operators, and traced in seconds."""
    import keras
    from keras import layers

    def norm(features):
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(features))

    image = keras.Input((height, width, 3))
    fine = layers.Rescaling(1 / 127.5, -1.0)(image)
    fine = norm(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(fine))
    coarse = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(fine)
    coarse = norm(layers.Conv2D(48, 1, use_bias=False)(coarse))
    joined = layers.Concatenate()([layers.UpSampling2D(2, interpolation="bilinear")(coarse), fine])
    logits = layers.Conv2D(1, 1)(norm(layers.Conv2D(32, 3, padding="same")(joined)))
    return keras.Model(image, layers.UpSampling2D(2, interpolation="bilinear")(logits))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, fit_small):
    """The folder of an unbroken run of `fit_small`."""
    out = tmp_path_factory.mktemp("trained")
    assert fit_small(out) == 0
    return out


@pytest.fixture(scope="session")
def converted(tmp_path_factory, trained, photos):
    """The run's best checkpoint as .tflite files: kind of quantization to path."""
    from export.tflite_convert import QUANTIZE, main

    folder = tmp_path_factory.mktemp("converted")
    files = {kind: folder / f"{kind}.tflite" for kind in QUANTIZE}
    for kind, file in files.items():
        arguments = {"--model": trained / "best_dice.keras", "--calibration": photos, "--quantize": kind, "--out": file}
        assert main([str(word) for pair in arguments.items() for word in pair]) == 0
    return files


@pytest.fixture(scope="session")
def bundle(tmp_path_factory, trained, photos):
    """The run's best checkpoint as a bundle named "person"."""
    from export.bundle import main

    out = tmp_path_factory.mktemp("bundle") / "person"
    arguments = {"--model": trained / "best_dice.keras", "--calibration": photos, "--out": out}
    arguments |= {"--report": out.with_name("parity")}
    assert main([str(word) for pair in arguments.items() for word in pair]) == 0
    return out

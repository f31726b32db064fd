"""A camera that pans and zooms over a photo: labelled video where there is only a labelled photo."""

import cv2
import numpy as np

CLIP_FRAMES = 24
WINDOW = 0.75  # share of the photo's sides that the camera sees at its widest
PAN = 0.05  # share of the photo's sides by which it moves in a clip, at most, each way
ZOOM = 1.05  # by which things grow or shrink in a clip, at most
SHAKE = 0.001  # standard deviation of what a hand adds in every frame, as a share of the photo's sides
NOISE = 2.0  # grey levels; standard deviation of a sensor's noise, which no two frames share


def pan_and_zoom(generator, image, mask, frames=CLIP_FRAMES):
    """Yields the frames of a clip over a photo.

    Args:
        generator: `numpy.random.Generator`.
        image: uint8 `[H, W, 3]` RGB.
        mask: uint8 `[H, W]` in {0, 1}.
        frames: how many, from 2.

    Yields:
        `(image, truth)`, uint8 `[h, w, 3]` and float32 `[h, w]` in 0..1, `WINDOW` times the photo's size. Truth is
        soft where the outline comes to lie between pixels.
    """
    height, width = mask.shape
    size = round(WINDOW * width), round(WINDOW * height)
    begin, end = generator.uniform(-1, 1, (2, 2)) * (1 - WINDOW) / 2
    end = begin + np.clip(end - begin, -PAN, PAN)
    zooms = np.array([1, generator.uniform(1, ZOOM)])
    for share in np.linspace(0, 1, frames):
        zoom = zooms @ (1 - share, share)
        shaken = begin * (1 - share) + end * share + generator.normal(0, SHAKE, 2)
        centre = (0.5 + shaken) * (width, height)
        corner = centre - np.array(size) / zoom / 2
        matrix = np.float64([[1 / zoom, 0, corner[0]], [0, 1 / zoom, corner[1]]])
        look = {"M": matrix, "dsize": size, "borderMode": cv2.BORDER_REFLECT}
        seen = cv2.warpAffine(image, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, **look)
        noisy = seen + generator.normal(0, NOISE, seen.shape)
        truth = cv2.warpAffine(mask.astype(np.float32), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, **look)
        yield np.round(np.clip(noisy, 0, 255)).astype(np.uint8), truth

"""A person cut out of one photo and put before another, so that mask and picture agree and no edge betrays it."""

from typing import NamedTuple

import cv2
import numpy as np


class Cutout(NamedTuple):
    """A person ready to be pasted: all pixel arrays have the height and width of the photo."""

    photo: np.ndarray  # uint8 [H, W, 3], as it is
    image: np.ndarray  # uint8 [H, W, 3], the person's colours continued past her outline
    mask: np.ndarray  # uint8 [H, W] in {0, 1}: person
    foreground: np.ndarray  # uint8 [H, W] in {0, 1}: person and what hides her
    head: tuple  # centre x, centre y, height


def make_cutout(photo, mask, foreground, head):
    """Readies a person for pasting; arguments as the fields of `Cutout`."""
    # Outline pixels mix person and old background; repainted from inside, they leave no halo over a new one.
    certain = cv2.erode(foreground, np.ones((3, 3), np.uint8))
    around = cv2.dilate(foreground, np.ones((21, 21), np.uint8))
    image = cv2.inpaint(photo, around - certain, 3, cv2.INPAINT_TELEA)
    return Cutout(photo, image, mask, foreground, head)


def paste(rng, cutout, background):
    """The person before `background` (float `[H, W, 3]`): uint8 image `[H, W, 3]` and mask `[H, W]` in {0, 1}."""
    height, width = background.shape[:2]
    matrix = _placement(rng, cutout, height, width)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))

    def moved(layer, blur):
        # Blurred before it shrinks, so that nothing aliases; an outline so blurred is the feathered alpha.
        layer = cv2.GaussianBlur(layer.astype(np.float32), (0, 0), blur / scale) if blur / scale > 0.3 else layer
        return cv2.warpAffine(np.float32(layer), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    alpha = moved(cutout.foreground, 0.7)[..., None]
    image = _relight(rng, moved(cutout.image, 0.35)) * alpha + background * (1 - alpha)
    return expose(rng, image), (moved(cutout.mask, 0.7) > 0.5).astype(np.uint8)


def _placement(rng, cutout, height, width):
    """Affine matrix `[2, 3]` from photo to frame that brings no edge of the photo that cuts the person into view."""
    head_x, head_y, head_height = cutout.head
    scale = np.exp(rng.uniform(np.log(0.22), np.log(1.0))) * min(height, width) / head_height
    angle = np.deg2rad(np.clip(rng.normal(0, 5), -12, 12))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flipped = rng.random() < 0.5
    if flipped:
        turn[:, 0] *= -1
    shift = np.array([rng.uniform(0.25, 0.75) * width, rng.uniform(0.3, 0.6) * height]) - turn @ (head_x, head_y)

    bottom, side = (turn @ edge + shift[:, None] for edge in _cut_edges(cutout.foreground))
    down = max(0, height - bottom[1].min())
    side = side[0, side[1] + down < height]
    out = 0
    if side.size:
        out = min(0, -1 - side.max()) if flipped else max(0, width - side.min())
    return np.column_stack([turn, shift + (out, down)])


def _cut_edges(foreground):
    """Where the foreground runs out of the photo, as points `[2, N]` (x, y): at its bottom, at its right-hand side."""
    height, width = foreground.shape
    columns, rows = np.flatnonzero(foreground[-1]), np.flatnonzero(foreground[:, -1])
    return np.stack([columns, 0 * columns + height - 1]), np.stack([0 * rows + width - 1, rows])


def crop(rng, cutout, height, width):
    """A window of the portrait as it was taken, with the head in it; uint8 image and mask of `height` x `width`."""
    photo_height, photo_width = cutout.mask.shape
    scale = min(photo_height / height, photo_width / width) * rng.uniform(0.7, 1)
    crop_height, crop_width = int(height * scale), int(width * scale)
    top = int(np.clip(cutout.head[1] - rng.uniform(0.35, 0.55) * crop_height, 0, photo_height - crop_height))
    left = int(np.clip(cutout.head[0] - rng.uniform(0.4, 0.6) * crop_width, 0, photo_width - crop_width))
    window = slice(top, top + crop_height), slice(left, left + crop_width)
    image = cv2.resize(cutout.photo[window], (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(cutout.mask[window].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return image, (mask > 0.5).astype(np.uint8)


def take_background(rng, photo, height, width):
    """A window of the photo as float `[height, width, 3]`: often tinted, where grey, and often out of focus."""
    scale = min(photo.shape[0] / height, photo.shape[1] / width) * rng.uniform(0.5, 1)
    crop_height, crop_width = int(height * scale), int(width * scale)
    top = rng.integers(photo.shape[0] - crop_height + 1)
    left = rng.integers(photo.shape[1] - crop_width + 1)
    image = photo[top : top + crop_height, left : left + crop_width].astype(np.float32)
    if (image == image[..., :1]).all():
        image = image * rng.uniform(0.75, 1.15, 3)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    image = cv2.resize(np.float32(image), (width, height), interpolation=interpolation)
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 4))
    return _relight(rng, image)


def _relight(rng, image):
    """Other brightness, contrast and colour temperature; float `[H, W, 3]`, 0..255."""
    warmth = np.exp(np.clip(rng.normal(0, 0.06), -0.12, 0.12))
    gain = np.exp(rng.uniform(-0.3, 0.12)) * np.array([warmth, 1, 1 / warmth])
    gamma = np.exp(np.clip(rng.normal(0, 0.15), -0.3, 0.3))
    return 255 * np.clip(np.clip(image / 255, 0, 1) ** gamma * gain, 0, 1)


def expose(rng, image):
    """What one light and one sensor do to the whole scene, so that its parts belong together; uint8 `[H, W, 3]`."""
    noise = rng.normal(0, rng.uniform(0.5, 4), image.shape)
    return np.round(np.clip(_relight(rng, image) + noise, 0, 255)).astype(np.uint8)

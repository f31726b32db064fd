"""Batches of training examples, made on the card: frames of photos, people before other backgrounds, nobody at all."""

from functools import cache
from typing import NamedTuple

import cv2
import torch
from torch.nn import functional as F

from tfseg.data import BORDER_SHARE
from tfseg.letterbox import PAD_VALUE
from training.gpu.appearance import vary_light, vary_sharpness
from training.gpu.geometry import draw_frames


class Mixture(NamedTuple):
    """How examples are made; shares and strength 0..1, as `training.fit` has them."""

    crop_share: float
    strength: float
    paste_share: float
    person_free_share: float


STRONG, GENTLE = Mixture(0.5, 1.0, 0.15, 0.06), Mixture(0.3, 0.45, 0.15, 0.06)
SOFTENING = (0.4, 0.9)  # between these parts of a training the augmentation grows gentler


def mixture(progress):
    """Strong augmentation at first, gentle at the end; `progress` 0..1."""
    late = min(1, max(0, (progress - SOFTENING[0]) / (SOFTENING[1] - SOFTENING[0])))
    return Mixture(*(strong + late * (gentle - strong) for strong, gentle in zip(STRONG, GENTLE, strict=True)))


def draw_batch(photos, mixture, count, height, width):
    """A batch of one orientation.

    Args:
        photos: `Photos`.
        mixture: `Mixture`.
        count: examples.
        height, width: of the upright frame, pixels.

    Returns:
        `(image, mask, weight)`: float `[B, 3, H, W]` in 0..255, float `[B, 1, H, W]` in {0, 1}, and what each pixel
        counts in the cross-entropy, float `[B, 1, H, W]` from 1.
    """
    lying = bool(torch.rand(1) < photos.lying_share)
    frame = (width, height) if lying else (height, width)
    indices, regions = photos.draw_person_free(round(mixture.person_free_share * count))
    free = len(indices)
    more_indices, more_regions = photos.draw(count - free, lying)
    indices, regions = torch.cat([indices, more_indices]), torch.cat([regions, more_regions])
    image, mask, inside = draw_frames(photos.canvases[indices], regions, *frame, mixture.crop_share, mixture.strength)
    mask[:free] = 0  # at its edge a strip may touch the person
    image = vary_light(image, mixture.strength)
    image, mask, inside = _pasted(image, mask, inside, free, round(mixture.paste_share * count))
    image = vary_sharpness(image, mixture.strength)
    image = torch.where(inside, (255 * image).round(), float(PAD_VALUE))
    border_weights = photos.border_weights[indices][:, None, None, None]
    return image, mask, 1 + border_weights * border(mask)


def _pasted(image, mask, inside, free, count):
    """Puts the people of `count` examples before others: half before those without a person, which come first."""
    everybody = torch.arange(free, len(image), device=image.device)
    chosen = everybody[torch.randperm(len(everybody), device=image.device)[:count]]
    alone = count // 2 if free else 0
    behind = torch.cat(
        [
            torch.randint(free, (alone,), device=image.device) if free else everybody[:0],
            everybody[torch.randint(len(everybody), (len(chosen) - alone,), device=image.device)],
        ]
    )
    behind = torch.where(mask[chosen].flatten(1).any(1), behind, chosen)
    image, mask, inside = image.clone(), mask.clone(), inside.clone()
    image[chosen], mask[chosen] = paste(image[chosen], mask[chosen], image[behind], mask[behind])
    inside[chosen] |= inside[behind]
    return image, mask, inside


def paste(image, mask, background, background_mask):
    """`tfseg.paste.paste` of whole batches; images in 0..1, masks float `[B, 1, H, W]`."""
    line = torch.exp(-0.5 * torch.arange(-3, 4, device=image.device) ** 2)
    kernel = (line[:, None] * line / line.sum() ** 2)[None, None]
    blurred = F.conv2d(F.pad(mask, (3, 3, 3, 3), mode="replicate"), kernel)
    alpha = (2 * blurred - 1).clamp(0, 1)
    return alpha * image + (1 - alpha) * background, torch.maximum(mask, background_mask)


def border(mask):
    """`tfseg.data.border` of a batch: float `[B, 1, H, W]` in {0, 1}, of a mask like it."""
    size = max(3, round(min(mask.shape[2:]) * BORDER_SHARE) | 1)
    disc = _disc(size, mask.device)
    covered = F.conv2d(F.pad(mask, 4 * [size // 2], mode="replicate"), disc)
    return ((covered > 0.5) & (covered < disc.sum() - 0.5)).float()


@cache
def _disc(size, device):
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return torch.from_numpy(disc).float()[None, None].to(device)

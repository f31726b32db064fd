"""`tfseg.augment`'s light, colour and sharpness for whole batches on the card: float images `[B, 3, H, W]` in 0..1."""

import math
from functools import cache

import torch
from torch.nn import functional as F

from training.gpu.geometry import uniform

SHARPNESS_SHARE = 0.35  # of the photos, at full strength
LUMA = (0.299, 0.587, 0.114)
JPEG_STEPS = (  # of luminance at quality 50: ITU-T T.81, table K.1
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


GREY_AXIS = ((0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0))  # times a colour: what turns about grey


@cache
def constant(values, device):
    """A float tensor of nested tuples, made once: whenever one is made, the processor waits for the card."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def vary_light(image, strength):
    """Brightness, contrast, gamma, hue, saturation and tint of each photo, by the probabilities of `tfseg.augment`."""
    count, device = len(image), image.device

    def some(share):
        return (uniform(0, 1, count, device) < share * strength).float()

    chosen = some(0.6)
    contrast = 1 + chosen * uniform(-0.25, 0.25, count, device)
    brightness = chosen * uniform(-0.2, 0.2, count, device)
    gamma = 1 + some(0.3) * (uniform(0.7, 1.4, count, device) - 1)
    image = (image * _spread(contrast) + _spread(brightness)).clamp(1e-4, 1) ** _spread(gamma)

    chosen = some(0.4)
    hue = torch.deg2rad(chosen * uniform(-24, 24, count, device))
    saturation = (1 + chosen * uniform(-0.25, 0.25, count, device)) * (1 - some(0.05))
    grey = constant(LUMA, device).expand(3, 3)
    mix = grey + saturation[:, None, None] * (_turn_hue(hue) - grey)
    tint = some(0.3)[:, None] * (torch.rand(count, 3, device=device) - 0.5) * 40 / 255
    return (torch.einsum("bij,bjhw->bihw", mix, image) + tint[:, :, None, None]).clamp(0, 1)


def vary_sharpness(image, strength):
    """Blurs some photos, shakes some, and gives others few pixels, JPEG blocks or noise."""
    chosen = torch.randperm(len(image), device=image.device)[: round(SHARPNESS_SHARE * strength * len(image))]
    changes = (_blurred, _shaken, _downscaled, _compressed, _noisy)
    image = image.clone()
    for change, group in zip(changes, chosen.tensor_split(len(changes)), strict=True):
        if len(group):
            image[group] = change(image[group]).clamp(0, 1)
    return image


def _spread(values):
    return values[:, None, None, None]


def _turn_hue(angle):
    """Rotations of RGB about the grey axis, `[B, 3, 3]`."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    across = constant(GREY_AXIS, angle.device) / math.sqrt(3)
    eye, mean = torch.eye(3, device=angle.device), torch.full((3, 3), 1 / 3, device=angle.device)
    return cos * eye + (1 - cos) * mean + sin * across


def _blurred(image):
    sigma = uniform(0.6, 1.6, len(image), image.device)[:, None]
    line = torch.exp(-0.5 * (torch.arange(-3, 4, device=image.device) / sigma) ** 2)
    return _filtered(image, line[:, :, None] * line[:, None, :])


def _shaken(image):
    angle = uniform(0, math.pi, len(image), image.device)[:, None, None]
    reach = uniform(1, 3, len(image), image.device)[:, None, None]
    y, x = torch.meshgrid(*2 * [torch.arange(-3.0, 4, device=image.device)], indexing="ij")
    along, beside = x * angle.cos() + y * angle.sin(), x * angle.sin() - y * angle.cos()
    return _filtered(image, (1 - beside.abs()).clamp_min(0) * (along.abs() <= reach))


def _filtered(image, kernels):
    """Each photo by its own 7x7 kernel, which need not sum to 1."""
    count, channels, height, width = image.shape
    kernels = (kernels / kernels.sum((1, 2), keepdim=True)).repeat_interleave(channels, 0)[:, None]
    padded = F.pad(image, (3, 3, 3, 3), mode="reflect").reshape(1, -1, height + 6, width + 6)
    return F.conv2d(padded, kernels, groups=count * channels).view_as(image)


def _downscaled(image):
    share = float(uniform(0.4, 0.8, 1, "cpu"))
    small = F.interpolate(image, scale_factor=share, mode="bilinear", antialias=True)
    return F.interpolate(small, image.shape[2:], mode="bilinear")


def _compressed(image):
    """What JPEG leaves at a quality of 30 to 90: each 8x8 block's cosine transform, rounded."""
    count, _, height, width = image.shape
    quality = uniform(30, 90, count, image.device)
    factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1, 1, 1)
    luma = (constant(JPEG_STEPS, image.device) * factor / 255).clamp_min(1 / 255)
    steps = torch.cat([luma, *3 * [1.5 * luma]], 1)  # colour is rounded more coarsely
    index = torch.arange(8.0, device=image.device)
    basis = torch.cos((2 * index + 1) * index[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    grey = image.mean(1, keepdim=True)
    planes = torch.cat([grey, image - grey], 1)
    blocks = planes.view(count, 4, height // 8, 8, width // 8, 8).transpose(3, 4)
    blocks = basis.T @ ((basis @ blocks @ basis.T / steps).round() * steps) @ basis
    planes = blocks.transpose(3, 4).reshape(count, 4, height, width)
    return planes[:, :1] + planes[:, 1:]


def _noisy(image):
    return image + torch.randn_like(image) * _spread(uniform(0.02, 0.08, len(image), image.device))

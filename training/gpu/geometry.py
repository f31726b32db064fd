"""`tfseg.augment`'s frames for whole batches on the card: whole photos letterboxed and moved, or crops of them."""

import math

import torch
from torch.nn import functional as F


def uniform(low, high, count, device):
    """Float `[count]`, evenly drawn."""
    return torch.rand(count, device=device) * (high - low) + low


def draw_frames(canvases, regions, height, width, crop_share, strength):
    """Shows a part of each photo in a frame of the network's size.

    Every pixel is the mean of four samples, so that photos may shrink to two fifths without aliasing.

    Args:
        canvases: uint8 `[B, S, S, 4]`: RGB and mask (0 or 255), each photo in the upper left corner.
        regions: float `[B, 4]`: top, left, height and width of what may be seen of it, pixels.
        height, width: of the frame, pixels.
        crop_share, strength: 0..1, as `tfseg.augment.Augment` has them.

    Returns:
        `(image, mask, inside)`: float `[B, 3, height, width]` in 0..1; float `[B, 1, height, width]` in {0, 1}; bool
        `[B, 1, height, width]`, where the photo is: outside, the image holds nothing of use.
    """
    device = canvases.device
    matrix, centre, crop = _transforms(regions, height, width, crop_share, strength)
    down = (torch.arange(2 * height, device=device) + 0.5) / 2 - height / 2
    across = (torch.arange(2 * width, device=device) + 0.5) / 2 - width / 2
    places = torch.stack(torch.broadcast_tensors(across[None, :], down[:, None]), -1)  # [2H, 2W, 2]: x and y
    corner, size = regions[:, None, None, [1, 0]], regions[:, None, None, [3, 2]]
    seen = torch.einsum("hwi,bji->bhwj", places, matrix) + centre[:, None, None] - corner
    crop = crop[:, None, None]
    inside = ((seen >= 0) & (seen < size)).all(-1) | crop
    seen = torch.where(crop[..., None], (size - (size - seen.abs()).abs()).clamp_min(0), seen)  # a turned crop reflects
    grid = 2 * (seen + corner) / canvases.shape[1] - 1
    samples = F.grid_sample(canvases.permute(0, 3, 1, 2).float(), grid, align_corners=False, padding_mode="border")
    pixels = F.avg_pool2d(samples, 2) / 255
    inside = F.avg_pool2d(inside[:, None].float(), 2) >= 0.5
    return pixels[:, :3], ((pixels[:, 3:] >= 0.5) & inside).float(), inside


def _transforms(regions, height, width, crop_share, strength):
    """From the frame to the photo: `photo = matrix @ (x, y) + centre`, with x and y from the middle of the frame."""
    count, device = len(regions), regions.device
    whole, whole_centre = _moved(regions, height, width, strength)
    cropped, cropped_centre = _cropped(regions, height, width, strength)
    crop = uniform(0, 1, count, device) < crop_share
    matrix = torch.where(crop[:, None, None], cropped, whole)
    mirror = torch.where(uniform(0, 1, count, device) < 0.5, -1.0, 1.0)
    matrix = matrix * torch.stack([mirror, torch.ones_like(mirror)], 1)[:, None, :]
    return matrix, torch.where(crop[:, None], cropped_centre, whole_centre), crop


def _moved(regions, height, width, strength):
    count, device = len(regions), regions.device
    tall, broad = regions[:, 2], regions[:, 3]
    moves = (uniform(0, 1, count, device) < 0.75).float()
    scale = 1 + moves * uniform(-0.5 * strength, 0.3 * strength, count, device)
    scale = scale * torch.minimum(height / tall, width / broad)
    angle = moves * uniform(-20 * strength, 20 * strength, count, device)
    shear = moves * uniform(-4 * strength, 4 * strength, count, device)
    reach = torch.stack([uniform(-width, width, count, device), uniform(-height, height, count, device)], 1)
    shift = 0.12 * strength * moves[:, None] * reach
    matrix = _rotation(angle, shear) / scale[:, None, None]
    return matrix, _middle(regions) - torch.einsum("bji,bi->bj", matrix, shift)


def _cropped(regions, height, width, strength):
    count, device = len(regions), regions.device
    tall, broad = regions[:, 2], regions[:, 3]
    area = uniform(1 - 0.9 * strength, 1, count, device) * tall * broad
    ratio = uniform(math.log(0.8), math.log(1.25), count, device).exp() * width / height
    size = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1)
    size = size * torch.minimum(broad / size[:, 0], tall / size[:, 1]).clamp_max(1)[:, None]
    turns = (uniform(0, 1, count, device) < 0.3).float()
    angle = turns * uniform(-15 * strength, 15 * strength, count, device)
    scale = torch.stack([size[:, 0] / width, size[:, 1] / height], 1)
    matrix = _rotation(angle, 0 * angle) * scale[:, None, :]
    room = torch.stack([broad, tall], 1) - size
    return matrix, _middle(regions) + (torch.rand(count, 2, device=device) - 0.5) * room


def _rotation(angle, shear):
    """Rotations by degrees, sheared by degrees: float `[B, 2, 2]`."""
    angle, shear = torch.deg2rad(angle), torch.deg2rad(shear)
    return torch.stack([angle.cos(), angle.sin() + shear.tan(), -angle.sin(), angle.cos()], 1).view(-1, 2, 2)


def _middle(regions):
    return torch.stack([regions[:, 1] + regions[:, 3] / 2, regions[:, 0] + regions[:, 2] / 2], 1)

"""Dice on validation photos at the network's size, quick enough to be taken every minute."""

import numpy as np
import torch

from tfseg.letterbox import letterbox
from tfseg.pairs import find_pairs, read_pair

BATCH = 100


class Validation:
    """Photos of several folders in the frames in which `Segmenter` would ask about them.

    Args:
        folders: list of paths.
        height, width: of the upright frame, pixels.
        device: of PyTorch.
    """

    def __init__(self, folders, height, width, device):
        self.batches = []  # folder, uint8 [B, 3, H, W], bool [B, 1, H, W]
        for folder in folders:
            pairs = [read_pair(pair) for pair in find_pairs(folder)]
            for lying in (False, True):
                frame = (width, height) if lying else (height, width)
                framed = [_framed(*pair, frame) for pair in pairs if (pair[1].shape[1] > pair[1].shape[0]) == lying]
                for start in range(0, len(framed), BATCH):
                    images, masks = zip(*framed[start : start + BATCH], strict=True)
                    images = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(device)
                    self.batches.append((folder, images, torch.from_numpy(np.stack(masks))[:, None].to(device)))

    @torch.no_grad()
    def __call__(self, model):
        """Mean Dice of each folder, in its order: list of floats. The network is left as for use."""
        model.eval()
        scores = {}
        for folder, images, masks in self.batches:
            found = model(images.float()) > 0
            both, either = (found & masks).sum((1, 2, 3)), found.sum((1, 2, 3)) + masks.sum((1, 2, 3))
            scores.setdefault(folder, []).append(torch.where(either > 0, 2 * both / either, 1.0))
        return [float(torch.cat(found).mean()) for found in scores.values()]


def _framed(image, mask, frame):
    image, mask = letterbox(image, *frame)[0], letterbox(255 * mask, *frame, value=0)[0]
    return image, mask >= 128

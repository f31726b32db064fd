"""Augmentation for training: what a phone's camera and its user vary, without losing the mask.

Some frames show the whole photo letterboxed as at inference, shifted, scaled and rotated a little; the others are
crops, from nearly the whole photo down to a head. Light, colour and sharpness vary in both. A strong augmentation
suits long trainings; a short one spends its steps better on frames like those at inference.
"""

import os
import random

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network for its newest version at import

import albumentations as A
import cv2
import numpy as np

from tfseg.letterbox import PAD_VALUE, letterbox


class Augment:
    """A seeded random transform of a photo and its mask to the network's size.

    Args:
        height, width: of the network's input, pixels.
        crop_share: 0..1, share of the frames that are crops.
        strength: 0..1; 0 mirrors at most, 1 gives the ranges and probabilities written below, and what lies between
            shortens the ranges of the geometry and the probabilities of everything else alike.
    """

    def __init__(self, height, width, crop_share=0.5, strength=1.0):
        self.height, self.width, self.crop_share, self.strength = height, width, crop_share, strength
        # A Compose keeps its random state, so each call has one for itself; to build one takes longer than to use it.
        # `threading.local` would build it anew every time: to Python, TensorFlow's threads are new ones at each call.
        self._free = {False: [], True: []}

    def __call__(self, image, mask, seed, landscape=False):
        """Transforms one photo.

        Args:
            image: uint8 `[H, W, 3]` RGB.
            mask: uint8 `[H, W]` in {0, 1}.
            seed: int or tuple of ints; the same seed gives the same result.
            landscape: lay the frame on its side: `[width, height]`.

        Returns:
            `(image, mask)`, uint8 `[height, width, 3]` and uint8 `[height, width]` in {0, 1}.
        """
        free = self._free[bool(landscape)]
        try:
            transform = free.pop()
        except IndexError:
            frame = (self.width, self.height) if landscape else (self.height, self.width)
            transform = _transform(*frame, self.crop_share, self.strength)
        # One generator for all: `set_random_seed` would give each transform the same numbers.
        generator = np.random.default_rng(seed)
        transform.set_random_state(generator, random.Random(int(generator.integers(2**63))))
        result = transform(image=image, mask=mask)
        free.append(transform)
        return result["image"], result["mask"]


def _transform(height, width, crop_share, strength):
    def frame_image(image, **_):
        return letterbox(image, height, width)[0]

    def frame_mask(mask, **_):
        return letterbox(mask, height, width, value=0)[0]

    whole = A.Sequential(
        [
            A.Lambda(image=frame_image, mask=frame_mask, p=1),
            A.Affine(
                scale=(1 - 0.5 * strength, 1 + 0.3 * strength),
                translate_percent=(-0.12 * strength, 0.12 * strength),
                rotate=(-20 * strength, 20 * strength),
                shear=(-4 * strength, 4 * strength),
                balanced_scale=True,
                border_mode=cv2.BORDER_CONSTANT,
                fill=PAD_VALUE,
                fill_mask=0,
                p=0.75,
            ),
        ],
        p=1 - crop_share,
    )
    crop = A.Sequential(
        [
            A.Rotate(limit=15 * strength, border_mode=cv2.BORDER_REFLECT_101, p=0.3),
            A.RandomResizedCrop(
                size=(height, width),
                scale=(1 - 0.9 * strength, 1.0),
                ratio=(0.8 * width / height, 1.25 * width / height),
                p=1,
            ),
        ],
        p=crop_share,
    )
    light = [
        A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.25, p=0.6 * strength),
        A.RandomGamma(gamma_limit=(70, 140), p=0.3 * strength),
        A.HueSaturationValue(hue_shift_limit=12, sat_shift_limit=40, val_shift_limit=0, p=0.4 * strength),
        A.RGBShift(r_shift_limit=20, g_shift_limit=20, b_shift_limit=20, p=0.3 * strength),
        A.ToGray(p=0.05 * strength),
    ]
    sharpness = A.OneOf(
        [
            A.GaussianBlur(blur_limit=(3, 7)),
            A.MotionBlur(blur_limit=(3, 7)),
            A.Downscale(scale_range=(0.4, 0.8)),
            A.ImageCompression(quality_range=(30, 90)),
            A.GaussNoise(std_range=(0.02, 0.08)),
        ],
        p=0.35 * strength,
    )
    return A.Compose([A.OneOf([whole, crop], p=1), A.HorizontalFlip(p=0.5), *light, sharpness])

"""Flags, curtains and painted walls, drawn at random."""

import cv2
import numpy as np

COLOURS = (  # of cloth, walls, stars and cords, RGB
    (178, 22, 40),
    (240, 240, 238),
    (25, 35, 95),
    (235, 185, 40),
    (20, 110, 60),
    (20, 20, 22),
    (110, 20, 30),
    (60, 120, 190),
    (150, 110, 70),
    (90, 90, 100),
)
EMBLEMS, CORDS = (1, 1, 3), (3, 8)  # of these colours: white, white, gold, and gold, brown


def backdrop(height, width, rng, colours=COLOURS):
    """A wall with cloth before it, on one side or all over.

    Args:
        height, width: in pixels.
        colours: `[N, 3]` RGB in 0..255, of which wall and cloth have some.
        rng: `numpy.random.Generator`; the same state draws the same picture.

    Returns:
        float32 `[H, W, 3]` RGB in 0..255.
    """
    image = wall(height, width, rng, colours)
    hung = hanging(height, width, rng)
    image[hung] = cloth(height, width, rng, colours)[hung]
    return np.clip(image, 0, 255)


def hanging(height, width, rng):
    """Where the cloth is: left of a wavy line, right of it, or everywhere; bool `[H, W]`."""
    side = rng.choice(3, p=[0.45, 0.45, 0.1])
    if side == 2:
        return np.ones((height, width), bool)
    lean = np.linspace(-1, 1, height)[:, None] * rng.uniform(-0.1, 0.1) * width
    x = np.arange(width) + lean + 5 * clouds(height, width, 3, rng)
    reach = rng.uniform(0.2, 0.55) * width
    return x < reach if side == 0 else x > width - reach


def wall(height, width, rng, colours):
    """Plain paint in soft light, float32 `[H, W, 3]`, about 0..255."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    paint = 0.6 * np.array(colours[rng.integers(len(colours))], np.float32) + rng.uniform(0, 100)
    away = (x / width - rng.uniform()) ** 2 + (y / height - rng.uniform()) ** 2
    lit = paint * (0.6 + 0.6 * np.exp(-away / rng.uniform(0.2, 1)))[..., None]
    stains = 6 * clouds(height, width, 8, rng)
    return (lit + (stains + rng.normal(0, 2, stains.shape))[..., None]).astype(np.float32)


def cloth(height, width, rng, colours=COLOURS):
    """Striped cloth in folds, often with stars and a cord, float32 `[H, W, 3]`, about 0..255."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    folds = rng.uniform(4, 12) * x / width + 0.5 * clouds(height, width, 4, rng) + rng.uniform(-0.6, 0.6) * y / height
    wave = np.sin(2 * np.pi * folds)
    angle = rng.choice([0, rng.uniform(-1.2, 1.2)])
    across = x * np.cos(angle) + y * np.sin(angle) + 12 * rng.uniform() * wave + 18 * clouds(height, width, 3, rng)
    dyes = rng.choice(colours, rng.integers(1, 5), replace=False).astype(np.float32)
    image = dyes[(across // (width * rng.uniform(0.06, 0.3))).astype(int) % len(dyes)]
    if rng.random() < 0.5:
        left = x + 15 * clouds(height, width, 3, rng) < width * rng.uniform(0.3, 1)
        canton = left & (y < height * rng.uniform(0.3, 1))
        folded = cv2.remap(stars(height, width, rng), x + 6 * wave, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        image[canton] = folded[canton]
    image *= (rng.uniform(0.5, 1.05) * (0.68 + 0.32 * wave))[..., None]
    if rng.random() < 0.5:
        top, bottom = (int(width * rng.uniform(0.2, 0.9)), 0), (int(width * rng.uniform(0.2, 0.9)), height)
        cord = [float(part) for part in COLOURS[rng.choice(CORDS)]]
        cv2.line(image, top, bottom, cord, thickness=int(rng.integers(2, 7)), lineType=cv2.LINE_AA)
    grain = rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    return cv2.GaussianBlur(image + grain, (0, 0), rng.uniform(0.3, 1.6))


def stars(height, width, rng):
    """Rows of five-pointed stars on one colour, float32 `[H, W, 3]` in 0..255."""
    image = np.full((height, width, 3), COLOURS[rng.integers(len(COLOURS))], np.float32)
    ink = [float(part) for part in COLOURS[rng.choice(EMBLEMS)]]
    step = width * rng.uniform(0.09, 0.2)
    radii = step * rng.uniform(0.2, 0.4) * np.where(np.arange(10) % 2, 0.45, 1)
    for row, y in enumerate(np.arange(step / 2, height, step)):
        for x in np.arange(step / 2 * (1 + row % 2), width, step):
            angles = np.arange(10) * np.pi / 5 + rng.uniform(0, 0.8)
            points = np.stack([x + rng.uniform(0.5, 1) * radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
            cv2.fillPoly(image, [points.astype(np.int32)], ink, cv2.LINE_AA)
    return image


def clouds(height, width, cells, rng):
    """Smooth noise about 0, float32 `[H, W]`."""
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

"""Work on a mask or alpha after the network and before the composite, in independent steps."""

import cv2
import numpy as np

from tfseg.letterbox import within

GUIDE_RADIUS = 3  # pixels of the network's frame
GUIDE_EPSILON = 1e-3  # variance of the guide, on a 0..1 scale, below which an edge is texture
GREY = (0.299, 0.587, 0.114)  # of red, green and blue in the guide: what cv2.COLOR_RGB2GRAY means
ISLAND_SHARE = 0.03  # of the largest person's area: what is smaller is no second person
HOLE_SHARE = 0.01  # of the largest person's area: the gap between arm and body is larger
EDGE_SHARE = 0.008  # of the longer side: how far a soft edge reaches on each side of the outline
DOUBT = 0.25  # how far from the threshold a probability is taken for all background, all person
MAX_FEATHER = MAX_OPENING = 0.05
HALF_STEP = 1 / 510  # alpha nearer to 0 or 1 than this is written as 0 or 255
WORKING_SIDE = 384  # pixels; smooth colours lose nothing by being found in a smaller picture


def refine_alpha(probability, small, image):
    """Brings a probability to the photo's size along the photo's own edges.

    The fast guided filter (He and Sun 2015, arXiv:1505.00996): a local linear model from grey to probability is fitted
    in the small frame and applied to the large photo.

    Args:
        probability: float32 `[h, w]` in 0..1.
        small: uint8 `[h, w, 3]` RGB, the photo at that size.
        image: uint8 `[H, W, 3]` RGB, the photo.

    Returns:
        float32 `[H, W]` in 0..1.
    """
    guide = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    mean_guide, mean_probability = _box(guide), _box(probability)
    covariance = _box(guide * probability) - mean_guide * mean_probability
    variance = _box(guide * guide) - mean_guide * mean_guide
    slope = covariance / (variance + GUIDE_EPSILON)
    offset = mean_probability - slope * mean_guide
    size = image.shape[1::-1]
    slope = cv2.resize(_box(slope), size, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(_box(offset), size, interpolation=cv2.INTER_LINEAR)
    large = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return np.clip(slope * large + offset, 0, 1)


def _box(values):
    side = 2 * GUIDE_RADIUS + 1
    return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)


def finish(alpha, threshold=0.5, largest_only=False, feather=0, opening=0):
    """All steps from a network's alpha to that of a composite: `clean_mask`, `firm` and `soften`, in this order.

    Args:
        alpha: float32 `[H, W]` in 0..1.
        threshold, largest_only, feather, opening: as those take them.

    Returns:
        float32 `[H, W]` in 0..1; at least 0.5 where the cleaned probability reaches the threshold and nothing is
        softened.
    """
    return soften(firm(clean_mask(alpha, threshold, largest_only, opening), threshold), feather)


def clean_mask(alpha, threshold=0.5, largest_only=False, opening=0):
    """Removes specks beside the person, fills pinholes and haze in the person and, if wanted, takes spikes off her.

    Args:
        alpha: float32 `[H, W]` in 0..1.
        threshold: 0..1, from which on a pixel is person.
        largest_only: whether all but the largest person go.
        opening: radius, as a share of the longer side, 0..0.05, of a disc; what sticks out and is too thin to hold it
            goes, fingers and hair as well as noise (morphological opening).

    Returns:
        float32 `[H, W]` in 0..1. Islands below `ISLAND_SHARE` of the largest person go, with the haze around them;
        holes below `HOLE_SHARE` of that person, closed on every side, become person. What lies deeper inside than
        a soft edge reaches is all person, what lies farther outside is none. A second person is no island.

    Raises:
        ValueError: `opening` is out of range.
    """
    alpha = _opened(alpha, opening)
    person = (alpha >= threshold).astype(np.uint8)
    islands, areas = _components(person)
    if not len(areas):
        return alpha
    kept = np.r_[False, areas >= (1 if largest_only else ISLAND_SHARE) * areas.max()][islands]
    holes, hole_areas = _components(1 - kept.astype(np.uint8))  # of what is kept: an island goes with its own holes
    frame = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    pinhole = hole_areas < HOLE_SHARE * areas.max()
    pinhole[frame[frame > 0] - 1] = False
    filled = np.r_[False, pinhole][holes]
    solid = kept | filled
    reach = max(2, EDGE_SHARE * max(alpha.shape))
    cleaned = np.clip(alpha, _depth(solid, reach), 1 - _depth(~solid, reach))
    return np.where(filled, 1, cleaned).astype(np.float32)


def _opened(alpha, share):
    if not 0 <= share <= MAX_OPENING:
        raise ValueError(f"opening must lie in 0..{MAX_OPENING}; received {share}.")
    radius = round(share * max(alpha.shape))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.morphologyEx(alpha, cv2.MORPH_OPEN, disc) if radius else alpha


def _components(mask):
    """Labels `[H, W]` of the 8-connected regions, 0 elsewhere, and their areas in pixels, by label from 1 on."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels, stats[1:, cv2.CC_STAT_AREA]


def _depth(region, reach):
    """How far inside a region each pixel lies: 0 outside, 1 from `reach` pixels inside its rim on."""
    return np.clip((cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 5) - 0.5) / reach, 0, 1)


def firm(alpha, threshold=0.5):
    """Takes the last doubt out of an alpha: a network is never quite sure, but most of a person is not transparent.

    Args:
        alpha: float32 `[H, W]` in 0..1.
        threshold: 0..1, exclusive; the probability that becomes one half.

    Returns:
        float32 `[H, W]` in 0..1: 0 up to `DOUBT` below the threshold, 1 from `DOUBT` above it on, and straight in
        between; a threshold nearer to 0 or 1 than `DOUBT` leaves less room on both sides alike.
    """
    doubt = min(DOUBT, threshold, 1 - threshold)
    return np.clip(0.5 + (alpha - threshold) / (2 * doubt), 0, 1)


def soften(alpha, feather):
    """Blurs the outline, for a person who is to melt into a background.

    Args:
        alpha: float32 `[H, W]` in 0..1.
        feather: standard deviation of the Gaussian as a share of the longer side, 0..0.05.

    Returns:
        float32 `[H, W]` in 0..1.

    Raises:
        ValueError: `feather` is out of range.
    """
    if not 0 <= feather <= MAX_FEATHER:
        raise ValueError(f"feather must lie in 0..{MAX_FEATHER}; received {feather}.")
    sigma = feather * max(alpha.shape)
    return cv2.GaussianBlur(alpha, (0, 0), sigma) if sigma else alpha


def estimate_foreground(image, alpha):
    """The person's own colours where the photo shows person and background mixed, so that no old background is left.

    Blur fusion in two passes, wide then narrow (Forte 2021, "Approximate Fast Foreground Colour Estimation"), in a
    picture of at most `WORKING_SIDE`; the fine detail is the photo's own.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1.

    Returns:
        uint8 `[H, W, 3]` RGB; the photo itself wherever alpha is 1.
    """
    height, width = alpha.shape
    size = within(WORKING_SIDE, height, width)
    photo = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    share = cv2.merge([weight] * 3)  # NumPy is slow at stretching one channel over three
    foreground = background = photo
    for radius in (max(4, max(size) // 20), max(2, max(size) // 150)):
        foreground, background = _blurred(foreground, weight, radius), _blurred(background, 1 - weight, radius)
        foreground = _restore(photo, share, foreground, background)
    result, behind = (
        cv2.resize(np.round(colours).astype(np.uint8), (width, height)) for colours in (foreground, background)
    )
    whole = alpha > 1 - HALF_STEP
    mixed = (alpha > HALF_STEP) & ~whole
    cv2.copyTo(image, whole.view(np.uint8), result)
    share = alpha[mixed][:, None]
    result[mixed] = np.round(_restore(image[mixed], share, result[mixed].astype(np.float32), behind[mixed]))
    return result


def _blurred(colours, weight, radius):
    """Mean of the colours around each pixel, as far as they have weight."""
    size = (2 * radius + 1, 2 * radius + 1)
    blurred = cv2.blur(colours * cv2.merge([weight] * 3), size)
    blurred /= cv2.merge([cv2.blur(weight, size) + 1e-5] * 3)
    return blurred


def _restore(photo, alpha, foreground, background):
    """Puts back into smooth foreground colours what the photo shows beyond the mixture they explain."""
    beyond = photo - alpha * foreground
    beyond -= (1 - alpha) * background
    beyond *= alpha
    beyond += foreground
    return np.clip(beyond, 0, 255, out=beyond)

"""An alpha solved anew from the photo's colours, along the outline alone: slower, finer in hair. Needs pymatting."""

import cv2
import numpy as np

from tfseg.letterbox import within

BAND_SHARE = 0.008  # of the longer side: how far on each side of the outline alpha is solved anew
MAX_SIDE = 1600  # pixels; the band of a larger photo is solved in a smaller one, or it would take minutes


def refine_closed_form(image, alpha):
    """Solves the alpha in a band about the outline in closed form (Levin et al. 2008, through pymatting).

    Args:
        image: uint8 `[H, W, 3]` RGB.
        alpha: float32 `[H, W]` in 0..1, 0 and 1 where there is no doubt.

    Returns:
        float32 `[H, W]` in 0..1; `alpha` itself outside the band.

    Raises:
        ImportError: pymatting is not installed.
    """
    estimate = load_estimator()
    trimap = trimap_of(alpha)
    if not (trimap == 1).any() or not (trimap == 0).any():
        return alpha
    height, width = alpha.shape
    size = within(MAX_SIDE, height, width)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) / 255.0
    known = cv2.resize(trimap, size, interpolation=cv2.INTER_NEAREST)
    solved = cv2.resize(estimate(small, known.astype(np.float64)).astype(np.float32), (width, height))
    return np.where(trimap == 0.5, np.clip(solved, 0, 1), alpha)


def trimap_of(alpha):
    """0 and 1 where alpha is sure, 0.5 in the band about the outline: float32 `[H, W]`."""
    reach = max(2, round(BAND_SHARE * max(alpha.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    person = (alpha >= 0.5).astype(np.uint8)
    sure = cv2.erode(person, disc, borderValue=1)
    possible = cv2.dilate(person, disc)
    return np.where(sure == 1, 1, np.where(possible == 0, 0, 0.5)).astype(np.float32)


def load_estimator():
    """pymatting's `estimate_alpha_cf`. Raises ImportError, with what to do."""
    try:
        from pymatting import estimate_alpha_cf
    except ImportError:
        raise ImportError("--refine closed-form needs pymatting: pip install 'tfseg[matting]'") from None
    return estimate_alpha_cf

"""Masks of a video that do not flicker: each is blended with the one before, moved along with the picture.

The more the two differ, the more the new one counts, so that a person who moves is not trailed by where she was; where
the picture itself is another than the moved one, as behind an arm that swings away, the old mask counts less, and after
a cut for nothing. Where it has moved to is found by dense inverse search (Kroeger et al. 2016, arXiv:1603.03590).
"""

import cv2
import numpy as np

from tfseg.matte import refine_alpha

MEMORY = 0.9  # share of the old mask where both agree; half of it where one says person and the other does not
TOLERANCE = 40  # grey levels between picture and moved picture at which the old mask counts exp(-1) as much
CUT = 12  # grey levels of mean difference from which on it is another scene; a moving camera stays below 4
NEAR = 5  # pixels of the network's frame, over which pictures are compared


class Smoothing:
    """Alphas of a video's frames, one after the other.

    Args:
        segmenter: `tfseg.segmenter.Segmenter`.
        smooth: False gives each frame's own alpha.
    """

    def __init__(self, segmenter, smooth=True):
        self.segmenter, self.smooth = segmenter, smooth
        self.grey = self.probability = None
        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def alpha(self, image):
        """How much of each pixel is person.

        Args:
            image: uint8 `[H, W, 3]` RGB, the next frame.

        Returns:
            float32 `[H, W]` in 0..1.
        """
        probability, small = self.segmenter.probability(image)
        if self.smooth:
            probability = self._blended(probability, cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        return refine_alpha(probability, small, image)

    def _blended(self, probability, grey):
        if self.grey is not None and self.grey.shape == grey.shape:
            old, moved = self._moved_to(grey)
            difference = cv2.absdiff(moved, grey)
            if difference.mean() < CUT:
                disagreement = np.abs(old - probability)
                likeness = np.exp(-((cv2.blur(difference, (NEAR, NEAR)) / TOLERANCE) ** 2), dtype=np.float32)
                probability = probability + MEMORY * (1 - disagreement / 2) * likeness * (old - probability)
        self.grey, self.probability = grey, probability
        return probability

    def _moved_to(self, grey):
        """The last mask and the last picture, moved to where the new picture shows what they showed."""
        if min(grey.shape) < 16:  # pixels; nothing can be searched for in less
            return self.probability, self.grey
        flow = self.flow.calc(grey, self.grey, None)
        rows, columns = np.indices(grey.shape, dtype=np.float32)
        x, y = columns + flow[..., 0], rows + flow[..., 1]
        return tuple(
            cv2.remap(each, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for each in (self.probability, self.grey)
        )

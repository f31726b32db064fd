"""samples.png: what the network makes of a few validation photos, to be looked at while it trains."""

import keras
import numpy as np

from tfseg.letterbox import letterbox
from tfseg.metrics import dice
from tfseg.pairs import read_pair
from training.figures import draw_gallery

COUNT = 8


class Samples(keras.callbacks.Callback):
    """Draws photo, truth and predicted probability of photos spread over the validation set.

    It must stand before `keras.callbacks.SwapEMAWeights` in the list of callbacks, to show what is kept.

    Args:
        pairs: list of `tfseg.pairs.Pair`.
        height, width: of the network's input, pixels.
        every: epochs between two pictures, from 1.
        path: PNG to write, anew each time.
    """

    def __init__(self, pairs, height, width, every, path):
        super().__init__()
        self.every, self.path = every, path
        self.pairs = [pairs[index] for index in np.linspace(0, len(pairs) - 1, min(COUNT, len(pairs)), dtype=int)]
        self.size = height, width

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_test_end(self, logs=None):
        if self.epoch % self.every == 0:
            draw_gallery([self._cell(pair) for pair in self.pairs], self.path, columns=2)

    def _cell(self, pair):
        image, truth = read_pair(pair)
        image, truth = letterbox(image, *self.size)[0], letterbox(truth, *self.size, value=0)[0]
        logits = keras.ops.convert_to_numpy(self.model(image[None].astype(np.float32), training=False))[0, ..., 0]
        grey = [np.rint(255 * share).astype(np.uint8) for share in (truth, 1 / (1 + np.exp(-logits)))]
        caption = f"{pair.image.stem[-18:]} D {dice(truth, (logits >= 0).astype(np.uint8)):.3f}  epoch {self.epoch}"
        return caption, [image, *(np.repeat(part[..., None], 3, axis=2) for part in grey)]

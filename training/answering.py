"""The peer's end of the pipes of `training.peers`; runs in a peer's own environment, so it needs NumPy alone.

Says once: length int64 and path of the model's file. Then for each photo takes height, width int64 and uint8 RGB, and
gives float64 the seconds of the whole answer and those of the network in it (NaN: not known), and the probabilities
float32 `[height, width]`.
"""

import os
import struct
import sys
import time

import numpy as np


def answer(model, segment):
    """Answers photos until standard input ends.

    Args:
        model: path of the peer's model, for reports.
        segment: uint8 `[H, W, 3]` RGB to probability `[H, W]` and the seconds of the network, NaN where it cannot
            tell; the whole call is timed here.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed must not get between the answers
    answers.write(struct.pack("<q", len(str(model))) + str(model).encode())
    answers.flush()
    while header := sys.stdin.buffer.read(16):
        height, width = struct.unpack("<qq", header)
        image = np.frombuffer(sys.stdin.buffer.read(height * width * 3), np.uint8).reshape(height, width, 3)
        start = time.perf_counter()
        alpha, network = segment(image)
        seconds = time.perf_counter() - start
        answers.write(struct.pack("<dd", seconds, network) + alpha.astype(np.float32).tobytes())
        answers.flush()

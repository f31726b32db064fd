"""MediaPipe Selfie Segmentation behind pipes; run by `training.peers` in the environment that `make peers` makes."""

import math
from pathlib import Path

import mediapipe
from answering import answer


def main():
    model = Path(mediapipe.__file__).parent / "modules" / "selfie_segmentation" / "selfie_segmentation.tflite"
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        answer(model, lambda image: (segmentation.process(image).segmentation_mask, math.nan))


main()

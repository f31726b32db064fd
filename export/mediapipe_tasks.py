"""MediaPipe Tasks' ImageSegmenter over frames; run in the environment that `make peers` makes.

    .peers/bin/python export/mediapipe_tasks.py person.tflite frames.npy answers.npy

frames.npy holds uint8 `[N, H, W, 3]` RGB of the model's size; answers.npy gets float32 `[N, H, W]`, the confidence of
the one label. Prints the labels.
"""

import sys

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision


def main():
    model, frames, answers = sys.argv[1:]
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=model), output_confidence_masks=True, output_category_mask=False
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        masks = []
        for frame in np.load(frames):
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame)
            masks.append(segmenter.segment(image).confidence_masks[0].numpy_view().squeeze().copy())
        np.save(answers, np.stack(masks))
        print(",".join(segmenter.labels))


main()

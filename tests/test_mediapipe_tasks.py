"""MediaPipe Tasks runs our files as they are. `make test-mediapipe` installs it; without it these tests skip."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import export
from export.bundle import KINDS
from export.metadata import NAME
from export.tflite_convert import LANDSCAPE
from tfseg.letterbox import letterbox
from tfseg.metrics import dice
from tfseg.sample import person_free, portraits
from tfseg.segmenter import BUNDLED, Segmenter

SCRIPT = Path(export.__file__).parent / "mediapipe_tasks.py"
PYTHON = Path(__file__).parents[1] / ".peers" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="MediaPipe is not installed: make test-mediapipe")


def compared(path, folder):
    """The person probability of three frames by MediaPipe and by `Segmenter`, and the labels."""
    segmenter = Segmenter.load(path)
    photos = [image for image, _ in portraits().values()] + [person_free()]
    frames = np.stack([letterbox(photo, segmenter.height, segmenter.width)[0] for photo in photos])
    np.save(folder / "frames.npy", frames)
    command = [PYTHON, SCRIPT, path, folder / "frames.npy", folder / "answers.npy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "answers.npy"), np.stack([segmenter.network(frame) for frame in frames]), done.stdout


def agrees(path, folder):
    answers, expected, labels = compared(path, folder)
    assert labels == "person\n"
    if "int8" in path.name:
        assert dice(expected >= 0.5, answers >= 0.5) >= 0.995
    else:
        assert np.abs(answers - expected).max() < 1e-4


@pytest.mark.parametrize("kind", ["none", "float16", "dynamic", "int8", "int8_float_edges"])
def test_image_segmenter_runs_every_kind_of_file_and_agrees(converted, kind, tmp_path):
    agrees(converted[kind], tmp_path)


@pytest.mark.parametrize("kind", [kind + turned for kind in KINDS for turned in ("", LANDSCAPE)])
def test_image_segmenter_runs_the_shipped_files_and_agrees(kind, tmp_path):
    models = json.loads((BUNDLED / "model.json").read_text())["models"]
    if kind not in models:
        pytest.skip(f"{BUNDLED.name} was bundled without {kind}")
    path = BUNDLED / models[kind]["file"]
    if NAME.encode() not in path.read_bytes():
        pytest.skip(f"{path.name} was converted before files held metadata")
    agrees(path, tmp_path)

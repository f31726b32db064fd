import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export import parity
from export.saved_model import main
from tfseg.segmenter import Segmenter


def test_tensorflows_own_command_converts_it_without_loss(trained, photos, tmp_path, draw):
    checkpoint, out, file = trained / "best_dice.keras", tmp_path / "new" / "saved", tmp_path / "person.tflite"
    assert main(["--model", str(checkpoint), "--out", str(out)]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["saved"]
    command = [Path(sys.executable).parent / "tflite_convert", f"--saved_model_dir={out}", f"--output_file={file}"]
    subprocess.run(command, capture_output=True, check=True, timeout=300)
    frame = draw(60, 96, 64)[0]
    assert np.abs(Segmenter.load(file).network(frame) - Segmenter.load(checkpoint).network(frame)).max() < 1e-4
    arguments = ["--model", checkpoint, "--files", file, "--data", photos, "--out", tmp_path / "parity"]
    assert parity.main([str(word) for word in arguments]) == 0


@pytest.mark.parametrize(
    "given, named", [("--model {here}/no.keras --out {here}/new", "no.keras"), ("--out {here}", "exists already")]
)
def test_what_cannot_be_written_ends_in_one_line(tmp_path, capsys, given, named):
    assert main(given.format(here=tmp_path).split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("export.saved_model: ") and named in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

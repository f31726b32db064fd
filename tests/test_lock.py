import signal
import subprocess
import sys

import pytest

from training.lock import locked

HOLD = """
import sys
from pathlib import Path
from training.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


def test_a_folder_is_held_by_one_process_until_that_ends_however_it_ends(tmp_path):
    folder = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=f"{folder}: another run is writing into it"), locked(folder):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with locked(folder):
        (folder / "run.json").write_text("{}")
    assert folder.exists()


def test_a_folder_that_nothing_was_written_into_does_not_stay(tmp_path):
    with pytest.raises(RuntimeError), locked(tmp_path / "run"):
        raise RuntimeError
    assert not (tmp_path / "run").exists()

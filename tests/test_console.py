import os
import subprocess
import sys

import pytest

from tfseg.console import first_sentence, quiet


def test_of_a_long_error_the_first_sentence_is_told():
    assert first_sentence(ValueError("A total of 27 objects failed. Example: <Conv2D>:\nmore")) == (
        "A total of 27 objects failed"
    )
    assert first_sentence(OSError("weights.h5 is damaged.")) == "weights.h5 is damaged"
    assert first_sentence(KeyError()) == ""


def test_what_c_code_writes_to_standard_error_is_silenced_and_what_follows_is_not(capfd):
    with quiet():
        os.write(2, b"chatter")
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_an_exception_comes_through_and_standard_error_is_back(capfd):
    with pytest.raises(KeyError), quiet():
        raise KeyError("fault")
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


@pytest.mark.parametrize("command", ["training.fit", "export.tflite_convert"])
def test_a_users_mistake_prints_one_line_and_nothing_of_the_libraries(command):
    done = subprocess.run([sys.executable, "-m", command, "--bogus"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.startswith(command)

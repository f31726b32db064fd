import json
import shutil
import subprocess
import sys
import time

import pytest

from tfseg import quarantine as module
from tfseg.quarantine import probe
from tfseg.runtime import ModelError
from tfseg.segmenter import BUNDLED, Segmenter

SHIPPED = (BUNDLED / "person_mobilenet_v2_int8.tflite").read_bytes()


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Puts other code into the place of what tries the file."""

    def put(code):
        (tmp_path / "quarantine.py").write_text(code)
        monkeypatch.setattr(module, "__file__", str(tmp_path / "quarantine.py"))
        monkeypatch.setattr(module, "_sound", set())

    return put


def test_a_sound_file_passes_and_is_tried_once(script):
    probe(SHIPPED, "person.tflite")
    probe(SHIPPED, "person.tflite")
    script("raise SystemExit('asked')")
    with pytest.raises(ModelError, match="person.tflite: LiteRT cannot load it: asked"):
        probe(SHIPPED, "person.tflite")


@pytest.mark.parametrize("content", [b"", b"TFL3", SHIPPED[:100_000], b"\x1c\0\0\0TFL3" + bytes(10_000)])
def test_a_damaged_file_is_refused_in_one_line(content):
    with pytest.raises(ModelError, match="^person.tflite: LiteRT .*") as error:
        probe(content, "person.tflite")
    assert "\n" not in str(error.value)


def test_what_kills_the_process_or_does_not_come_back_is_refused(script, monkeypatch):
    script("import os; os.abort()")
    with pytest.raises(ModelError, match="person.tflite: LiteRT dies of it .signal 6."):
        probe(SHIPPED, "person.tflite")
    script("import time; time.sleep(60)")
    monkeypatch.setattr(module, "PATIENCE", 2)
    started = time.monotonic()
    with pytest.raises(ModelError, match="does not come back"):
        probe(SHIPPED, "person.tflite")
    assert time.monotonic() - started < 30


def test_a_strangers_bundle_is_probed_and_the_shipped_one_is_not(script, tmp_path):
    script("raise SystemExit('asked')")
    Segmenter.load()
    copy = shutil.copytree(BUNDLED, tmp_path / "copy")
    with pytest.raises(ModelError, match="asked"):
        Segmenter.load(copy)


@pytest.mark.parametrize("name", ["../person.tflite", "/etc/passwd", "nothing.tflite"])
def test_a_bundle_that_names_a_file_elsewhere_is_refused(tmp_path, name):
    copy = shutil.copytree(BUNDLED, tmp_path / "copy")
    contract = json.loads((copy / "model.json").read_text())
    contract["models"]["int8"]["file"] = name
    (copy / "model.json").write_text(json.dumps(contract))
    with pytest.raises(ModelError, match="which is no file in it"):
        Segmenter.load(copy)


NO_NETWORK = """
import socket
def refuse(*arguments, **settings):
    raise SystemExit("network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import sys
from tfseg.cli import main
from tfseg.image import write_image
from tfseg.sample import portraits
write_image("me.png", portraits()["grace_hopper"][0])
sys.exit(main(["cutout", "me.png", "-o", "cut.png"]))
"""


def test_import_and_cut_out_ask_nothing_of_the_network(tmp_path):
    done = subprocess.run([sys.executable, "-c", NO_NETWORK], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "cut.png").exists()

import io
import zipfile

import h5py
import numpy as np
import pytest

from tfseg.archive import check_archive
from training.config import BUNDLED_CHECKPOINT


def archive(path, weights=None, **more):
    """A checkpoint with these weights; `more` are members beside or in the place of its own."""
    members = {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": weights or hdf5()} | more
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(name, content)
    return path


def hdf5(fill=lambda file: file.create_dataset("a/b", data=np.ones(3))):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
    return content.getvalue()


def circle(file):
    file.create_group("a")["b"] = file["/"]


CASES = {
    "zip bomb": ({"config.json": bytes(20_000_000)}, "more than 100 times"),
    "a member too many": ({"code.py": b"import os"}, "a .keras checkpoint holds"),
    "a way out of the folder": ({"../metadata.json": b"{}"}, "a .keras checkpoint holds"),
    "a member too few": ({"config.json": None}, "a .keras checkpoint holds"),
    "no weights": ({"weights": b"\x80\x04pickle"}, "weights are damaged"),
    "a link": ({"weights": hdf5(lambda f: f.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")))}, "other places"),
    "a circle": ({"weights": hdf5(circle)}, "in a circle"),
    "an array of nothing": (
        {"weights": hdf5(lambda f: f.create_dataset("a", (10**12,), chunks=(1000,)))},
        "claim over",
    ),
    "an array elsewhere": (
        {"weights": hdf5(lambda f: f.create_dataset("a", (9,), "u1", external=[("/etc/passwd", 0, 9)]))},
        "other files",
    ),
}


def test_a_checkpoint_passes(tmp_path):
    check_archive(BUNDLED_CHECKPOINT)
    check_archive(archive(tmp_path / "small.keras"))


@pytest.mark.parametrize("case", CASES)
def test_what_no_checkpoint_holds_is_refused_before_it_is_unpacked(tmp_path, case):
    members, words = CASES[case]
    weights = members.get("weights")
    path = archive(tmp_path / "evil.keras", weights, **{k: v for k, v in members.items() if k != "weights"})
    with pytest.raises(ValueError, match=words) as error:
        check_archive(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"PK\x03\x04" + bytes(99)])
def test_what_is_no_archive_is_named(tmp_path, content):
    (tmp_path / "evil.keras").write_bytes(content)
    with pytest.raises(ValueError, match="evil.keras: damaged, no .keras checkpoint"):
        check_archive(tmp_path / "evil.keras")
    with pytest.raises(ValueError, match="nothing.keras: No such file"):
        check_archive(tmp_path / "nothing.keras")

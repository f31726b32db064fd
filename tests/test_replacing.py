import contextlib

import pytest

from tfseg.replacing import remove_leftovers, replacing


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    for name in (".0123456789ab.keras", ".0123456789ab", ".hidden.png", "me.png", "0123456789ab.png"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".hidden.png", "me.png", "0123456789ab.png"}
    with contextlib.suppress(KeyboardInterrupt), replacing(tmp_path / "me.png") as temporary:
        temporary.touch()
        remove_leftovers(tmp_path)
        assert not temporary.exists(), "named as `replacing` does"
        raise KeyboardInterrupt
    remove_leftovers(tmp_path / "missing")


def test_replacing_changes_the_file_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".csv"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]

import json

import numpy as np
import pytest

from export.benchmark import main

RNG = np.random.default_rng(0)


def benchmark(path, sha256="a", **medians):
    """A benchmark.json of rows with that median time of the network, 40 runs each with 3 % of noise."""
    rows = []
    for name, median in medians.items():
        samples = {"infer": (median * RNG.normal(1, 0.03, 40)).tolist()}
        rows.append({"name": name, "delegate": "cpu", "threads": 2, "sha256": sha256, "samples": samples, "ms": {}})
    path.write_text(json.dumps({"rows": rows}))
    return str(path)


def test_only_what_got_slower_than_noise_is_flagged(tmp_path, capsys):
    old = benchmark(tmp_path / "old.json", same=10.0, slower=10.0, faster=10.0, gone=10.0)
    new = benchmark(tmp_path / "new.json", same=10.0, slower=13.0, faster=7.0, added=10.0)
    assert main(["--compare", old, new]) == 1
    lines = {line.split(" | ")[0].strip("| "): line for line in capsys.readouterr().out.splitlines()}
    assert "SLOWER" in lines["slower"]
    assert "SLOWER" not in lines["same"] + lines["faster"]
    assert "gone" not in lines and "added" not in lines


def test_nothing_slower_is_status_0_and_another_file_is_said_so(tmp_path, capsys):
    old = benchmark(tmp_path / "old.json", model=10.0)
    assert main(["--compare", old, benchmark(tmp_path / "new.json", sha256="b", model=10.0)]) == 0
    assert "another file" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{}", '{"rows": [{"name": "x"}]}', "[1]"])
def test_what_is_no_benchmark_is_named(tmp_path, capsys, content):
    (tmp_path / "old.json").write_text(content)
    assert main(["--compare", str(tmp_path / "old.json"), str(tmp_path / "old.json")]) == 2
    assert f"{tmp_path}/old.json: not a benchmark.json of export.benchmark" in capsys.readouterr().err


def test_benchmarks_without_a_row_in_common_are_refused(tmp_path, capsys):
    old, new = benchmark(tmp_path / "old.json", a=1.0), benchmark(tmp_path / "new.json", b=1.0)
    assert main(["--compare", old, new]) == 2
    assert "no model, delegate and number of threads in common" in capsys.readouterr().err

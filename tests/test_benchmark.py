import csv
import json
from pathlib import Path

import numpy as np
import pytest

from export import entries
from export.benchmark import main
from export.graph import read_operators
from export.probe import Probe
from tfseg.image import read_image
from tfseg.segmenter import BUNDLED

INT8 = str(BUNDLED / "person_mobilenet_v2_int8.tflite")
OPERATORS = len(read_operators(Path(INT8).read_bytes()))
SMALL = ["--runs", "2", "--threads", "1", "--model", INT8]


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch):
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nonexistent")


def run(out, *arguments):
    status = main([*SMALL, "--out", str(out), *arguments])
    return status, json.loads((out / "benchmark.json").read_text())


def test_one_command_makes_table_csv_json_and_picture(tmp_path, capsys):
    status, content = run(tmp_path)
    assert status == 0
    cpu, gpu = content["rows"]
    assert len(cpu["samples"]["infer"]) == 2
    for time in ("decode", "preprocess", "infer", "postprocess"):
        assert cpu["ms"][time]["p5"] <= cpu["ms"][time]["median"] <= cpu["ms"][time]["p95"]
    parts = [sum(cpu["samples"][stage][n] for stage in ("preprocess", "infer", "postprocess")) for n in range(2)]
    assert cpu["samples"]["whole"] == pytest.approx(parts)
    assert cpu["dice"] > 0.9 and cpu["load_ms"] > 0 and cpu["peak_mb"] > 3 and cpu["macs"] > 1e8
    assert (gpu["status"], gpu["ms"]) == ("no adapter", {})
    assert {"cpu", "cores", "memory", "system", "versions", "date"} <= content["machine"].keys()
    assert content["command"].startswith("python -m export.benchmark --runs 2")
    assert "| no adapter |" in capsys.readouterr().out and "no adapter" in (tmp_path / "benchmark.md").read_text()
    assert len(list(csv.DictReader((tmp_path / "benchmark.csv").open()))) == 2
    assert read_image(tmp_path / "benchmark.png").size


def test_a_gpu_that_is_required_and_absent_is_status_1_with_the_report_written(tmp_path, capsys):
    status, content = run(tmp_path, "--delegate", "gpu", "--require-gpu")
    assert status == 1 and content["rows"][0]["status"] == "no adapter"
    assert "--require-gpu: person_mobilenet_v2_int8: no adapter" in capsys.readouterr().err


@pytest.mark.parametrize(
    "seen, words",
    [
        ({"adapter": "Soft", "software": True}, "SOFTWARE adapter Soft, not a GPU and not timed; fully delegated"),
        (
            {"adapter": "Soft", "software": True, "left": 2, "refused": ("ERF: Operation is not supported.",)},
            f"SOFTWARE adapter Soft, not a GPU and not timed; partly delegated, 2 of {OPERATORS} operators left to the "
            "CPU: ERF: Operation is not supported.",
        ),
    ],
)
def test_a_software_adapter_is_named_and_never_timed(tmp_path, monkeypatch, seen, words):
    answers = []

    def probed(path, delegate, threads, frames):
        answers.append(np.stack([entries.Segmenter.load(path).network(frame) for frame in frames]))
        return Probe(load=1.0, first=2.0, answers=answers[-1], **seen)

    monkeypatch.setattr(entries, "probe", probed)
    status, content = run(tmp_path, "--delegate", "gpu", "--require-gpu")
    (row,) = content["rows"]
    assert row["status"] == words and row["ms"] == {} and row["agreement_dice"] == 1
    assert status == (1 if seen.get("left") else 0)


@pytest.mark.parametrize("wrong", [1, 2])
def test_a_gpu_that_disagrees_with_the_cpu_is_a_fault(tmp_path, monkeypatch, wrong):
    def probed(path, delegate, threads, frames):
        answers = np.stack([entries.Segmenter.load(path).network(frame) for frame in frames])
        answers[:wrong] = 1 - answers[:wrong]
        return Probe(load=1.0, first=2.0, answers=answers, adapter="S", software=True)

    monkeypatch.setattr(entries, "probe", probed)
    status, content = run(tmp_path, "--delegate", "gpu", "--require-gpu")
    (row,) = content["rows"]
    assert status == 1 and row["status"].startswith("DISAGREES with the CPU; SOFTWARE adapter S")
    assert row["agreement_dice"] == pytest.approx(1 - wrong / 2, abs=0.01) and row["agreement_photos"] == 2
    assert row["agreement_least"] < 0.01


def test_own_photos_are_timed_and_judged(tmp_path, photos):
    _, content = run(tmp_path, "--delegate", "cpu", "--data", str(photos))
    assert content["rows"][0]["dice"] is not None


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model", "missing.tflite"], "missing.tflite: no such model."),
        (["--model", "README.md"], "README.md: a model is a bundle folder"),
        (["--delegate", "keras-gpu"], "--delegate keras-gpu: needs a .keras checkpoint"),
        (["--data", "missing"], "missing: no such folder."),
        (["--compare", "missing.json"], "missing.json: not a benchmark.json"),
    ],
)
def test_a_mistake_ends_in_one_line_and_writes_nothing(tmp_path, capsys, arguments, words):
    assert main([*SMALL, "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"export.benchmark: {words}") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--threads", "0"], "'0' is no list of whole numbers from 1 on"),
        (["--runs", "0"], "--runs: 0 is out of range; it starts at 1"),
        (["--adb"], "name your copy of TensorFlow's benchmark_model for Android with --benchmark-binary"),
        (["--compare", "a", "b", "c"], "takes one benchmark.json to measure against, or two to compare"),
        (["--delegate", "npu"], "invalid choice: 'npu'"),
    ],
)
def test_a_wrong_option_ends_in_one_line(capsys, arguments, words):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_later_run_is_compared_with_this_one(tmp_path, capsys):
    run(tmp_path, "--delegate", "cpu")
    main([*SMALL, "--out", str(tmp_path / "again"), "--delegate", "cpu", "--compare", str(tmp_path / "benchmark.json")])
    assert "| person_mobilenet_v2_int8 | cpu | 1 | infer |" in capsys.readouterr().out

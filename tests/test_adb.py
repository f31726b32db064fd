"""Phones over adb. No phone is at hand: a fake `adb` program replays transcripts of `tests/benchmark_model`."""

import json
import os
from pathlib import Path
from types import MappingProxyType

import pytest

from export.benchmark import main

TRANSCRIPTS = Path(__file__).parent / "benchmark_model"
MODEL = Path(__file__).parents[1] / "android_assets" / "person_mobilenet_v2" / "person_mobilenet_v2_int8.tflite"

# Notes every command; what it answers lies in files beside it.
FAKE = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
if [ "$1" = devices ]; then echo "List of devices attached"; cat "$here/devices"; exit; fi
case "$*" in *"$(cat "$here/lost")"*) touch "$here/gone";; esac
if [ -e "$here/gone" ]; then echo "error: device '$2' not found" >&2; exit 1; fi
case "$*" in
    *ro.product.model) echo "Pixel Test";;
    *getprop*) echo 13;;
    *--graph*use_gpu*) cat "$here/gpu";;
    *--graph*use_nnapi*) cat "$here/nnapi";;
    *--graph*) cat "$here/cpu";;
esac
"""
NEVER = "no command holds this"


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """Connects fake phones and runs the benchmark: gives its status, content or None, and adb's commands.

    `devices`: serial to state; `printed`: of "cpu", "gpu", "nnapi" what `benchmark_model` prints; `lost`: words of the
    command at which the phone goes away.
    """
    folder = tmp_path / "platform-tools"
    folder.mkdir()
    (folder / "adb").write_text(FAKE)
    (folder / "adb").chmod(0o755)
    (tmp_path / "benchmark_model").write_bytes(b"the phone's program")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def run(*arguments, devices=MappingProxyType({"PHONE1": "device"}), lost=NEVER, **printed):
        usual = {"cpu": transcript("cpu"), "gpu": transcript("gpu"), "nnapi": transcript("nnapi_refused")}
        for name, text in (usual | printed).items():
            (folder / name).write_text(text)
        (folder / "devices").write_text("".join(f"{serial}\t{state}\n" for serial, state in devices.items()))
        (folder / "lost").write_text(lost)
        out = tmp_path / "out"
        paths = ["--benchmark-binary", str(tmp_path / "benchmark_model"), "--model", str(MODEL), "--out", str(out)]
        status = main(["--adb", *paths, *arguments])
        content = json.loads((out / "benchmark.json").read_text()) if (out / "benchmark.json").exists() else None
        calls = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
        return status, content, calls

    return run


def transcript(name):
    return (TRANSCRIPTS / f"{name}.txt").read_text()


def rows_of(content):
    return {(row["delegate"], row["threads"]): row for row in content["rows"]}


def test_every_configuration_becomes_a_row_and_the_phone_is_left_clean(phone):
    status, content, calls = phone()
    assert status == 0 and content["machine"]["phone"] == "Pixel Test" and content["lost"] is None
    rows = rows_of(content)
    assert list(rows) == [
        ("cpu", 1), ("cpu", 2), ("cpu", 4), ("gpu, float16 allowed", 1), ("gpu, float32", 1), ("nnapi", 1)
    ]  # fmt: skip
    cpu = rows["cpu", 2]
    assert cpu["ms"]["infer"] == {"p5": 8.01, "median": 8.14, "p95": 8.45}, "the last count, not the warm-up's"
    assert (cpu["load_ms"], cpu["first_ms"], cpu["peak_mb"]) == (21.5, 11.2, 17.75)
    assert (cpu["delegated"], cpu["operators"]) == (91, 93)
    asked = [call for call in calls if "benchmark_model --graph" in call]
    assert ["--num_threads=4" in call for call in asked] == [False, False, True, False, False, False]
    assert "--gpu_precision_loss_allowed=false" in asked[4] and "--gpu_precision_loss_allowed=true" in asked[3]
    assert all("--num_runs=50" in call for call in asked)
    assert calls[-1] == "-s PHONE1 shell rm -rf /data/local/tmp/tfseg_benchmark"


def test_a_tool_without_percentiles_gives_mean_least_and_most_and_says_so(phone):
    _, content, _ = phone()
    gpu = rows_of(content)["gpu, float32", 1]
    assert gpu["ms"]["infer"] == {"p5": 4.31, "median": 4.45, "p95": 5.21}
    assert gpu["status"] == "fully delegated; mean, least and most, no percentiles"
    assert gpu["peak_mb"] == 91.25


def test_operators_left_to_the_cpu_are_counted_and_named(phone):
    _, content, _ = phone(gpu=transcript("gpu_partly"))
    gpu = rows_of(content)["gpu, float32", 1]
    assert (gpu["delegated"], gpu["operators"]) == (90, 93) and gpu["ms"]["infer"]["median"] == 8.99
    assert gpu["status"].startswith(
        "partly delegated, 3 left to the CPU: TOPK_V2: Operation is not supported. QUANTIZE:"
    )


def test_a_delegate_that_gave_everything_back_is_never_quoted(phone, capsys):
    _, content, _ = phone()
    refused = rows_of(content)["nnapi", 1]
    assert refused["ms"] == {} and refused["status"].startswith("refused: TfLiteNnapiDelegate took no operator")
    table = capsys.readouterr().out
    assert "refused: TfLiteNnapiDelegate" in table and "16.0" not in table


def test_a_delegate_that_the_phone_refuses_is_reported_and_the_others_go_on(phone):
    status, content, _ = phone(gpu=transcript("gpu_failed"))
    gpu = rows_of(content)["gpu, float16 allowed", 1]
    assert status == 0 and gpu["ms"] == {}
    assert gpu["status"] == "no time: ERROR: TfLiteGpuDelegate Init: No EGL error, but eglChooseConfig failed."
    assert rows_of(content)["cpu", 4]["ms"]


@pytest.mark.parametrize("garbage, words", [("\x07 ???\n1234", "no time: "), ("", "no time: nothing was printed")])
def test_garbage_is_no_time(phone, garbage, words):
    status, content, _ = phone(cpu=garbage, gpu=garbage, nnapi=garbage)
    assert status == 0
    assert all(row["ms"] == {} and row["status"].startswith(words) for row in content["rows"])


@pytest.mark.parametrize(
    "devices, arguments, words",
    [
        ({}, [], "no device; connect a phone with USB debugging switched on."),
        ({"PHONE1": "device", "PHONE2": "device"}, [], "2 devices; name one with --serial: PHONE1, PHONE2."),
        ({"PHONE1": "unauthorized"}, [], "PHONE1 is unauthorised; allow USB debugging in the phone's dialogue."),
        ({"PHONE1": "offline"}, [], "PHONE1 is not ready: offline."),
        ({"PHONE1": "device"}, ["--serial", "PHONE9"], "PHONE9 is not connected; connected: PHONE1."),
    ],
)
def test_a_phone_that_cannot_be_used_ends_in_one_line(phone, capsys, devices, arguments, words):
    status, content, calls = phone(*arguments, devices=devices)
    error = capsys.readouterr().err
    assert status == 2 and content is None and calls == ["devices"]
    assert error.startswith("export.benchmark: ") and error.endswith(f"{words}\n") and error.count("\n") == 1


def test_of_two_phones_the_named_one_is_used(phone):
    status, _, calls = phone("--serial", "PHONE2", devices={"PHONE1": "device", "PHONE2": "device"})
    assert status == 0 and all(call.startswith("-s PHONE2 ") for call in calls[1:])


def test_what_was_measured_before_the_phone_was_lost_is_kept(phone, capsys):
    status, content, _ = phone(lost="use_gpu")
    assert status == 1
    assert "PHONE1 was lost: error: device 'PHONE1' not found" in capsys.readouterr().err
    assert content["rows"] and {row["delegate"] for row in content["rows"]} == {"cpu"}


def test_a_phone_lost_before_anything_was_measured_leaves_no_report(phone, capsys):
    status, content, _ = phone(lost="push")
    assert status == 2 and content is None and "was lost" in capsys.readouterr().err


def test_without_adb_or_the_program_it_says_what_is_missing(phone, monkeypatch, capsys, tmp_path):
    assert phone("--benchmark-binary", str(tmp_path / "none"))[0] == 2
    assert capsys.readouterr().err == f"export.benchmark: --benchmark-binary: {tmp_path / 'none'}: no such file.\n"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert phone()[0] == 2
    assert "no adb on the PATH" in capsys.readouterr().err

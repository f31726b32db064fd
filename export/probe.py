"""Asks a model in a process of its own what it needs and which delegate really runs it.

A GPU driver may end the whole process, and whether the GPU took every operator is said by what LiteRT prints alone.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import tfseg
from tfseg.console import quiet

SCRIPT = Path(__file__).with_name("cold_start.py")
PATIENCE = 300  # seconds; a software adapter takes a while for a large network


class Probe(NamedTuple):
    """What a model's first answers showed.

    Attributes:
        load, first: seconds of loading and of the first answer; None where it did not come to that.
        peak_bytes: by which the process's peak grew; None where the system does not tell.
        answers: float32 `[N, H, W]`, None without them.
        adapter: name of the GPU, None on the CPU or without one.
        software: whether that adapter is a program on the CPU.
        refused: operators that the GPU delegate left to the CPU, `NAME: reason`.
        left: how many operators these were.
        fault: what kept it from answering, None if nothing did.
    """

    load: float | None = None
    first: float | None = None
    peak_bytes: int | None = None
    answers: np.ndarray | None = None
    adapter: str | None = None
    software: bool = False
    refused: tuple[str, ...] = ()
    left: int = 0
    fault: str | None = None


def probe(path, delegate, threads, frames):
    """Runs a model for the first time.

    Args:
        path: of a .tflite or .keras file.
        delegate: "cpu" or "gpu".
        threads: of the CPU.
        frames: uint8 `[N, H, W, 3]` RGB of the model's size, at least one.

    Returns:
        `Probe`.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, answered = Path(folder) / "frames.npy", Path(folder) / "answers.npy"
        np.save(given, frames)
        command = [sys.executable, SCRIPT, path, delegate, str(threads), given, answered]
        places = [str(Path(tfseg.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)
        except subprocess.TimeoutExpired:
            return Probe(fault=f"no answer within {PATIENCE} seconds")
        told = read_log(done.stderr) if delegate == "gpu" else {}
        if done.returncode:
            return Probe(**told | {"fault": told.get("fault") or _last_words(done)})
        said = json.loads(done.stdout.splitlines()[-1])
        if said.pop("whole") is False and not told["left"]:
            told |= {"fault": "the GPU delegate left operators to the CPU without naming them"}
        return Probe(**said, answers=np.load(answered), **told)


def read_log(log):
    """What LiteRT printed about the GPU: a dict of the `Probe` attributes adapter, software, refused, left, fault."""
    chosen = re.search(r"Selected adapter: (.+?), arch=.*adapterType=(.+)", log)
    refused = re.search(r"not supported by GPU delegate:\n(.*?)\n?\d+ operations will run on the GPU", log, re.S)
    left = re.search(r"remaining (\d+) operations will run on the CPU", log)
    dynamic = "dynamic-sized tensor" in log
    absent = "No adapters found" in log or "No adapter found" in log
    return {
        "adapter": chosen[1] if chosen else None,
        "software": bool(chosen and "CPU" in chosen[2]),
        "refused": tuple(line.strip() for line in refused[1].splitlines()) if refused else (),
        "left": int(left[1]) if left else 0,
        "fault": "no adapter"
        if absent
        else "tensors of dynamic size, which no GPU delegate takes"
        if dynamic
        else None,
    }


def _last_words(done):
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("INFO")]
    ended = f"ended by signal {-done.returncode}" if done.returncode < 0 else "failed"
    return f"{ended}: {lines[-1].lstrip('└ ')[:200] if lines else 'nothing was printed'}"


def xnnpack_operators(path):
    """How many operators of a .tflite file XNNPACK runs on the CPU, of how many."""
    with quiet():
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    nodes = interpreter._get_ops_details()
    plain = [node for node in nodes if node["op_name"] != "DELEGATE"]
    maker = {output: node for node in plain for output in node["outputs"]}
    taken = set()
    for delegate in (node for node in nodes if node["op_name"] == "DELEGATE"):
        borders, wanted = set(delegate["inputs"].tolist()), delegate["outputs"].tolist()
        while wanted:  # from what the delegate gives back to what it is given
            node = maker.get(wanted.pop())
            if node and node["index"] not in taken:
                taken.add(node["index"])
                wanted += [tensor for tensor in node["inputs"].tolist() if tensor not in borders]
    return len(taken), len(plain)

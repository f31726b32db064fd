"""A model's first answer in a process that holds nothing else; run by `export.probe`.

    python export/cold_start.py MODEL cpu|gpu THREADS frames.npy answers.npy

frames.npy holds uint8 `[N, H, W, 3]` of the model's size; answers.npy gets float32 `[N, H, W]`. Prints a JSON object:
seconds of loading and of the first answer, bytes by which the process's peak grew until then, and of the GPU whether it
took every operator.
"""

import json
import re
import sys
import time
from pathlib import Path

import numpy as np

from tfseg.runtime import keras_network, litert_network, load_checkpoint


def main():
    path, delegate, threads, given, answered = sys.argv[1:]
    frames = np.load(given)
    load, whole = prepare(Path(path), delegate, int(threads)), None
    before, start = peak_bytes(), time.perf_counter()
    network = load()
    if delegate == "gpu":
        network, whole = network
    loaded = time.perf_counter()
    answers = [network(frames[0])]
    first = time.perf_counter()
    grown = peak_bytes() - before if before else None
    np.save(answered, answers + [network(frame) for frame in frames[1:]])
    print(json.dumps({"load": loaded - start, "first": first - loaded, "peak_bytes": grown, "whole": whole}))


def prepare(path, delegate, threads):
    """Imports the runtime, and gives a function that loads the model with it."""
    if path.suffix == ".keras":
        import keras  # noqa: F401

        return lambda: keras_network(load_checkpoint(path))
    if delegate == "gpu":
        from webgpu import gpu_network

        return lambda: gpu_network(path)
    import ai_edge_litert.interpreter  # noqa: F401

    return lambda: litert_network(path.read_bytes(), path, threads)[0]


def peak_bytes():
    """The most memory that this process has held, as Linux counts it; None elsewhere."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else None


if __name__ == "__main__":
    main()

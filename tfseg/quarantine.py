"""A stranger's .tflite file, tried in a process of its own: what LiteRT does with a damaged one, no `except` catches.

    probe(content, path)    ends well, or in ModelError

As a script it reads a file from standard input and runs it once.
"""

import contextlib
import hashlib
import subprocess
import sys

MAX_BYTES = 500_000_000
MEMORY = 4_000_000_000  # bytes of addresses
SECONDS = 30  # of processor time
PATIENCE = 300  # seconds by the clock
_sound = set()  # checksums of the files that were found to be


def probe(content, path):
    """Loads a .tflite file and runs it on a grey photo, elsewhere.

    Args:
        content: bytes of the file.
        path: of the file, for the message.

    Raises:
        ModelError: LiteRT refuses it, dies of it, or does not come back.
    """
    from tfseg.runtime import ModelError

    if len(content) > MAX_BYTES:
        raise ModelError(f"{path}: {len(content):,} bytes; the limit of a .tflite file is {MAX_BYTES:,}.")
    checksum = hashlib.sha256(content).digest()
    if checksum in _sound:
        return
    command = [sys.executable, "-P", __file__]
    try:
        tried = subprocess.run(command, input=content, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path}: LiteRT does not come back from it within {PATIENCE} s.") from None
    if tried.returncode < 0:
        raise ModelError(f"{path}: LiteRT dies of it (signal {-tried.returncode}); the file is damaged.")
    if tried.returncode:
        lines = tried.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(f"{path}: LiteRT cannot load it: {lines[-1] if lines else 'it gives no reason'}")
    _sound.add(checksum)


def main():
    with contextlib.suppress(ImportError):  # no such limits on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=sys.stdin.buffer.read(), num_threads=1)
    interpreter.allocate_tensors()
    for taken in interpreter.get_input_details():
        interpreter.set_tensor(taken["index"], np.full(taken["shape"], 127).astype(taken["dtype"]))
    interpreter.invoke()
    for given in interpreter.get_output_details():
        interpreter.get_tensor(given["index"])


if __name__ == "__main__":
    main()

"""What a person sees while a command runs: our lines, not those of the libraries below."""

import contextlib
import os
import sys


@contextlib.contextmanager
def quiet():
    """Silences standard error, also for C++ code, which no Python setting reaches. Exceptions come through."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as silence:
        os.dup2(silence.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

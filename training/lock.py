"""One run at a time in a folder: two would write each other's checkpoints."""

import contextlib
import functools
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no locks on folders
    fcntl = None


def one_at_a_time(fit):
    """Makes a function of a `FitConfig` hold the lock of its folder, `config.out`, while it runs.

    Raises:
        ValueError: another process holds it.
        OSError: the folder cannot be made.
    """

    @functools.wraps(fit)
    def run(config):
        with locked(Path(config.out)):
            return fit(config)

    return run


@contextlib.contextmanager
def locked(folder):
    """Holds a folder's lock, which ends with the process however that ends; a new folder left empty goes again."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ValueError(f"--out: {folder}: another run is writing into it; wait for it, or name another.") from None
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            folder.rmdir()

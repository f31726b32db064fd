"""What a person sees while a command runs: our lines, not those of the libraries below."""

import argparse
import contextlib
import os
import re
import signal
import sys
import threading

standard_error = threading.RLock()  # held while it is silenced, and by whoever writes a line that must be seen
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, so that it is not lost under a screenful of usage."""

    def error(self, message):
        print(f"{self.prog}: {message} (--help lists every option)", file=sys.stderr)
        sys.exit(2)


def printable(text):
    """The text as one line: names of files may hold line breaks, and commands to a terminal."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def first_sentence(error):
    """What an error of a library says first, without its full stop: the rest is for those who work on the library."""
    return str(error).partition("\n")[0].partition(". ")[0].rstrip(".")


@contextlib.contextmanager
def terminable():
    """Makes SIGTERM what an interrupt from the keyboard is, so that whatever is half done is cleared away."""

    def stop(number, frame):
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def quiet():
    """Silences standard error, also for C++ code, which no Python setting reaches. Exceptions come through."""
    with standard_error:
        sys.stderr.flush()
        kept = os.dup(2)
        with open(os.devnull, "w") as silence:
            os.dup2(silence.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)

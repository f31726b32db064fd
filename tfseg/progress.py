"""How far a long command has come: one line on the terminal, with rate and time left."""

import sys
import time

from tfseg.console import standard_error


class Progress:
    """A line on standard error that is drawn over; nothing where that is no terminal.

    Args:
        total: how many there are to do, or 0 where nobody knows.
        unit: what is counted, in the plural.
        terminal: stream to draw on instead of standard error.
    """

    EVERY = 0.2  # seconds

    def __init__(self, total, unit, terminal=None):
        self.total, self.unit, self.done = total, unit, 0
        self.terminal = terminal or sys.stderr
        self.shown = self.terminal.isatty()
        self.start = self.drawn = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._clear()

    def advance(self, count=1):
        self.done += count
        now = time.monotonic()
        if self.shown and now - self.drawn >= self.EVERY:
            self.drawn = now
            print(f"\r\x1b[K{self.text(now - self.start)}", end="", file=self.terminal, flush=True)

    def say(self, line, file=None):
        """Prints a line that stays."""
        with standard_error:
            self._clear()
            print(line, file=file or sys.stdout, flush=True)

    def text(self, seconds):
        """The line as it stands after this many seconds."""
        rate = self.done / max(seconds, 1e-9)
        if not self.total:
            return f"{self.done} {self.unit}  {rate:.1f}/s"
        text = f"{self.done}/{self.total} {self.unit}  {100 * self.done / self.total:.0f}%  {rate:.1f}/s"
        if not self.done:
            return text
        left = max(0, round((self.total - self.done) / rate))
        return f"{text}  {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left"

    def _clear(self):
        if self.shown:
            print("\r\x1b[K", end="", file=self.terminal, flush=True)

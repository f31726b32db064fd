import io
import sys

from tfseg.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_rate_and_time_left():
    progress = Progress(100, "files")
    assert progress.text(1.0) == "0/100 files  0%  0.0/s"
    progress.advance(25)
    assert progress.text(10.0) == "25/100 files  25%  2.5/s  0:00:30 left"
    unknown = Progress(0, "frames")
    unknown.advance(30)
    assert unknown.text(2.0) == "30 frames  15.0/s"


def test_a_file_gets_no_drawing(capsys):
    with Progress(2, "files") as progress:
        progress.advance()
        progress.say("one.png")
    assert capsys.readouterr() == ("one.png\n", "")


def test_a_terminal_is_drawn_on_and_left_clean(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(Progress, "EVERY", 0)
    with Progress(2, "files") as progress:
        progress.advance()
        progress.say("tfseg: a fault", sys.stderr)
    assert "1/2 files" in terminal.getvalue()
    assert "\ntfseg" not in terminal.getvalue() and terminal.getvalue().endswith("fault\n\r\x1b[K")


def test_another_terminal_is_drawn_on_while_standard_error_is_silent(capsys):
    terminal = Terminal()
    with Progress(0, "photos", terminal) as progress:
        progress.drawn -= Progress.EVERY
        progress.advance()
    assert "1 photos" in terminal.getvalue() and capsys.readouterr() == ("", "")

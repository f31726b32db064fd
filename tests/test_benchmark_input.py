import re
import time

import pytest

from training import benchmark_input
from training.benchmark_input import main


class Batches:
    """A pipeline that takes a while for every batch of two photos."""

    def __init__(self, dataset, seconds):
        self.batches, self.seconds = iter(dataset), seconds

    def __iter__(self):
        return self

    def __next__(self):
        time.sleep(self.seconds)
        return next(self.batches)


@pytest.fixture
def run(photos, tmp_path, monkeypatch, capsys):
    """Runs the benchmark for moments with a small network; gives the three rates."""
    from conftest import small_network

    monkeypatch.setattr(benchmark_input, "build_model", small_network)
    monkeypatch.setattr(benchmark_input, "WARMUP_SECONDS", 0.1)
    monkeypatch.setattr(benchmark_input, "SECONDS", 0.5)

    def measured():
        size = ["--height", "96", "--width", "64", "--batch-size", "2", "--out", str(tmp_path)]
        assert main(["--data", str(photos), *size]) == 0
        return [float(rate) for rate in re.findall(r"([\d.]+) photos/s", capsys.readouterr().out)]

    return measured


def test_three_rates_are_printed_and_nothing_is_written(run, tmp_path):
    rates = run()
    assert len(rates) == 3 and min(rates) > 0
    assert not list(tmp_path.iterdir())


def test_a_slow_pipeline_shows_alone_and_together_but_not_in_the_step(run, monkeypatch):
    fast = benchmark_input.training_data
    monkeypatch.setattr(benchmark_input, "training_data", lambda *args: Batches(fast(*args), 0.2))
    pipeline, _, together = run()
    assert pipeline <= 10 and together <= 10, "two photos in a fifth of a second"


def test_wrong_settings_end_in_one_line(tmp_path, capsys):
    assert main(["--data", str(tmp_path / "missing")]) == 2
    error = capsys.readouterr().err
    assert error == f"training.benchmark_input: {tmp_path}/missing: no such folder.\n"
    with pytest.raises(SystemExit):
        main(["--resume"])
    assert "--resume" in capsys.readouterr().err

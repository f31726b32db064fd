import re

import numpy as np
import pytest

from tfseg.image import read_image
from training.finder import HIGHEST, LOWEST, smoothed, suggest, sweep


class Bowl:
    """A stand-in for a network: gradient descent on x^2, whose steps overshoot beyond a rate of 1."""

    def __init__(self):
        self.x, self.optimizer = 10.0, self

    def reset_metrics(self):
        pass

    def train_on_batch(self, *batch, return_dict):
        loss = self.x**2
        self.x -= self.learning_rate * 2 * self.x
        return {"loss": loss}


def test_a_smoothed_loss_weighs_the_latest_most_and_begins_unbiased():
    assert smoothed([3.0, 3.0, 3.0]) == pytest.approx([3, 3, 3])
    assert smoothed([1.0, 2.0], momentum=0.5) == pytest.approx([1, (0.25 * 1 + 0.5 * 2) / 0.75])


def test_the_suggestion_is_where_the_loss_falls_fastest_over_the_decades():
    rates = np.geomspace(1e-6, 1, 61)
    losses = 1 - 1 / (1 + np.exp(-4 * (np.log10(rates) + 3))) + 5 * np.maximum(0, np.log10(rates) + 1) ** 2
    assert suggest(list(rates), list(losses)) == pytest.approx(1e-3, rel=0.05)
    for losses in ([1.0, 1.0, 1.0], [1.0, 2.0, 4.0]):
        with pytest.raises(ValueError, match="the loss fell at no learning rate"):
            suggest([0.1, 0.2, 0.3], losses)
    with pytest.raises(ValueError, match="the loss fell at no learning rate"):
        suggest([0.1], [1.0])


def test_a_sweep_rises_exponentially_from_end_to_end():
    rates, losses = sweep(Bowl(), [(0, 0, 0)] * 999, steps=40)
    assert (rates[0], rates[-1]) == pytest.approx((LOWEST, HIGHEST))
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(HIGHEST / LOWEST) / 39)
    assert len(losses) == 40 and losses[0] == pytest.approx(100)
    assert 1e-3 < suggest(rates, losses) < 1


@pytest.mark.parametrize("explosion", [1e6, float("nan"), float("inf")])
def test_a_sweep_stops_when_the_loss_diverges(explosion):
    class Exploding(Bowl):
        def train_on_batch(self, *batch, return_dict):
            loss = super().train_on_batch(return_dict=True)["loss"]
            return {"loss": loss if self.learning_rate < 1e-3 else explosion}

    rates, losses = sweep(Exploding(), [(0, 0, 0)] * 999, steps=71)
    assert max(rates) < 2e-3 and len(rates) == len(losses)
    assert np.isfinite(losses).all()


def test_the_command_suggests_a_rate_draws_it_and_writes_nothing_else(fit_small, tmp_path, capsys):
    assert fit_small(tmp_path, "--find-lr") == 0
    suggestion = float(re.search(r"--learning-rate (\S+)", capsys.readouterr().out)[1])
    assert LOWEST < suggestion < HIGHEST
    assert [path.name for path in tmp_path.iterdir()] == ["lr_finder.png"]
    picture = read_image(tmp_path / "lr_finder.png").astype(int)
    assert (np.abs(picture - (0xC2, 0x18, 0x5B)).max(axis=-1) < 10).sum() > 30, "the suggestion is marked"

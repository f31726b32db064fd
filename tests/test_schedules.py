import math

import keras
import numpy as np
import pytest

from training.schedules import Plateau, build_schedule, plateau_rate


def rates(name, steps=100, **options):
    schedule = build_schedule(name, 0.1, steps, **options)
    return np.array([float(schedule(step)) for step in range(steps + 1)])


@pytest.mark.parametrize("name", ["constant", "plateau"])
def test_a_constant_rate_is_the_peak(name):
    assert build_schedule(name, 0.1, 100) == 0.1


def test_cosine_rises_from_zero_in_its_share_and_falls_to_zero():
    cosine = rates("cosine", warmup_share=0.2)
    np.testing.assert_allclose(cosine[[0, 5, 10, 20]], [0, 0.025, 0.05, 0.1], atol=1e-7)
    np.testing.assert_allclose(cosine[[40, 60, 100]], [0.1 * (1 + math.cos(math.pi / 4)) / 2, 0.05, 0], atol=1e-7)
    assert rates("cosine", warmup_share=0.0)[0] == pytest.approx(0.1), "without warm-up it begins at the peak"
    assert (np.diff(cosine[20:]) < 0).all()


def test_one_cycle_rises_from_a_25th_and_ends_near_zero():
    cycle = rates("one_cycle", warmup_share=0.3)
    np.testing.assert_allclose(cycle[[0, 15, 30]], [0.004, 0.052, 0.1], rtol=1e-5)
    np.testing.assert_allclose(cycle[[65, 100]], [0.1 * (0.5 * (1 - 1e-4) + 1e-4), 1e-5], rtol=1e-4)
    assert cycle.argmax() == 30


def test_restarts_are_each_twice_as_long_and_half_as_high():
    cycles = rates("restarts", steps=70, cycles=3)  # of 10, 20 and 40 steps
    np.testing.assert_allclose(cycles[[0, 10, 30]], [0.1, 0.05, 0.025], rtol=1e-5)
    np.testing.assert_allclose(cycles[[5, 20, 50]], [0.05, 0.025, 0.0125], rtol=1e-4, err_msg="half-way down")
    assert (cycles[[9, 29, 69]] < 0.1 * cycles[[0, 10, 30]]).all()
    np.testing.assert_allclose(rates("restarts", cycles=1)[:-1], rates("cosine", warmup_share=0.0)[:-1], atol=1e-7)


def test_a_plateau_halves_the_rate_each_time_patience_runs_out():
    losses = [1.0, 0.8, 0.9, 0.8, 0.85, 0.7, 0.9, 0.9, 0.9, 0.9]
    expected = [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.0125]
    assert [plateau_rate(0.1, losses[:epochs], 2) for epochs in range(11)] == pytest.approx(expected)
    assert plateau_rate(0.1, losses, 99) == 0.1


def test_a_plateau_sets_the_rate_before_an_epoch_from_what_is_in_the_history():
    history = [{"val_loss": 1.0}, {"val_loss": 2.0}]
    image = keras.Input((2,))
    model = keras.Model(image, keras.layers.Dense(1)(image))
    model.compile(keras.optimizers.AdamW(0.1), "mse")
    plateau = Plateau(0.1, 1, history)
    plateau.set_model(model)
    plateau.on_epoch_begin(2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    history.append({"val_loss": 0.5})
    plateau.on_epoch_begin(3)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)

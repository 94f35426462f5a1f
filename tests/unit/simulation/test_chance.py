"""Every draw is named: the same name gives the same numbers, whatever was drawn before."""

import numpy as np

from wattmark.simulation.chance import drifting, normal, pick, uniform


def test_a_draw_is_a_function_of_its_name():
    first = uniform(1, "clouds", 5)
    uniform(1, "wind", 100)
    assert np.array_equal(uniform(1, "clouds", 5), first)
    assert not np.array_equal(uniform(2, "clouds", 5), first)
    assert not np.array_equal(uniform(1, "wind", 5), first)


def test_known_values_hold_on_every_machine():
    assert uniform(1, "vector", 3).tolist() == VECTOR
    assert pick(1, "vector", 1_000) == PICKED


def test_uniform_fills_its_interval():
    draws = uniform(3, "many", 20_000)
    assert draws.min() >= 0.0
    assert draws.max() < 1.0
    assert abs(draws.mean() - 0.5) < 0.01


def test_normal_has_mean_0_and_variance_1():
    draws = normal(3, "many", 20_000)
    assert abs(draws.mean()) < 0.03
    assert abs(draws.var() - 1.0) < 0.05


def test_a_longer_memory_drifts_slower():
    fast, slow = (np.abs(np.diff(drifting(3, "drift", 2_000, memory))).mean() for memory in (0.1, 0.99))
    assert slow < fast / 3


VECTOR = [0.36700875992713633, 0.9737088697712705, 0.020064273474287964]
PICKED = 174

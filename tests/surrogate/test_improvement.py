from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from autotune.objective.pareto import hypervolume
from autotune.surrogate.improvement import best_points, counting_points, improvement

Floats = NDArray[np.float64]

POINTS = counting_points(np.array([0.0, 0.0]), np.array([1.0, 1.0]), count=4096)
NOTHING: Floats = np.zeros((1, 0, 2))


def yes(*shape: int) -> NDArray[np.bool_]:
    return np.ones(shape, dtype=np.bool_)


def test_it_is_the_gain_in_hypervolume() -> None:
    random = np.random.default_rng(0)
    front, new = random.random((1, 5, 2)), random.random((1, 20, 2))

    gains = improvement(front, yes(1, 5), new, yes(1, 20), POINTS)

    before = hypervolume(front[0], [1.0, 1.0])
    exact = [hypervolume([*front[0], one], [1.0, 1.0]) - before for one in new[0]]
    assert gains == pytest.approx(exact, abs=0.003)


def test_the_first_scheme_adds_its_own_box() -> None:
    gains = improvement(NOTHING, yes(1, 0), np.array([[[0.5, 0.5]]]), yes(1, 1), POINTS)

    assert gains == pytest.approx([0.25], abs=0.001)


def test_what_breaks_a_limit_neither_adds_nor_covers() -> None:
    best = np.zeros((1, 1, 2))

    broken = improvement(NOTHING, yes(1, 0), best, ~yes(1, 1), POINTS)
    beside_broken = improvement(best, ~yes(1, 1), best, yes(1, 1), POINTS)

    assert broken == pytest.approx([0.0])
    assert beside_broken == pytest.approx([1.0])


def test_it_is_the_mean_over_the_draws() -> None:
    draws = np.array([[[0.5, 0.5]], [[2.0, 2.0]]])

    gains = improvement(np.zeros((2, 0, 2)), yes(2, 0), draws, yes(2, 1), POINTS)

    assert gains == pytest.approx([0.125], abs=0.001)


def test_the_best_by_the_first_objective_is_worth_something_of_its_own() -> None:
    points = best_points(np.array([0.0, 0.0]), np.array([1.0, 1.0]), count=100)

    gains = improvement(
        np.array([[[0.4, 0.9]]]),
        yes(1, 1),
        np.array([[[0.1, 0.95], [0.5, 0.0]]]),
        yes(1, 2),
        points,
    )

    assert gains == pytest.approx([0.3, 0.0])

from __future__ import annotations

import itertools

import numpy as np
import pytest

from autotune.evaluation.tuner_volume import best_handful, volume

LIMIT = 0.02


def test_the_volume_of_one_scheme_is_a_rectangle() -> None:
    assert volume([(0.4, 0.005)], LIMIT) == pytest.approx(0.4 * 0.015)


def test_schemes_beyond_the_limit_or_without_a_saving_are_worth_nothing() -> None:
    assert volume([(0.4, 0.02), (0.4, 0.03), (0.0, 0.0), (-0.1, 0.001)], LIMIT) == 0.0
    assert best_handful([(0.4, 0.02), (-0.1, 0.001)], LIMIT) == []


def test_points_of_a_straight_front_reach_n_in_n_and_1_of_its_area() -> None:
    # Of the triangle below a straight front, n even steps cover n / (n + 1).
    steps = 840
    front = [(k / steps, LIMIT * k / steps) for k in range(1, steps)]
    area = 0.5 * LIMIT

    for most in (1, 3, 7):
        chosen = best_handful(front, LIMIT, most)
        assert len(chosen) == most
        reached = volume([front[i] for i in chosen], LIMIT)
        assert reached == pytest.approx(area * most / (most + 1))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_no_choice_of_so_many_points_has_a_larger_volume(seed: int, most: int) -> None:
    random = np.random.default_rng(seed)
    points = [(float(s), float(d)) for s, d in random.uniform((-0.1, 0), (0.5, 0.025), (9, 2))]

    reached = volume([points[i] for i in best_handful(points, LIMIT, most)], LIMIT)

    best = max(volume(some, LIMIT) for some in itertools.combinations(points, most))
    assert reached == pytest.approx(best)
    assert len(best_handful(points, LIMIT, most)) <= most


def test_equal_points_are_chosen_once() -> None:
    assert best_handful([(0.2, 0.01)] * 3, LIMIT) == [0]

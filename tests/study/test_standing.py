from __future__ import annotations

import numpy as np
import pytest

from autotune.objective.figures import Figures
from autotune.objective.objective import (
    Direction,
    Objectives,
    parse_constraint,
)
from autotune.study.standing import SURE, Standing, directions
from tests.an_objective import objective

OBJECTIVES = Objectives(
    name="test",
    objectives=(
        objective("memory_saving", Direction.MAXIMIZE, 0.0),
        objective("slowdown", Direction.MINIMIZE, 0.5),
    ),
    constraints=(parse_constraint("slowdown <= 2%"),),
)


def figures(saving: float, slowdown: float) -> Figures:
    return {"memory_saving": saving, "slowdown": slowdown}


def standing(*several: Figures) -> Standing:
    known = Standing(OBJECTIVES)
    for number, one in enumerate(several):
        known.add(np.array([number / 10.0]), one)
    return known


def test_figures_of_a_scheme_are_means_over_its_seeds() -> None:
    known = standing(figures(0.3, 0.01), figures(0.5, 0.04))
    for saving, slowdown in ((0.1, 0.03), (0.2, 0.02)):
        known.again(0, figures(saving, slowdown))

    losses = known.evaluated().losses

    assert losses.tolist() == pytest.approx(np.array([[-0.2, 0.02], [-0.5, 0.04]]))
    assert known.seeds.tolist() == [3, 1]


def test_a_limit_has_a_margin_that_grows_with_the_noise() -> None:
    calm, noisy = standing(figures(0.3, 0.01)), standing(figures(0.3, 0.01))
    for away in (0.001, -0.001, 0.0):
        calm.again(0, figures(0.3, 0.01 + away))
        noisy.again(0, figures(0.3, 0.01 + 8.0 * away))

    assert calm.evaluated().excess[0] == 0.0
    assert noisy.evaluated().excess[0] > 0.0


def test_the_margin_is_so_many_standard_deviations_of_many_runs() -> None:
    random = np.random.default_rng(1)
    known = standing(figures(0.3, 0.03))
    runs = [0.03, *random.normal(0.03, 0.004, 2000)]
    for slowdown in runs[1:]:
        known.again(0, figures(0.3, slowdown))

    shares = np.array(runs) / 0.02 - 1.0

    expected = shares.mean() + SURE * shares.std(ddof=1)
    assert known.evaluated().excess[0] == pytest.approx(expected, rel=0.01)


def test_a_scheme_with_one_seed_has_the_noise_of_the_others() -> None:
    known = standing(figures(0.3, 0.019), figures(0.2, 0.019))
    before = known.evaluated().excess[1]
    for away in (0.002, -0.002, 0.002, -0.002):
        known.again(0, figures(0.3, 0.019 + away))

    assert known.evaluated().excess[1] > before


def test_competitors_are_best_in_some_direction_and_the_least_measured_come_first() -> None:
    known = standing(
        figures(0.3, 0.010), figures(0.2, 0.005), figures(0.1, 0.015), figures(0.05, 0.019)
    )
    known.again(0, figures(0.3, 0.010))

    # The third and the fourth are behind the first two in every direction.
    assert known.competitors((0.0, 0.02), 4) == [1, 0]
    assert known.competitors((0.0, 0.02), 1) == [1]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_directions_weigh_every_objective(objectives: int) -> None:
    weights = directions(objectives)

    assert weights.sum(axis=1) == pytest.approx(np.ones(len(weights)))
    assert (weights.max(axis=0) > 0.5).all()


def test_the_first_finalists_cover_the_front() -> None:
    shares = np.linspace(0.05, 0.95, 40).tolist()
    known = standing(*(figures(0.5 * share, 0.019 * share**2) for share in shares))
    for position in (39, 0):
        # How often a scheme was measured makes no difference.
        for _ in range(5):
            share = shares[position]
            known.again(position, figures(0.5 * share, 0.019 * share**2))

    first = known.finalists((0.0, 0.02))[:5]

    assert first[0] > 30
    assert min(first) < 10
    assert max(np.diff(sorted(first))) < 16


def test_without_schemes_there_are_no_finalists() -> None:
    assert standing().finalists((0.0, 0.02)) == []

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.objective.bistable import Groups, groupings, several_outcomes
from autotune.objective.expression import Expression
from autotune.objective.figures import Figures
from autotune.objective.objective import Direction, Objective, Objectives, parse_constraint

SAMPLES = 1_000

ONE_GROUP: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, n: random.normal(0.3, 0.02, n),
    "exponential": lambda random, n: 0.05 * random.exponential(size=n),
    "exponential, downwards": lambda random, n: 0.4 - 0.05 * random.exponential(size=n),
    "log-normal": lambda random, n: 0.1 * np.exp(random.normal(0.0, 0.5, n)),
    "uniform": lambda random, n: random.uniform(0.0, 0.5, n),
}

OBJECTIVES = Objectives(
    name="test",
    objectives=tuple(
        Objective(metric=Expression.parse(name, {name}), name=name, direction=way, reference=0.0)
        for name, way in (
            ("memory_saving", Direction.MAXIMIZE),
            ("half_saving_s", Direction.MINIMIZE),
        )
    ),
    constraints=(parse_constraint("slowdown <= 2%"),),
)


def runs(name: str, *values: float) -> list[Figures]:
    usual = {"memory_saving": 0.3, "half_saving_s": 1.0, "slowdown": 0.01, "cpu_use": 0.1}
    return [{**usual, name: value} for value in values]


def bistable_quota(noise: float = 0.004) -> list[float]:
    """Sixteen runs as a real kernel gave them with a time quota."""
    usual = np.random.default_rng(0).normal(0.37, noise, 13).tolist()
    return [*usual[:5], 0.02, *usual[5:9], 0.23, *usual[9:], 0.01]


@pytest.mark.parametrize("noise", [0.0, 0.004, 0.015, 0.025])
def test_a_time_quota_with_two_outcomes_is_found(noise: float) -> None:
    [found] = groupings(bistable_quota(noise))

    low, high = found.groups
    assert (len(high), low, found.between) == (13, (0.01, 0.02), 0.23)


@pytest.mark.parametrize("shape", ONE_GROUP)
@pytest.mark.parametrize("count", [4, 7, 8, 16, 40])
def test_one_group_is_taken_for_two_in_at_most_1_percent(shape: str, count: int) -> None:
    random = np.random.default_rng(count)
    found = sum(bool(groupings(ONE_GROUP[shape](random, count).tolist())) for _ in range(SAMPLES))

    # Three standard errors above 1 %.
    assert found / SAMPLES <= 0.01 + 3.0 * np.sqrt(0.01 * 0.99 / SAMPLES)


@pytest.mark.parametrize(
    ("count", "least"), [(4, 0.5), (6, 0.9), (8, 0.95), (16, 0.99), (40, 0.99)]
)
def test_two_clear_groups_are_found(count: int, least: float) -> None:
    random = np.random.default_rng(count)

    def sample() -> list[float]:
        low = random.normal(0.09, 0.01, max(2, count // 4))
        high = random.normal(0.37, 0.01, count - len(low))
        return [*low.tolist(), *high.tolist()]

    assert sum(bool(groupings(sample())) for _ in range(300)) >= least * 300


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=40))
def test_groups_do_not_depend_on_the_order(figures: list[float]) -> None:
    assert groupings(figures) == groupings(figures[::-1]) == groupings(sorted(figures))


@given(st.lists(st.floats(0, 1), min_size=4, max_size=40))
def test_groups_have_all_figures_and_do_not_overlap(figures: list[float]) -> None:
    for found in groupings(figures):
        joined = [figure for group in found.groups for figure in group]
        between = [] if found.between is None else [found.between]
        assert sorted([*joined, *between]) == sorted(figures)
        assert joined == sorted(joined)
        assert min(len(group) for group in found.groups) >= 2
        for lower, higher in itertools.pairwise(found.groups):
            assert lower[-1] < higher[0]


@pytest.mark.parametrize("figures", [[], [0.1], [0.1, 0.4], [0.1, 0.1, 0.4], [0.3] * 7])
def test_few_or_equal_figures_are_one_group(figures: list[float]) -> None:
    assert groupings(figures) == []


def test_a_single_run_that_is_off_is_no_group() -> None:
    assert groupings([0.01, *np.random.default_rng(0).normal(0.37, 0.01, 15).tolist()]) == []


def test_two_outcomes_are_told_with_their_counts() -> None:
    assert (
        several_outcomes(runs("memory_saving", *bistable_quota(0.0)), OBJECTIVES)
        == "two outcomes: memory_saving 37% in 13 of 16 runs, 1.5% in 2, 23% in 1"
    )


def test_the_larger_group_comes_first() -> None:
    assert (
        several_outcomes(runs("memory_saving", 0.09, 0.091, 0.09, 0.37, 0.372), OBJECTIVES)
        == "two outcomes: memory_saving 9.03% in 3 of 5 runs, 37.1% in 2"
    )


def test_constraints_count_and_other_figures_do_not() -> None:
    slow = several_outcomes(
        runs("slowdown", 0.01, 0.011, 0.0102, 0.05, 0.0501, 0.0503), OBJECTIVES
    )

    assert slow == "two outcomes: slowdown 1.04% in 3 of 6 runs, 5.01% in 3"
    assert several_outcomes(runs("cpu_use", 0.1, 0.101, 0.9, 0.901, 0.9), OBJECTIVES) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("memory_saving", (0.37, 0.3701, 0.3702, 0.3842, 0.3843)),
        ("slowdown", (0.01, 0.01, 0.01, 0.029, 0.029)),
        ("half_saving_s", (100.0, 100.1, 109.0, 109.1)),
    ],
)
def test_groups_that_hardly_differ_are_not_told(name: str, values: tuple[float, ...]) -> None:
    assert groupings(values) != []
    assert several_outcomes(runs(name, *values), OBJECTIVES) is None


def test_a_figure_in_seconds_is_told_in_seconds() -> None:
    told = several_outcomes(runs("half_saving_s", 1.0, 1.01, 5.0, 5.01), OBJECTIVES)

    assert told == "two outcomes: half_saving_s 1 s in 2 of 4 runs, 5 s in 2"


def test_groups_of_equal_figures_are_groups() -> None:
    assert groupings([0.1, 0.1, 0.3, 0.3]) == [Groups(groups=((0.1, 0.1), (0.3, 0.3)))]


def test_three_outcomes_are_told() -> None:
    random = np.random.default_rng(0)
    values = [
        *random.normal(0.1, 0.002, 24),
        *random.normal(0.165, 0.001, 11),
        *random.normal(0.052, 0.005, 5),
    ]

    told = several_outcomes(runs("memory_saving", *map(float, values)), OBJECTIVES)

    assert told is not None
    assert told.startswith("three outcomes: memory_saving 9.98% in 24 of 40 runs, 16.")
    assert told.endswith("% in 5")


def test_of_three_groups_two_of_which_hardly_differ_two_are_told() -> None:
    values = [0.1, 0.1001, 0.1002, 0.104, 0.1041, 0.1042] * 2 + [0.3, 0.3001]

    told = several_outcomes(runs("memory_saving", *values), OBJECTIVES)

    assert len(groupings(values)) == 2
    assert told == "two outcomes: memory_saving 10.2% in 12 of 14 runs, 30% in 2"

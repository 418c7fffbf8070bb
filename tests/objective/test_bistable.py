from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.objective.bistable import Groups, two_groups, two_outcomes
from autotune.objective.expression import Expression
from autotune.objective.figures import Figures
from autotune.objective.objective import Direction, Objective, Objectives, parse_constraint

SAMPLES = 2_000

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
    groups = two_groups(bistable_quota(noise))

    assert groups is not None
    assert (len(groups.high), groups.low, groups.between) == (13, (0.01, 0.02), 0.23)


@pytest.mark.parametrize("shape", ONE_GROUP)
@pytest.mark.parametrize("count", [4, 5, 7, 8, 15, 40])
def test_one_group_is_taken_for_two_in_at_most_1_percent(shape: str, count: int) -> None:
    random = np.random.default_rng(count)
    found = sum(
        two_groups(ONE_GROUP[shape](random, count).tolist()) is not None for _ in range(SAMPLES)
    )

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

    assert sum(two_groups(sample()) is not None for _ in range(300)) >= least * 300


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=40))
def test_groups_do_not_depend_on_the_order(figures: list[float]) -> None:
    assert two_groups(figures) == two_groups(figures[::-1]) == two_groups(sorted(figures))


@given(st.lists(st.floats(0, 1), min_size=4, max_size=40))
def test_groups_have_all_figures_and_do_not_overlap(figures: list[float]) -> None:
    groups = two_groups(figures)

    if groups is not None:
        between = [] if groups.between is None else [groups.between]
        assert [*groups.low, *between, *groups.high] == sorted(figures)
        assert groups.low[-1] < groups.high[0]
        assert min(len(groups.low), len(groups.high)) >= 2


@pytest.mark.parametrize("figures", [[], [0.1], [0.1, 0.4], [0.1, 0.1, 0.4], [0.3] * 7])
def test_few_or_equal_figures_are_one_group(figures: list[float]) -> None:
    assert two_groups(figures) is None


def test_a_single_run_that_is_off_is_no_group() -> None:
    assert two_groups([0.01, *np.random.default_rng(0).normal(0.37, 0.01, 15).tolist()]) is None


def test_two_outcomes_are_told_with_their_counts() -> None:
    assert (
        two_outcomes(runs("memory_saving", *bistable_quota(0.0)), OBJECTIVES)
        == "two outcomes: memory_saving 37% in 13 of 16 runs, 1.5% in 2, 23% in 1"
    )


def test_the_larger_group_comes_first() -> None:
    assert (
        two_outcomes(runs("memory_saving", 0.09, 0.091, 0.09, 0.37, 0.372), OBJECTIVES)
        == "two outcomes: memory_saving 9.03% in 3 of 5 runs, 37.1% in 2"
    )


def test_constraints_count_and_other_figures_do_not() -> None:
    slow = two_outcomes(runs("slowdown", 0.01, 0.011, 0.0102, 0.05, 0.0501, 0.0503), OBJECTIVES)

    assert slow == "two outcomes: slowdown 5.01% in 3 of 6 runs, 1.04% in 3"
    assert two_outcomes(runs("cpu_use", 0.1, 0.101, 0.9, 0.901, 0.9), OBJECTIVES) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("memory_saving", (0.37, 0.3701, 0.3702, 0.3842, 0.3843)),
        ("slowdown", (0.01, 0.01, 0.01, 0.029, 0.029)),
        ("half_saving_s", (100.0, 100.1, 109.0, 109.1)),
    ],
)
def test_groups_that_hardly_differ_are_not_told(name: str, values: tuple[float, ...]) -> None:
    assert two_groups(values) is not None
    assert two_outcomes(runs(name, *values), OBJECTIVES) is None


def test_a_figure_in_seconds_is_told_in_seconds() -> None:
    told = two_outcomes(runs("half_saving_s", 1.0, 1.01, 5.0, 5.01), OBJECTIVES)

    assert told == "two outcomes: half_saving_s 5 s in 2 of 4 runs, 1 s in 2"


def test_groups_of_equal_figures_are_groups() -> None:
    assert two_groups([0.1, 0.1, 0.3, 0.3]) == Groups(low=(0.1, 0.1), high=(0.3, 0.3))

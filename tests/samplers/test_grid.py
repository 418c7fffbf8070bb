from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import Action
from autotune.errors import InputError
from autotune.samplers import make_sampler
from autotune.samplers.grid import levels, points
from autotune.space.parameters import Choices, Numeric, SchemeTemplate
from autotune.space.space import SearchSpace
from tests.samplers.contract import N_TRIALS, propose, shipped_space


def age(low: int, high: int, *, log: bool = False) -> Numeric:
    return Numeric(name="pattern.min_age", field="pattern.min_age", low=low, high=high, log=log)


def space_of(*parameters: Numeric | Choices) -> SearchSpace:
    template = SchemeTemplate(name="pageout", action=Action.PAGEOUT, parameters=parameters)
    return SearchSpace(name="test", templates=(template,))


def test_linear_levels_are_equally_far_apart() -> None:
    assert levels(age(0, 100), 5) == [0, 25, 50, 75, 100]


def test_logarithmic_levels_have_equal_ratios() -> None:
    assert levels(age(1, 10_000, log=True), 5) == [1, 10, 100, 1_000, 10_000]


def test_a_whole_parameter_has_no_level_twice() -> None:
    assert levels(age(1, 3), 10) == [1, 2, 3]


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(2, 50), st.booleans())
def test_levels_reach_from_end_to_end_and_not_beyond(
    low: int, width: int, count: int, log: bool
) -> None:
    values = levels(age(low, low + width, log=log), count)

    assert (values[0], values[-1]) == (low, low + width)
    assert values == sorted(values)


def test_a_grid_has_each_combination_that_exists_once() -> None:
    space = shipped_space("prcl-quota")

    found = list(points(space, 2))

    # Two ages times two sizes; without a limit 1; by time or size 2 limits, 5 windows, 4 x 4 weights;
    # by both 4 limits.
    assert len(found) == 4 * (1 + 2 * 80 + 2 * 80 + 4 * 80)
    assert len({tuple(sorted(point.items())) for point in found}) == len(found)
    for point in found:
        space.check(point)


def test_no_point_is_proposed_twice() -> None:
    proposals = propose("grid", shipped_space("prcl"))

    assert len({tuple(values.items()) for values in proposals}) == N_TRIALS


def test_parameters_get_as_many_levels_as_the_budget_needs() -> None:
    space = shipped_space("prcl")

    ages = {values["pattern.min_age"] for values in propose("grid", space)}

    # 32 trials, 3 of them given: 29 of the 36 points of a grid of 6 levels.
    assert len(ages - {values["pattern.min_age"] for values in space.initial}) == math.isqrt(36)


def test_too_few_combinations_are_refused() -> None:
    choices = Choices(name="pattern.min_age", field="pattern.min_age", choices=(1, 2, 3))

    with pytest.raises(
        InputError,
        match=r"^sampler grid: search space 'test' has 3 combinations, fewer than 4 trials: "
        r"lower budget\.trials to 3, or use sampler random$",
    ):
        make_sampler("grid", seed=0, space=space_of(choices), n_trials=4, n_objectives=1)


def test_far_too_many_combinations_are_refused() -> None:
    fields = ("pattern.min_age", "apply_interval", "target_nid")
    many = [Choices(name=f, field=f, choices=tuple(range(50))) for f in fields[:2]]
    nodes = Choices(name="target_nid", field="target_nid", choices=tuple(range(50)))
    template = SchemeTemplate(name="move", action=Action.MIGRATE_COLD, parameters=(*many, nodes))

    with pytest.raises(
        InputError,
        match=r"^sampler grid: search space 'test' has more than 100000 combinations: "
        r"use sampler qmc$",
    ):
        make_sampler(
            "grid",
            seed=0,
            space=SearchSpace(name="test", templates=(template,)),
            n_trials=4,
            n_objectives=1,
        )

from __future__ import annotations

import itertools

import pytest

from autotune.errors import InputError
from autotune.samplers import make_sampler
from autotune.samplers.age_line import AgeLine
from autotune.samplers.sweep import ages_us
from tests.samplers.ages import AGE, S, ages, choice_of, proposed_ages, space_of


def line(low: int, high: int) -> AgeLine:
    return AgeLine(space_of(ages(low, high)), "sweep")


def test_a_sweep_goes_from_the_lowest_to_the_highest_age_by_equal_ratios() -> None:
    assert ages_us(line(1, 10_000), 5) == [1, 10, 100, 1_000, 10_000]


def test_the_scale_of_the_space_does_not_matter() -> None:
    logarithmic = AgeLine(space_of(ages(S, 64 * S, log=True)), "sweep")

    assert ages_us(logarithmic, 7) == ages_us(line(S, 64 * S), 7) == [S << n for n in range(7)]


@pytest.mark.parametrize("count", [2, 3, 8, 60, 4_000])
def test_a_sweep_has_as_many_ages_as_it_shall(count: int) -> None:
    found = ages_us(line(100_000, 60 * S), count)

    assert len(found) == count
    assert (found[0], found[-1]) == (100_000, 60 * S)
    assert all(one < other for one, other in itertools.pairwise(found))


def test_after_an_age_of_0_the_ratios_begin_at_100_ms() -> None:
    assert ages_us(line(0, 10 * S), 4) == [0, 100_000, S, 10 * S]


def test_a_single_age_is_the_middle() -> None:
    assert ages_us(line(S, 100 * S), 1) == [10 * S]


def test_of_ages_to_choose_from_those_are_taken_that_are_equally_far_apart() -> None:
    choices = AgeLine(space_of(choice_of(*(n * S for n in (9, 1, 2, 5, 7)))), "sweep")

    assert ages_us(choices, 3) == [S, 5 * S, 9 * S]


@pytest.mark.parametrize("batch", [1, 4, 5])
def test_a_study_proposes_the_sweep_in_order_in_batches_of_any_size(batch: int) -> None:
    space = space_of(ages(S, 16 * S))

    found = proposed_ages("sweep", space, lambda _: {}, trials=5, batch=batch)

    assert found == [S, 2 * S, 4 * S, 8 * S, 16 * S]


def test_given_sets_leave_fewer_ages_for_the_sweep() -> None:
    space = space_of(ages(S, 100 * S), initial=({AGE: 3 * S}, {AGE: 5 * S}))

    found = proposed_ages("sweep", space, lambda _: {}, trials=5, batch=4)

    assert found == [3 * S, 5 * S, S, 10 * S, 100 * S]


def test_fewer_ages_to_choose_from_than_trials_are_refused() -> None:
    space = space_of(choice_of(S, 2 * S, 3 * S))

    with pytest.raises(
        InputError,
        match=r"^sampler sweep: search space 'test' has 3 ages to choose from, fewer than 4 "
        r"trials: lower budget\.trials to 3$",
    ):
        make_sampler("sweep", seed=0, space=space, n_trials=4, n_objectives=1)

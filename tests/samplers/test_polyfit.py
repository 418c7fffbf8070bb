from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.errors import InputError
from autotune.samplers.polyfit import REFUSED, PolyfitSampler, explored_ages, peak, score
from tests.samplers.ages import AGE, S, ages, proposed_ages, space_of, study_of

SPACE = space_of(ages(0, 60 * S))


def parabola(age_us: int) -> dict[str, float]:
    """Figures whose score is a parabola with its peak at 20 s."""
    return {"memory_saving": 0.5 - (age_us / S - 20.0) ** 2 / 10_000, "slowdown": 0.01}


def test_the_score_is_half_saving_minus_half_slowdown_in_percent() -> None:
    assert score(0.4, 0.1) == pytest.approx(15.0)
    assert score(0.4, -0.1) == pytest.approx(25.0)


def test_more_than_20_percent_slower_is_refused() -> None:
    assert score(0.9, 0.20) == pytest.approx(35.0)
    assert score(0.9, 0.200001) == REFUSED


@given(st.integers(2, 200), st.integers(0, 5))
def test_exploring_reaches_the_ends_and_every_region(runs: int, seed: int) -> None:
    found = explored_ages(0.0, 60.0, runs, np.random.default_rng(seed))

    assert len(found) == runs
    assert {0.0, 60.0} <= {*found}
    regions = max(1, runs // 5)
    borders = np.linspace(0.0, 60.0, regions + 1)
    drawn = [age for age in found if age not in borders]
    inside = np.histogram(drawn, borders)[0]
    assert np.ptp(inside) <= 1
    assert sum(inside) == runs - regions - 1


def test_of_20_runs_12_explore_two_regions_and_8_are_near_the_two_best() -> None:
    # One trial more, for the peak.
    found = proposed_ages("polyfit", SPACE, parabola, trials=21)

    explored, near = found[:12], found[12:20]
    assert {0, 30 * S, 60 * S} <= {*explored}
    assert sorted(sum(low < age < low + 30 * S for age in explored) for low in (0, 30 * S)) == [
        4,
        5,
    ]
    best, second = sorted(explored, key=lambda age: abs(age - 20 * S))[:2]
    assert all(abs(age - best) <= 6 * S for age in near[:4])
    assert all(abs(age - second) <= 6 * S for age in near[4:])
    assert len({*near}) == 8


def test_the_peak_of_a_polynomial_of_fitting_degree_is_found() -> None:
    def cubic(age: float) -> float:
        return -(age - 10.0) * (age - 30.0) * (age - 55.0) / 100.0

    found = [0.0, 7.0, 19.0, 33.0, 47.0, 60.0]

    highest = (95.0 + np.sqrt(95.0**2 - 3.0 * 2500.0)) / 3.0
    assert peak(found, [cubic(age) for age in found], 25.0, 60.0, 9) == pytest.approx(highest)
    # Over all ages, the left end is higher.
    assert peak(found, [cubic(age) for age in found], 0.0, 60.0, 9) == 0.0


def test_a_degree_of_a_third_of_the_runs_smooths() -> None:
    found = [0.0, 10.0, 20.0, 30.0, 40.0]
    scores = [1.0, 0.0, 9.0, 0.0, 5.0]

    assert peak(found, scores, 0.0, 40.0, 3) == 40.0
    assert peak(found, scores, 0.0, 40.0, 12) not in {0.0, 40.0}


def test_a_refused_run_counts_like_the_worst_that_is_not() -> None:
    found, scores = [0.0, 20.0, 40.0, 60.0], [REFUSED, 3.0, 2.0, 1.0]

    assert peak(found, scores, 0.0, 60.0, 6) == pytest.approx(
        peak(found, [1.0, 3.0, 2.0, 1.0], 0.0, 60.0, 6)
    )


def test_without_any_difference_the_lowest_age_is_the_peak() -> None:
    assert peak([0.0, 5.0, 9.0], [REFUSED] * 3, 0.0, 9.0, 9) == 0.0


def test_the_last_proposal_is_the_peak_of_all_runs() -> None:
    sets, study, sampler = study_of("polyfit", SPACE, parabola, trials=11)

    assert isinstance(sampler, PolyfitSampler)
    assert sampler.answer_us(study) == pytest.approx(20 * S, abs=1)
    assert sets[-1] == {AGE: 20 * S}


def test_a_batch_explores_the_same_and_ends_at_the_same_peak() -> None:
    one = proposed_ages("polyfit", SPACE, parabola, trials=21)
    four = proposed_ages("polyfit", SPACE, parabola, trials=21, batch=4)

    assert four[:12] == one[:12]
    assert four[-1] == pytest.approx(one[-1], abs=2)


def test_given_sets_are_runs_and_count_where_they_are_plain() -> None:
    space = space_of(ages(0, 60 * S), initial=({AGE: 20 * S}, {AGE: 21 * S}))

    found = proposed_ages("polyfit", space, parabola, trials=13)

    # Ten runs are its own: six explore. The two given ages are the best.
    assert found[:2] == [20 * S, 21 * S]
    assert {0, 60 * S} <= {*found[2:8]}
    assert all(14 * S <= age <= 26 * S for age in found[8:10])
    assert all(15 * S <= age <= 27 * S for age in found[10:12])


def test_another_seed_draws_other_ages() -> None:
    drawn = [
        {*proposed_ages("polyfit", SPACE, parabola, trials=11, seed=seed)} for seed in range(3)
    ]

    for one, other in itertools.combinations(drawn, 2):
        assert len(one & other) <= 3


def test_a_workload_without_a_slowdown_is_told_so() -> None:
    with pytest.raises(
        InputError,
        match=r"^sampler polyfit decides by slowdown, which this workload doesn't have: "
        r"use sampler sweep or tpe$",
    ):
        proposed_ages("polyfit", SPACE, lambda _: {"memory_saving": 0.1}, trials=11)

"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.quotas import adjust_quota, has_quota, next_steering
from autotune.backends.simulator.damon.schemes import UNREACHED, Schemes
from autotune.damon.damos import (
    AccessPattern,
    Action,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    Weights,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.kernel_rules import next_allowance
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import AGGREGATION_US, SAMPLES, regions_of, staged

MS = 1_000


def with_quota(**fields: object) -> Schemes:
    quota = Quota(**{"reset_interval_us": 0, **fields})  # type: ignore[arg-type]  # any of its own
    return staged(Scheme(action=Action.PAGEOUT, quota=quota))


def goal(target: int, current: int = 0, *, psi: bool = False) -> QuotaGoal:
    metric = GoalMetric.SOME_MEM_PSI_US if psi else GoalMetric.USER_INPUT
    return QuotaGoal(metric=metric, target_value=target, current_value=current)


def allowed(schemes: Schemes, *, windows: int = 1, stalls_us: float = 0.0) -> list[int]:
    """What each of these windows allows; in each of them the workload stalls for so long."""
    nothing, found = regions_of([]), []
    for number in range(windows):
        now_us = number * 1e6
        adjust_quota(schemes, 0, nothing, now_us, number * stalls_us, SAMPLES, AGGREGATION_US)
        found.append(int(schemes.items[0].allowed))
    return found


def test_a_time_quota_allows_four_mebibytes_a_millisecond_before_anything_was_measured() -> None:
    assert allowed(with_quota(time_us=MS)) == [4_194_304]


def test_a_time_quota_follows_the_measured_speed() -> None:
    schemes = with_quota(time_us=10 * MS)
    schemes.items[0].spent_bytes, schemes.items[0].spent_ns = 1_000_000, 4_000_000

    assert allowed(schemes) == [10 * 250_000]


def test_a_time_quota_allows_a_page_at_least() -> None:
    schemes = with_quota(time_us=MS)
    schemes.items[0].spent_bytes, schemes.items[0].spent_ns = 1, 10**12

    assert allowed(schemes) == [PAGE]


def test_a_size_quota_is_what_it_says() -> None:
    assert allowed(with_quota(size_bytes=3 * PAGE)) == [3 * PAGE]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"time_us": MS, "size_bytes": 8 * PAGE}, 8 * PAGE),
        ({"time_us": MS, "size_bytes": 1 << 30}, 4_194_304),
        ({"time_us": MS, "goals": (goal(10, 0),)}, PAGE),  # 2 bytes, and a page at least
        ({"size_bytes": 8 * PAGE, "goals": (goal(10, 0),)}, 2),
    ],
    ids=["size", "time", "goal and time", "goal and size"],
)
def test_the_smallest_of_several_quotas_holds(fields: dict[str, object], expected: int) -> None:
    assert allowed(with_quota(**fields)) == [expected]


@pytest.mark.parametrize(
    ("before", "score", "after"),
    [
        (10_000, 0, 20_000),
        (20_000, 5_000, 30_000),
        (30_000, 15_000, 15_000),
        (15_000, 18_000, 10_000),
        (123_456_789, 20_000, 10_000),
        (123_456_789, 90_000, 10_000),
        (123_456_789, 10_000, 123_456_789),
    ],
)
def test_goals_steer_by_how_far_they_are_reached(before: int, score: int, after: int) -> None:
    assert next_steering(before, score) == after


@given(st.integers(10_000, 2**48), st.integers(0, 25_000))
def test_steering_is_that_of_the_plain_rule(before: int, score: int) -> None:
    assert next_steering(before, score) == next_allowance(before, score)


@given(st.integers(2**48, UNREACHED), st.integers(0, 25_000))
def test_steering_stays_in_bounds_however_much_is_allowed(before: int, score: int) -> None:
    after = next_steering(before, score)

    assert 10_000 <= after <= UNREACHED
    assert (after >= before or after == UNREACHED) if score <= 10_000 else after <= before


def test_a_goal_that_is_never_reached_doubles_what_is_allowed_from_a_byte_on() -> None:
    """Observed on Linux 6.12: twelve windows until a page may be tried."""
    found = allowed(with_quota(goals=(goal(100, 0),)), windows=12)

    assert found == [2**window for window in range(1, 13)]


def test_a_goal_that_is_reached_twice_over_allows_a_byte() -> None:
    assert allowed(with_quota(goals=(goal(10, 20),)), windows=3) == [1, 1, 1]


def test_a_goal_that_is_just_reached_keeps_what_was_allowed() -> None:
    assert allowed(with_quota(goals=(goal(10, 10),)), windows=3) == [1, 1, 1]


def test_of_several_goals_the_one_that_is_reached_furthest_counts() -> None:
    assert allowed(with_quota(goals=(goal(10, 0), goal(10, 5))), windows=2) == [1, 2]


@pytest.mark.parametrize(
    ("stalls_us", "expected"),
    [(0.0, [2, 4, 8]), (1_000.0, [2, 2, 2]), (500.0, [2, 3, 4])],
    ids=["none", "as wished", "half"],
)
def test_a_goal_of_pressure_counts_the_stall_of_each_window(
    stalls_us: float, expected: list[int]
) -> None:
    found = allowed(with_quota(goals=(goal(1_000, psi=True),)), windows=3, stalls_us=stalls_us)

    assert found == expected


@pytest.mark.parametrize("unit", [1, 10**6, 10**14, 10**17])
def test_a_goal_may_be_counted_in_any_unit(unit: int) -> None:
    """The first window doubles a byte, and half of the goal then adds half of what there is."""
    found = allowed(with_quota(goals=(goal(10 * unit, 5 * unit),)), windows=4)

    assert found == [1, 2, 3, 5]


def test_without_a_quota_nothing_is_looked_at() -> None:
    schemes = staged(Scheme(action=Action.PAGEOUT))

    assert not has_quota(schemes.items[0])
    assert allowed(schemes, windows=3) == [0, 0, 0]
    assert schemes.items[0].window_us == -1


def test_the_first_window_has_no_limit_while_it_lasts() -> None:
    schemes = with_quota(size_bytes=PAGE, reset_interval_us=2_000_000)

    assert allowed(schemes, windows=4) == [0, 0, PAGE, PAGE]


@pytest.mark.parametrize(("quota_pages", "lowest"), [(1, 52), (2, 52), (3, 50), (4, 50), (5, 0)])
def test_scores_are_taken_from_the_top_until_they_fill_the_quota(
    quota_pages: int, lowest: int
) -> None:
    """Two pages of age 1 s score 52, two of age 0 score 50, one that was accessed doesn't match."""
    quota = Quota(size_bytes=quota_pages * PAGE, reset_interval_us=0, weights=Weights(age=1))
    pattern = AccessPattern(access_rate=Range(0.0, 0.0))
    schemes = staged(Scheme(action=Action.PAGEOUT, pattern=pattern, quota=quota))
    regions = regions_of(
        [
            Region(0, 2 * PAGE, age=10),
            Region(2 * PAGE, 4 * PAGE, age=0),
            Region(4 * PAGE, 5 * PAGE, moving=200_000),
        ]
    )

    adjust_quota(schemes, 0, regions, 0.0, 0.0, SAMPLES, AGGREGATION_US)

    assert schemes.items[0].lowest_score == lowest

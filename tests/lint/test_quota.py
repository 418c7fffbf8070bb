from __future__ import annotations

import pytest

from autotune.damon.damos import UNLIMITED, Action, GoalMetric, Range
from autotune.lint import Code, Known
from tests.lint.examples import MIB, PADDR, Example, cold, each, fed, quota, use
from tests.lint.simulated import simulated

EXAMPLES = [
    Example(
        Code.QUOTA_EVERY_PASS,
        1,
        use(cold(quota=quota(reset_interval_us=0))),
        use(cold(quota=quota(reset_interval_us=100_000))),
    ),
    Example(
        Code.QUOTA_FIRST_WINDOW,
        1,
        use(cold(quota=quota(reset_interval_us=5_000_000))),
        use(cold(quota=quota(reset_interval_us=4_900_000))),
    ),
    Example(
        Code.QUOTA_FIRST_WINDOW,
        1,
        use(
            cold(quota=quota(size_bytes=MIB, reset_interval_us=5_000_000)),
            known=Known(size_bytes=13 * MIB, runtime_us=60_000_000),
        ),
        use(
            cold(quota=quota(size_bytes=MIB, reset_interval_us=5_000_000)),
            known=Known(size_bytes=13 * MIB, runtime_us=60_100_000),
        ),
    ),
    Example(  # where the pages stand in their lists changes all the time
        Code.QUOTA_FIRST_WINDOW,
        1,
        use(cold(action=Action.MIGRATE_COLD, age=Range(0), quota=quota()), operations=PADDR),
        use(cold(action=Action.LRU_DEPRIO, age=Range(0), quota=quota()), operations=PADDR),
    ),
    Example(
        Code.QUOTA_GOAL_STATIC,
        1,
        use(cold(quota=fed(GoalMetric.USER_INPUT, current=5_000))),
        use(cold(quota=fed(GoalMetric.SOME_MEM_PSI_US))),
    ),
    Example(
        Code.QUOTA_NEVER_RESETS,
        1,
        use(cold(quota=quota(reset_interval_us=UNLIMITED))),
        use(cold(quota=quota(reset_interval_us=4_000_000))),
    ),
    Example(
        Code.QUOTA_UNALIGNED,
        1,
        use(cold(quota=quota(size_bytes=1_000_000))),
        use(cold(quota=quota(size_bytes=999_424))),
    ),
    Example(
        Code.QUOTA_UNALIGNED,
        1,
        use(cold(quota=quota(time_us=1_500))),
        use(cold(quota=quota(time_us=2_000))),
    ),
    Example(
        Code.QUOTA_WINDOW_ROUNDS,
        1,
        use(cold(quota=quota(reset_interval_us=250_000))),
        use(cold(quota=quota(reset_interval_us=300_000))),
    ),
    Example(
        Code.QUOTA_WINDOW_ROUNDS,
        1,
        use(cold(quota=quota(), apply_interval_us=300_000)),
        use(cold(quota=quota(), apply_interval_us=500_000)),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()


@pytest.mark.parametrize(
    ("current", "so"),
    [(9_999, "grows to no limit"), (10_000, "falls to nothing"), (20_000, "falls to nothing")],
)
def test_a_goal_that_stands_still_is_told_apart_by_its_side_of_the_target(
    current: int, so: str
) -> None:
    (text,) = [
        warning.text
        for warning in use(cold(quota=fed(GoalMetric.USER_INPUT, current))).warnings()
        if warning.code is Code.QUOTA_GOAL_STATIC
    ]

    assert so in text


def test_a_first_window_that_decides_lets_more_through_than_all_others_allow() -> None:
    known = Known(size_bytes=40 * MIB, runtime_us=8_000_000)
    warned, happens = {}, {}

    for reset_us in (1_000_000, 1_900_000, 2_000_000, 3_000_000):
        for min_age_us in (1_000_000, 2_000_000, 2_500_000, 3_200_000):
            limit = quota(size_bytes=MIB, reset_interval_us=reset_us)
            limited = cold(age=Range(min_age_us), quota=limit)
            codes = use(limited, known=known).codes()
            windows = -(-8_000_000 // reset_us)
            warned[reset_us, min_age_us] = Code.QUOTA_FIRST_WINDOW in codes
            happens[reset_us, min_age_us] = simulated(limited).tried_bytes > MIB * windows

    assert warned == happens
    assert {*warned.values()} == {False, True}

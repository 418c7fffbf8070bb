from __future__ import annotations

from typing import Any

import pytest

from autotune.damon.damos import UNLIMITED, Action, Range, Scheme, Watermarks
from autotune.lint import Code
from tests.lint.examples import HOT, MIB, PAGE, PART, Example, cold, each, quota, use
from tests.lint.simulated import simulated

EXAMPLES = [
    Example(
        Code.FIRES_LESS,
        2,
        use(cold(size=Range(2 * MIB)), cold(action=Action.COLD, age=Range(9_000_000))),
        use(
            cold(size=Range(2 * MIB)),
            cold(size=Range(PAGE, 2 * MIB - PAGE), action=Action.COLD, age=Range(9_000_000)),
        ),
    ),
    Example(
        Code.NEVER_FIRES,
        2,
        use(cold(), cold(action=Action.COLD, age=Range(9_000_000))),
        use(cold(), cold(rate=HOT, action=Action.COLD, age=Range(9_000_000))),
    ),
    Example(  # no region is smaller than a page
        Code.NEVER_FIRES,
        2,
        use(cold(), cold(size=Range(0), action=Action.COLD, age=Range(9_000_000))),
        use(cold(size=Range(2 * PAGE)), cold(action=Action.COLD, age=Range(9_000_000))),
    ),
    Example(  # setting an age of 0 to 0 changes nothing
        Code.NEVER_FIRES,
        2,
        use(cold(age=Range(0)), cold(action=Action.COLD, age=Range(100_000))),
        use(cold(age=Range(0, 0)), cold(action=Action.COLD, age=Range(100_000))),
    ),
    Example(
        Code.NEVER_FIRES,
        1,
        use(cold(action=Action.COLD, age=Range(200_000)), cold(age=Range(0))),
        use(cold(action=Action.COLD, age=Range(100_000)), cold(age=Range(0))),
    ),
    Example(
        Code.NEVER_FIRES,
        1,
        use(cold(action=Action.COLD, age=Range(9_000_000)), cold()),
        use(cold(action=Action.STAT), cold(action=Action.COLD)),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()


def test_interplay_is_warned_of_whichever_scheme_comes_first() -> None:
    young, old = cold(), cold(action=Action.COLD, age=Range(9_000_000))

    assert use(young, old).found() == {(Code.NEVER_FIRES, 2)}
    assert use(old, young).found() == {(Code.NEVER_FIRES, 1)}


def test_a_scheme_acts_before_an_older_one_even_if_it_does_so_at_one_age_only() -> None:
    narrow = cold(action=Action.COLD, age=Range(4_900_000, 4_900_000))

    assert use(cold(), narrow).found() == {(Code.NEVER_FIRES, 1)}


def test_of_two_schemes_with_one_min_age_the_later_never_fires() -> None:
    assert use(cold(), cold(action=Action.COLD)).found() == {(Code.NEVER_FIRES, 2)}


@pytest.mark.parametrize(
    "held_back",
    [
        cold(quota=quota()),
        cold(filters=(PART,)),
        cold(watermarks=Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)),
        cold(action=Action.STAT),
        cold(age=Range(5_000_000, 5_100_000), apply_interval_us=1_000_000),
    ],
    ids=["quota", "filter", "watermarks", "stat", "seldom"],
)
def test_a_scheme_that_is_held_back_keeps_no_other_from_firing(held_back: Scheme) -> None:
    other = cold(action=Action.COLD, age=Range(9_000_000))

    for schemes in ((held_back, other), (other, held_back)):
        codes = {code for code, _ in use(*schemes).found()}

        assert not codes & {Code.NEVER_FIRES, Code.FIRES_LESS}


@pytest.mark.parametrize(
    "changed",
    [
        {"quota": quota(reset_interval_us=UNLIMITED)},
        {"filters": (PART,)},
        {"watermarks": Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)},
    ],
    ids=["quota that never applies", "same filter", "same watermarks"],
)
def test_a_scheme_that_is_held_back_no_more_than_the_other_keeps_it_from_firing(
    changed: dict[str, Any],
) -> None:
    young = cold(**changed)
    old = cold(action=Action.COLD, age=Range(9_000_000), **changed)

    assert (Code.NEVER_FIRES, 2) in use(young, old).found()
    assert (Code.NEVER_FIRES, 1) in use(old, young).found()


@pytest.mark.parametrize("first", ["young", "old"])
@pytest.mark.parametrize("old_us", [900_000, 1_000_000, 1_100_000, 3_000_000])
def test_a_scheme_of_which_it_is_said_that_it_never_fires_changes_nothing(
    first: str, old_us: int
) -> None:
    young = cold(age=Range(1_000_000))
    old = cold(age=Range(old_us, old_us), action=Action.STAT)
    schemes = (young, old) if first == "young" else (old, young)

    stats = simulated(*schemes)

    never = Code.NEVER_FIRES in {code for code, _ in use(*schemes).found()}
    assert never == (stats.tried_regions == simulated(young).tried_regions)

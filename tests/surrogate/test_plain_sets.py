from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune.space.space import SearchSpace, load_search_space
from autotune.surrogate.plain_sets import PlainLine, plain_sets

SPACES = Path(__file__).parents[2] / "search_spaces"


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: path.stem)
def test_they_are_in_the_space_and_differ(path: Path) -> None:
    whole = load_search_space(path)

    found = plain_sets(whole)

    assert len(found) == 4
    for number, values in enumerate(found):
        whole.check(values)
        assert values not in found[:number]


def test_they_set_as_little_as_possible() -> None:
    for values in plain_sets(load_search_space(SPACES / "prcl-quota.yaml")):
        assert values["limit"] == "none"
        assert values["pattern.min_size"] == 4096
        assert len(values) == 3


def space(initial: tuple[int, ...] = ()) -> SearchSpace:
    whole = load_search_space(SPACES / "prcl-quota.yaml")
    plain = dict(plain_sets(whole)[0])
    return replace(whole, initial=tuple({**plain, "pattern.min_age": age} for age in initial))


def ages_tried(breaks_below_us: float, initial: tuple[int, ...] = ()) -> list[float]:
    line = PlainLine(space(initial))
    ages: list[float] = []
    while batch := line.next(2):
        for values in batch:
            age = float(values["pattern.min_age"])
            ages.append(age)
            line.tell(values, keeps=age >= breaks_below_us)
        assert len(ages) <= 6
    return ages


def test_a_line_goes_older_where_ages_break_the_limit_and_younger_where_none_does() -> None:
    middle, older, *rest = ages_tried(0.0)
    assert len(rest) == 2
    assert all(age < middle < older for age in rest)

    middle, older, *rest = ages_tried(1e12)
    assert len(rest) == 2
    assert all(age > older > middle for age in rest)


def test_a_line_halves_where_the_limit_breaks() -> None:
    first, second, *_ = ages_tried(0.0)
    middle, older, between, beyond = ages_tried((first + second) / 2.0)

    assert middle < between < older < beyond


def test_a_line_begins_with_the_initial_sets_of_the_space() -> None:
    ages = ages_tried(5e6, (3_000_000, 9_000_000))

    assert ages[:2] == [3e6, 9e6]
    assert 3e6 < ages[2] < 9e6 < ages[3]


def test_initial_sets_that_are_not_plain_are_no_part_of_a_line() -> None:
    whole = space()
    sized = {**plain_sets(whole)[0], "pattern.min_size": 1 << 20}

    assert PlainLine(replace(whole, initial=(sized,))).next(2) == PlainLine(whole).next(2)


def test_a_failed_set_counts_as_one_that_breaks_the_limit() -> None:
    line = PlainLine(space())
    first = line.next(1)
    line.tell(first[0], keeps=False)
    second = line.next(4)

    assert len(first) == len(second) == 1
    assert first != second

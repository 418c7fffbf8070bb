from __future__ import annotations

from pathlib import Path

import pytest

from autotune.space.space import load_search_space
from autotune.surrogate.plain_sets import PlainLine, plain_sets

SPACES = Path(__file__).parents[2] / "search_spaces"


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: path.stem)
def test_they_are_in_the_space_and_differ(path: Path) -> None:
    space = load_search_space(path)

    found = plain_sets(space)

    assert len(found) == 4
    for number, values in enumerate(found):
        space.check(values)
        assert values not in found[:number]


def test_they_set_as_little_as_possible() -> None:
    for values in plain_sets(load_search_space(SPACES / "prcl-quota.yaml")):
        assert values["limit"] == "none"
        assert values["pattern.min_size"] == 4096
        assert len(values) == 3


def ages_tried(breaks_below_us: float, *, most: int = 8) -> list[float]:
    line = PlainLine(load_search_space(SPACES / "prcl-quota.yaml"))
    ages: list[float] = []
    while batch := line.next(2):
        for values in batch:
            age = float(values["pattern.min_age"])
            ages.append(age)
            line.tell(values, keeps=age >= breaks_below_us)
        assert len(ages) <= most
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


def test_a_failed_set_counts_as_one_that_breaks_the_limit() -> None:
    line = PlainLine(load_search_space(SPACES / "prcl-quota.yaml"))
    first = line.next(1)
    line.tell(first[0], keeps=False)
    second = line.next(4)

    assert len(first) == len(second) == 1
    assert first != second

"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotune.backends.simulator.memory import PAGE
from autotune.backends.simulator.regions import (
    Regions,
    age,
    cut,
    make_regions,
    merge,
    next_threshold,
    reset,
    split,
    total_bytes,
)

Row = tuple[int, int, int, int]


def regions_of(rows: Sequence[Row], capacity: int = 64) -> Regions:
    """Neighbouring regions of (size, hits, last, age)."""
    regions = make_regions([(0, PAGE)] * 1, 1, capacity)
    start = 0
    for item, (size, hits, last, years) in zip(regions.items, rows, strict=False):
        item.start, item.end = start, start + size
        item.hits, item.last, item.age, item.moving = hits, last, years, hits * 10_000
        start += size
    regions.totals[0].regions = len(rows)
    return regions


def rows_of(regions: Regions) -> list[Row]:
    used = regions.items[: regions.totals[0].regions]
    return [(int(r.end - r.start), int(r.hits), int(r.last), int(r.age)) for r in used]


def test_initial_pieces_are_equal_but_for_the_last_of_each_range() -> None:
    # Observed on Linux 6.12: 843776 + 44036096 + 135168 bytes make 1, 9 and 1 regions.
    ranges = [(0, 843_776), (1 << 30, (1 << 30) + 44_036_096), (1 << 40, (1 << 40) + 135_168)]

    regions = make_regions(ranges, min_regions=10, capacity=32)

    sizes = [row[0] for row in rows_of(regions)]
    assert sizes == [843_776, *[4_890_624] * 8, 4_911_104, 135_168]


def test_merging_averages_hits_and_age_by_size() -> None:
    regions = regions_of([(100, 10, 3, 7), (200, 20, 5, 1)])

    merge(regions, 10, 20, 1000, 1000)

    assert rows_of(regions) == [(300, 16, 3, 3)]
    assert regions.items[0].moving == 160_000


@pytest.mark.parametrize(
    ("threshold", "limit"), [(9, 1000), (10, 299)], ids=["hits too far apart", "too large"]
)
def test_what_does_not_belong_together_stays_apart(threshold: int, limit: int) -> None:
    rows = [(100, 10, 3, 7), (200, 20, 5, 1)]
    regions = regions_of(rows)

    merge(regions, threshold, 20, limit, 1000)

    assert rows_of(regions) == rows


def test_regions_with_a_gap_between_stay_apart() -> None:
    regions = regions_of([(100, 0, 0, 0), (100, 0, 0, 0)])
    regions.items[1].start += 10

    merge(regions, 10, 20, 1000, 1000)

    assert regions.totals[0].regions == 2


def test_too_many_regions_are_merged_with_a_rising_threshold_and_never_above_the_size_limit() -> (
    None
):
    regions = regions_of([(100, hits, 0, 0) for hits in (0, 5, 10, 15, 20)])

    merge(regions, 0, 20, 300, 3)

    assert regions.totals[0].regions <= 3
    assert max(row[0] for row in rows_of(regions)) <= 300


@pytest.mark.parametrize(("start", "rounds"), [(2, [4, 8, 16, 20]), (0, [1, 2, 4, 8, 16, 20])])
def test_rounds_double_the_threshold_up_to_the_largest_count(
    start: int, rounds: list[int]
) -> None:
    seen = []
    while start < 20:
        start = next_threshold(start, 20)
        seen.append(start)

    assert seen == rounds


def test_age_begins_anew_only_when_hits_change_by_more_than_the_threshold() -> None:
    regions = regions_of([(1, 0, 2, 5), (1, 3, 0, 5), (1, 2, 0, 5), (1, 0, 0, 0)])

    age(regions, 2)

    assert [row[3] for row in rows_of(regions)] == [6, 0, 6, 1]


def test_a_new_aggregation_keeps_the_hits_as_last() -> None:
    regions = regions_of([(1, 7, 2, 5)])

    reset(regions)

    assert rows_of(regions) == [(1, 0, 7, 5)]


def test_cutting_keeps_counts_and_ages_and_moves_what_follows() -> None:
    regions = regions_of([(10 * PAGE, 1, 2, 3), (PAGE, 4, 5, 6)])

    assert cut(regions, 0, 4 * PAGE)

    assert rows_of(regions) == [(4 * PAGE, 1, 2, 3), (6 * PAGE, 1, 2, 3), (PAGE, 4, 5, 6)]


def test_a_full_array_is_not_cut() -> None:
    regions = regions_of([(10 * PAGE, 1, 2, 3)], capacity=1)

    assert not cut(regions, 0, PAGE)

    assert rows_of(regions) == [(10 * PAGE, 1, 2, 3)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_splitting_loses_nothing_and_copies_counts(
    pages: list[int], seed: int, three: bool
) -> None:
    rows = [(size * PAGE, number, number + 1, number + 2) for number, size in enumerate(pages)]
    regions = regions_of(rows, capacity=200)
    regions.totals[0].remembered = len(rows) if three else 0
    before = total_bytes(regions)

    split(regions, 100, np.random.default_rng(seed))

    after = rows_of(regions)
    assert total_bytes(regions) == before
    assert len(after) <= (3 if three else 2) * len(rows)
    assert all(row[0] % PAGE == 0 and row[0] > 0 for row in after)
    assert {row[1:] for row in after} == {row[1:] for row in rows}
    for size, *rest in rows:
        assert sum(row[0] for row in after if list(row[1:]) == rest) == size
        if size <= 2 * PAGE:
            assert (size, *rest) in after


def test_nothing_is_split_above_half_of_the_most() -> None:
    rows = [(10 * PAGE, 0, 0, 0)] * 6
    regions = regions_of(rows)

    split(regions, 11, np.random.default_rng(0))

    assert rows_of(regions) == rows


def test_regions_are_cut_in_three_when_the_last_split_changed_nothing() -> None:
    rows = [(1000 * PAGE, 0, 0, 0)] * 3
    regions = regions_of(rows)
    regions.totals[0].remembered = 3

    split(regions, 1000, np.random.default_rng(0))

    assert regions.totals[0].regions == 9

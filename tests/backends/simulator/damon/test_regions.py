"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.kdamond import aggregate, size_limit
from autotune.backends.simulator.damon.regions import (
    Regions,
    age,
    cut,
    make_regions,
    merge,
    next_threshold,
    reset,
    split,
    total_bytes,
    update_ranges,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.kernel_rules import largest_region_bytes, next_merge_threshold
from tests.backends.simulator.reference import regions as reference
from tests.backends.simulator.reference.draws import Xoroshiro
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import SAMPLES, draws_of, regions_of, rows_of

Row = tuple[int, int, int, int]


def row_of(sizes: list[Row], capacity: int = 64) -> Regions:
    """Neighbouring regions of (size, hits, last, age)."""
    rows, start = [], 0
    for size, hits, last, years in sizes:
        rows.append(Region(start, start + size, hits, last, hits * 10_000, years))
        start += size
    return regions_of(rows, capacity)


def sizes_of(regions: Regions) -> list[Row]:
    return [(row.size, row.hits, row.last, row.age) for row in rows_of(regions)]


@st.composite
def lists_of_regions(draw: st.DrawFn, *, most: int = 30) -> list[Region]:
    """Regions of whole pages, some with gaps between."""
    rows, start = [], draw(st.integers(0, 5)) * PAGE
    for _ in range(draw(st.integers(0, most))):
        start += draw(st.sampled_from([0, 0, 0, PAGE, 7 * PAGE]))
        size = draw(st.integers(1, 40) | st.integers(1, 5000)) * PAGE
        hits, last = draw(st.integers(0, SAMPLES)), draw(st.integers(0, SAMPLES))
        residue = draw(st.integers(0, 3))
        years = draw(st.integers(0, 500))
        rows.append(Region(start, start + size, hits, last, hits * 10_000 + residue, years))
        start += size
    return rows


def test_initial_pieces_are_equal_but_for_the_last_of_each_range() -> None:
    # Observed on Linux 6.12: 843776 + 44036096 + 135168 bytes make 1, 9 and 1 regions.
    ranges = [(0, 843_776), (1 << 30, (1 << 30) + 44_036_096), (1 << 40, (1 << 40) + 135_168)]

    regions = make_regions(ranges, min_regions=10, capacity=32)

    sizes = [row[0] for row in sizes_of(regions)]
    assert sizes == [843_776, *[4_890_624] * 8, 4_911_104, 135_168]
    assert all(row[1:] == (0, 0, 0) for row in sizes_of(regions))


def test_ranges_that_a_user_gives_are_a_region_each() -> None:
    ranges = [(0, 1 << 40), (1 << 41, (1 << 41) + PAGE)]

    regions = make_regions(ranges, min_regions=10, capacity=32, whole=True)

    assert [(row.start, row.end) for row in rows_of(regions)] == ranges


def test_no_ranges_make_no_regions() -> None:
    regions = make_regions([], 10, 32)

    assert regions.totals[0].regions == 0
    assert size_limit(regions, 10) == PAGE


def test_merging_averages_hits_and_age_by_size() -> None:
    regions = row_of([(100, 10, 3, 7), (200, 20, 5, 1)])

    merge(regions, 10, 20, 1000, 1000)

    assert sizes_of(regions) == [(300, 16, 3, 3)]
    assert regions.items[0].moving == 160_000


def test_regions_that_just_reach_threshold_and_size_limit_are_merged() -> None:
    regions = row_of([(100, 10, 0, 0), (200, 20, 0, 0)])

    merge(regions, 10, 20, 300, 1000)

    assert [row[:2] for row in sizes_of(regions)] == [(300, 16)]


def test_hits_that_were_averaged_decide_about_the_next_region() -> None:
    """0, 2 and 4 drift apart: 1 of the first two is further than 2 from 4."""
    regions = row_of([(100, 0, 0, 0), (100, 2, 0, 0), (100, 4, 0, 0)])

    merge(regions, 2, 20, 1000, 1000)

    assert [row[:2] for row in sizes_of(regions)] == [(200, 1), (100, 4)]


@pytest.mark.parametrize(
    ("threshold", "limit"), [(9, 1000), (10, 299)], ids=["hits too far apart", "too large"]
)
def test_what_does_not_belong_together_stays_apart(threshold: int, limit: int) -> None:
    rows = [(100, 10, 3, 7), (200, 20, 5, 1)]
    regions = row_of(rows)

    merge(regions, threshold, 20, limit, 1000)

    assert sizes_of(regions) == rows


def test_regions_with_a_gap_between_stay_apart() -> None:
    regions = row_of([(100, 0, 0, 0), (100, 0, 0, 0)])
    regions.items[1].start += 10

    merge(regions, 10, 20, 1000, 1000)

    assert regions.totals[0].regions == 2


@pytest.mark.parametrize(("start", "rounds"), [(2, [4, 8, 16, 20]), (0, [1, 2, 4, 8, 16, 20])])
def test_rounds_double_the_threshold_up_to_the_largest_count(
    start: int, rounds: list[int]
) -> None:
    seen = []
    while start < 20:
        start = next_threshold(start, 20)
        seen.append(start)

    assert seen == rounds


@given(st.integers(0, 500), st.integers(1, 400))
def test_thresholds_of_rounds_are_those_of_the_plain_rule(threshold: int, samples: int) -> None:
    assert next_threshold(threshold, samples) == next_merge_threshold(threshold, samples)


@given(st.lists(st.integers(1, 2**40), max_size=8), st.integers(1, 5000))
def test_the_largest_region_is_that_of_the_plain_rule(pages: list[int], few: int) -> None:
    ends = list(itertools.accumulate(pages))
    regions = regions_of(
        Region((end - size) * PAGE, end * PAGE) for size, end in zip(pages, ends, strict=True)
    )

    assert size_limit(regions, few) == largest_region_bytes(sum(pages) * PAGE, few)


def test_age_begins_anew_only_when_hits_change_by_more_than_the_threshold() -> None:
    regions = row_of([(1, 0, 2, 5), (1, 3, 0, 5), (1, 2, 0, 5), (1, 0, 0, 0)])

    age(regions, 2)

    assert [row[3] for row in sizes_of(regions)] == [6, 0, 6, 1]


@pytest.mark.parametrize(("most", "years"), [(20, 6), (9, 0)])
def test_how_much_change_makes_a_region_young_depends_on_the_hottest_of_all(
    most: int, years: int
) -> None:
    """Two hits of twenty are no change while something else has all twenty."""
    regions = row_of([(PAGE, most, most, 5), (PAGE, 2, 0, 5)])

    aggregate(regions, most, SAMPLES, 1, 1000)

    assert regions.items[1].age == years


@given(
    lists_of_regions(),
    st.sampled_from([3, 5, 10, 30, 1000]),
    st.sampled_from([5, 20, 100]),
    st.integers(1, 2000),
)
def test_an_aggregation_ends_as_in_the_reference(
    rows: list[Region], max_regions: int, samples: int, limit_pages: int
) -> None:
    rows = [replace(row, hits=row.hits * samples // 20) for row in rows]
    regions, most = regions_of(rows), max((row.hits for row in rows), default=0)

    aggregate(regions, most, samples, limit_pages * PAGE, max_regions)

    assert rows_of(regions) == reference.aggregated(rows, samples, limit_pages * PAGE, max_regions)


@given(lists_of_regions())
def test_no_region_grows_beyond_its_share_of_the_memory(rows: list[Region]) -> None:
    regions = regions_of(rows)
    limit = size_limit(regions, 10)
    assert limit == max(PAGE, sum(row.size for row in rows) // 10)

    aggregate(regions, SAMPLES, SAMPLES, limit, 1)

    for row in rows_of(regions):
        assert row.size <= limit or row.size in {old.size for old in rows}


def test_a_new_aggregation_keeps_the_hits_as_last_and_the_moving_sum() -> None:
    regions = row_of([(1, 7, 2, 5)])

    reset(regions)

    assert sizes_of(regions) == [(1, 0, 7, 5)]
    assert regions.items[0].moving == 70_000


def test_cutting_keeps_counts_and_ages_and_moves_what_follows() -> None:
    regions = row_of([(10 * PAGE, 1, 2, 3), (PAGE, 4, 5, 6)])

    assert cut(regions, 0, 4 * PAGE)

    assert sizes_of(regions) == [(4 * PAGE, 1, 2, 3), (6 * PAGE, 1, 2, 3), (PAGE, 4, 5, 6)]


def test_a_full_array_is_not_cut() -> None:
    regions = row_of([(10 * PAGE, 1, 2, 3)], capacity=1)

    assert not cut(regions, 0, PAGE)

    assert sizes_of(regions) == [(10 * PAGE, 1, 2, 3)]


@given(lists_of_regions(), st.integers(0, 2**32), st.booleans(), st.sampled_from([10, 100, 150]))
def test_splits_are_those_of_the_reference(
    rows: list[Region], seed: int, unchanged: bool, max_regions: int
) -> None:
    regions, draws = regions_of(rows), draws_of(seed)
    remembered = len(rows) if unchanged else 1000
    regions.totals[0].remembered = remembered
    uniform = Xoroshiro(draws.tolist()).uniform

    split(regions, max_regions, draws)

    expected, after = reference.split(rows, max_regions, remembered, uniform)
    assert rows_of(regions) == expected
    assert regions.totals[0].remembered == after


@given(lists_of_regions(), st.integers(0, 2**32), st.booleans())
def test_splitting_loses_nothing_and_stays_within_the_bound(
    rows: list[Region], seed: int, unchanged: bool
) -> None:
    regions = regions_of(rows)
    regions.totals[0].remembered = len(rows) if unchanged else 0
    before = total_bytes(regions)

    split(regions, 100, draws_of(seed))

    after = rows_of(regions)
    assert total_bytes(regions) == before
    assert len(after) <= 100
    assert all(row.size % PAGE == 0 and row.size > 0 for row in after)
    assert all(one.end <= other.start for one, other in pairwise(after))


def test_cuts_are_at_each_tenth_alike() -> None:
    """Both halves of the middle are as likely: nine places, 300 regions each."""
    rows = [(10 * PAGE, 0, 0, 0)] * 2700
    regions = row_of(rows, capacity=6000)

    split(regions, 6000, draws_of(0))

    places = Counter(row[0] // PAGE for row in sizes_of(regions)[::2])
    assert sorted(places) == list(range(1, 10))
    assert all(abs(count - 300) < 4.5 * np.sqrt(300) for count in places.values())


@pytest.mark.parametrize("pages", [1, 2])
def test_a_region_of_two_pages_is_not_split(pages: int) -> None:
    regions = row_of([(pages * PAGE, 0, 0, 0)])

    split(regions, 1000, draws_of(0))

    assert regions.totals[0].regions == 1


def test_nothing_is_split_above_half_of_the_most_and_nothing_is_remembered() -> None:
    rows = [(10 * PAGE, 0, 0, 0)] * 6
    regions = row_of(rows)

    split(regions, 11, draws_of(0))

    assert sizes_of(regions) == rows
    assert regions.totals[0].remembered == 0


def test_regions_are_cut_in_three_when_the_last_split_changed_nothing() -> None:
    rows = [(1000 * PAGE, 0, 0, 0)] * 3
    regions = row_of(rows)
    regions.totals[0].remembered = 3

    split(regions, 1000, draws_of(0))

    assert regions.totals[0].regions == 9


PAGES_OF = list[tuple[int, int]]


def in_pages(spans: PAGES_OF) -> list[tuple[int, int]]:
    return [(low * PAGE, high * PAGE) for low, high in spans]


def fitted(rows: list[Region], ranges: PAGES_OF, capacity: int = 64) -> list[Region]:
    regions = regions_of(rows, capacity)
    update_ranges(regions, np.array(in_pages(ranges), dtype=np.int64))
    return rows_of(regions)


def used(low: int, high: int, years: int = 9) -> Region:
    """A region, given in pages, that has been seen for a while."""
    return Region(low * PAGE, high * PAGE, hits=1, last=3, moving=10_000, age=years)


def fresh(low: int, high: int) -> Region:
    return Region(low * PAGE, high * PAGE)


@pytest.mark.parametrize(
    ("rows", "ranges", "expected"),
    [
        (
            [used(0, 2, 5), used(10, 12, 7), used(40, 42)],
            [(10, 12), (20, 22), (30, 32)],
            [used(10, 12, 7), fresh(20, 22), fresh(30, 32)],
        ),
        ([used(5, 10, 1), used(10, 20, 2)], [(2, 25)], [used(2, 10, 1), used(10, 25, 2)]),
        ([used(5, 10, 1), used(10, 20, 2)], [(7, 12)], [used(7, 10, 1), used(10, 12, 2)]),
        ([used(0, 4, 1), used(6, 8, 2)], [(0, 8)], [used(0, 4, 1), fresh(4, 6), used(6, 8, 2)]),
        ([used(0, 20)], [(2, 5), (8, 12)], [used(2, 5), fresh(8, 12)]),
        (
            [used(0, 20, 1), used(20, 24, 2)],
            [(2, 5), (8, 22)],
            [used(2, 5, 1), used(8, 22, 2)],
        ),
        ([], [(1, 3), (5, 7)], [fresh(1, 3), fresh(5, 7)]),
    ],
    ids=[
        "outside goes, a range without any gets a new one",
        "the outermost are stretched, and new memory inherits their age",
        "the outermost are shrunk",
        "a hole gets a new one",
        "one over two ranges belongs to the lower",
        "the upper part of one over two ranges is taken over by the next",
        "nothing before",
    ],
)
def test_regions_are_fitted_to_new_ranges(
    rows: list[Region], ranges: PAGES_OF, expected: list[Region]
) -> None:
    assert fitted(rows, ranges) == expected


RANGES = st.lists(st.integers(0, 200), min_size=6, max_size=6, unique=True).map(
    lambda bounds: list(zip(sorted(bounds)[::2], sorted(bounds)[1::2], strict=True))
)


@given(lists_of_regions(most=12), RANGES)
def test_range_updates_are_those_of_the_reference(rows: list[Region], ranges: PAGES_OF) -> None:
    assert fitted(rows, ranges) == reference.updated(rows, in_pages(ranges))


@given(lists_of_regions(most=12), RANGES)
def test_after_an_update_regions_cover_the_ranges_and_nothing_else(
    rows: list[Region], ranges: PAGES_OF
) -> None:
    after = fitted(rows, ranges)

    covered = [page for row in after for page in range(row.start // PAGE, row.end // PAGE)]
    assert covered == [page for low, high in ranges for page in range(low, high)]


@given(lists_of_regions(most=12), RANGES)
def test_an_update_to_the_same_ranges_changes_nothing(
    rows: list[Region], ranges: PAGES_OF
) -> None:
    once = fitted(rows, ranges)

    assert fitted(once, ranges) == once


def test_where_the_arrays_are_full_an_update_does_not_write_beyond_them() -> None:
    after = fitted([used(0, 4), used(6, 8)], [(0, 8), (20, 22)], capacity=2)

    assert len(after) <= 2

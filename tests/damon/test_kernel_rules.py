"""Vectors are worked out by hand from the source of Linux 6.12; some were observed on it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import EFFECTIVE_ACTIONS, Action
from autotune.damon.kernel_rules import (
    GOAL_REACHED,
    PAGE_BYTES,
    goal_score,
    hot_score,
    is_ordered,
    largest_region_bytes,
    next_allowance,
    next_merge_threshold,
    priority,
    sampled_bytes,
    three_ranges,
)
from autotune.damon.monitoring import OperationsSet

SECOND = 10
"""Aggregation intervals of 100 ms."""


@pytest.mark.parametrize(
    ("size", "sampled"),
    [(4096, 4096), (1 << 32, 1 << 32), (5 << 30, 1 << 30), (8 << 30, 1 << 32), (9 << 30, 1 << 30)],
)
def test_of_a_region_that_is_sampled_which_32_bits_reach(size: int, sampled: int) -> None:
    assert sampled_bytes(size) == sampled


@pytest.mark.parametrize(("size", "largest"), [(0, 4096), (40_960, 4096), (1 << 30, 107_374_182)])
def test_a_region_may_hold_its_share_and_a_page_at_least(size: int, largest: int) -> None:
    assert largest_region_bytes(size, 10) == largest


@pytest.mark.parametrize(
    ("threshold", "rounds"), [(2, [4, 8, 16, 20]), (0, [1, 2, 4, 8, 16, 20]), (10, [20])]
)
def test_rounds_of_merging_double_the_threshold_up_to_all_samples(
    threshold: int, rounds: list[int]
) -> None:
    seen = []
    while threshold < 20:
        threshold = next_merge_threshold(threshold, 20)
        seen.append(threshold)

    assert seen == rounds


def test_of_equal_gaps_the_first_two_count() -> None:
    assert three_ranges([(0, 1), (2, 3), (4, 5), (6, 7)]) == ((0, 1), (2, 3), (4, 7))


@pytest.mark.parametrize("spans", [[], [(0, 5)], [(0, 5), (5, 9)], [(0, 5), (5, 7), (8, 9)]])
def test_with_fewer_than_two_gaps_there_is_nothing_to_watch(spans: list[tuple[int, int]]) -> None:
    assert three_ranges(spans) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=8))
def test_the_three_ranges_are_those_that_hold_least(pieces: list[tuple[int, int]]) -> None:
    spans, end = [], 0
    for gap, size in pieces:
        spans.append((end + gap, end + gap + size))
        end += gap + size
    gaps = [(a[1], b[0]) for a, b in itertools.pairwise(spans) if b[0] > a[1]]
    left = [
        ((spans[0][0], low[0]), (low[1], high[0]), (high[1], spans[-1][1]))
        for low, high in itertools.combinations(gaps, 2)
    ]

    # `min` takes the first of equal ones, which are in the order of addresses.
    least = min(left, key=lambda ranges: sum(b - a for a, b in ranges), default=None)
    assert three_ranges(spans) == least


@pytest.mark.parametrize(
    ("count", "seconds", "weights", "hot"),
    [
        (0, 0, (0, 1), 49),
        (0, 1, (0, 1), 47),
        (0, 3, (0, 1), 45),
        (0, 1023, (0, 1), 33),
        (5, 0, (0, 1), 49),
        (5, 1, (0, 1), 50),
        (5, 255, (0, 1), 61),
        (0, 0, (1, 0), 0),
        (2, 0, (1, 0), 9),
        (18, 0, (1, 0), 89),
        (20, 0, (1, 0), 99),
        (23, 0, (1, 0), 99),
        (0, 64, (1, 1), 18),
        (7, 100, (0, 0), 0),
    ],
)
def test_a_region_is_hot_by_its_accesses_and_by_how_long_they_last(
    count: int, seconds: int, weights: tuple[int, int], hot: int
) -> None:
    assert hot_score(count, seconds * SECOND, 20, 100_000, *weights) == hot


@pytest.mark.parametrize(
    ("operations", "coldest", "hottest"),
    [
        (OperationsSet.VADDR, {"pageout"}, set()),
        (OperationsSet.FVADDR, {"pageout"}, set()),
        (
            OperationsSet.PADDR,
            {"pageout", "lru_deprio", "migrate_cold"},
            {"lru_prio", "migrate_hot"},
        ),
    ],
)
def test_what_goes_first_depends_on_the_action_and_the_address_space(
    operations: OperationsSet, coldest: set[str], hottest: set[str]
) -> None:
    scores = {action.value: priority(action, operations, 9) for action in Action}

    assert {action for action, score in scores.items() if score == 90} == coldest
    assert {action for action, score in scores.items() if score == 9} == hottest
    assert {score for score in scores.values() if score not in (9, 90)} == {99}
    ordered = {action.value for action in Action if is_ordered(action, operations)}
    assert ordered == coldest | hottest


def test_in_physical_memory_a_quota_orders_all_that_does_something_but_stat() -> None:
    ordered = {action for action in Action if is_ordered(action, OperationsSet.PADDR)}

    assert ordered == EFFECTIVE_ACTIONS[OperationsSet.PADDR] - {Action.STAT}


@pytest.mark.parametrize(
    ("current", "target", "score"),
    [(0, 7, 0), (7, 7, GOAL_REACHED), (1, 3, 3_333), (9, 3, 30_000)],
)
def test_a_goal_is_scored_by_the_share_that_is_reached(
    current: int, target: int, score: int
) -> None:
    assert goal_score(current, target) == score


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
def test_goals_allow_more_or_less_by_how_far_they_are_reached(
    before: int, score: int, after: int
) -> None:
    assert next_allowance(before, score) == after


def test_a_page_is_that_of_x86() -> None:
    assert PAGE_BYTES == 4096

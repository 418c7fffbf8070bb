"""Rules of DAMON in the kernel, as plain functions: scores, ranges, sizes of regions, goals of quotas.

Whatever needs such a rule takes it from here; the compiled copies in the simulator are tested against
these. Units, and the rounding to them, are in `autotune.damon.kernel_units`.

Source: Linux 6.12; each rule names its function and file.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from autotune.damon.damos import Action
from autotune.damon.monitoring import OperationsSet
from autotune.damon.spans import Span

PAGE_BYTES: Final = 4096
"""A page of x86-64, and the smallest region. Source: ``DAMON_MIN_REGION``, include/linux/damon.h."""

HUGE_PAGE_BYTES: Final = 2 << 20

PROCESS_BYTES: Final = 1 << 47
"""Addresses of a process on x86-64. Source: Documentation/arch/x86/x86_64/mm.rst."""

SAMPLED_BYTES: Final = 1 << 32
"""Offsets of samples are drawn from 32 bits. Source: ``damon_rand``, include/linux/damon.h."""

MAX_SCORE: Final = 99
"""The highest priority. Source: ``DAMOS_MAX_SCORE``, include/linux/damon.h."""

GOAL_REACHED: Final = 10_000
"""The score of a goal that is just reached. Source: ``damos_quota_score``, mm/damon/core.c."""

UNMEASURED_BYTES_A_MS: Final = PAGE_BYTES * 1024
"""What a time quota allows in a millisecond before the speed of the action is known.

Source: ``damos_set_effective_quota``, mm/damon/core.c.
"""

_COLDEST_FIRST: Final = {
    OperationsSet.VADDR: frozenset({Action.PAGEOUT}),
    OperationsSet.FVADDR: frozenset({Action.PAGEOUT}),
    OperationsSet.PADDR: frozenset({Action.PAGEOUT, Action.LRU_DEPRIO, Action.MIGRATE_COLD}),
}
_HOTTEST_FIRST: Final = {
    OperationsSet.VADDR: frozenset[Action](),
    OperationsSet.FVADDR: frozenset[Action](),
    OperationsSet.PADDR: frozenset({Action.LRU_PRIO, Action.MIGRATE_HOT}),
}


def sampled_bytes(size_bytes: int) -> int:
    """Give how much of a region is ever sampled, from its start on.

    Source: ``damon_rand``, include/linux/damon.h: the size is taken in 32 bits.
    """
    return size_bytes % SAMPLED_BYTES or SAMPLED_BYTES


def largest_region_bytes(size_bytes: int, min_regions: int) -> int:
    """Give the size up to which regions are merged, and of which they are made at the start.

    Args:
        size_bytes: Memory that is monitored.
        min_regions: The lower bound on the number of regions.

    Source: ``damon_region_sz_limit``, mm/damon/core.c.
    """
    return max(PAGE_BYTES, size_bytes // min_regions)


def initial_regions(ranges: Sequence[Span], min_regions: int) -> tuple[Span, ...]:
    """Give the regions into which DAMON cuts the ranges of a process when it begins.

    Args:
        ranges: What is monitored, in the order of addresses; bounds of pages.
        min_regions: The lower bound on the number of regions.

    Source: ``__damon_va_init_regions``, mm/damon/vaddr.c.

    >>> initial_regions([(0, 32768), (65536, 69632)], 3)
    ((0, 16384), (16384, 32768), (65536, 69632))
    """
    piece = largest_region_bytes(sum(end - start for start, end in ranges), min_regions)
    regions = list[Span]()
    for start, end in ranges:
        pieces = max(1, (end - start) // piece)
        size = (end - start) // pieces // PAGE_BYTES * PAGE_BYTES
        bounds = [start + number * size for number in range(pieces)] + [end]
        regions += itertools.pairwise(bounds)
    return tuple(regions)


def next_merge_threshold(threshold: int, samples: int) -> int:
    """Give how far the counts of neighbours may lie apart in the next round of merging.

    A further round comes while there are more regions than the upper bound allows.

    Args:
        threshold: The threshold of the round before.
        samples: Samples of an aggregation interval, the most that a count can be.

    Source: ``kdamond_merge_regions``, mm/damon/core.c.
    """
    return max(1, 2 * threshold) if threshold < samples // 2 else samples


def three_ranges(mappings: Sequence[Span]) -> tuple[Span, Span, Span] | None:
    """Give the ranges that DAMON watches of a process: what lies outside of the two largest gaps.

    Args:
        mappings: What is mapped, in the order of addresses, not overlapping.

    Returns:
        The three ranges in the order of addresses; None where there are not two gaps, and DAMON has
        nothing to watch.

    Source: ``__damon_va_three_regions``, mm/damon/vaddr.c.

    >>> three_ranges([(0, 1), (10, 12), (13, 14), (30, 31)])
    ((0, 1), (10, 14), (30, 31))
    """
    gaps = [(end, start) for (_, end), (start, _) in itertools.pairwise(mappings) if start > end]
    if len(gaps) < 2:
        return None
    # Of equal gaps the lower ones are taken, as `sorted` leaves them in their order.
    largest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[:2]
    (first_end, second_start), (second_end, third_start) = sorted(largest)
    return (
        (mappings[0][0], first_end),
        (second_start, second_end),
        (third_start, mappings[-1][1]),
    )


def hot_score(
    count: int, age: int, samples: int, aggregation_us: int, rate_weight: int, age_weight: int
) -> int:
    """Give how hot a region is, from 0 to 99.

    Args:
        count: Samples that found the region accessed, of those of an aggregation interval.
        age: Of the region, in aggregation intervals.
        samples: Samples of an aggregation interval.
        aggregation_us: Length of an aggregation interval, in microseconds.
        rate_weight: Weight of the access rate.
        age_weight: Weight of the age.

    Source: ``damon_hot_score``, mm/damon/ops-common.c.
    """
    rate = count * 100 // samples
    doublings = min(32, (age * aggregation_us // 1_000_000).bit_length())
    steadiness = ((doublings if rate else -doublings) + 32) * 100 // 32 // 2
    hotness = rate_weight * rate + age_weight * steadiness
    hotness //= (rate_weight + age_weight) or 1
    return min(MAX_SCORE, max(0, hotness * MAX_SCORE // 100))


def is_ordered(action: Action, operations: OperationsSet) -> bool:
    """Say whether a quota chooses among regions by their scores; otherwise all of them are alike to it.

    Source: ``damon_va_scheme_score``, mm/damon/vaddr.c, and ``damon_pa_scheme_score``, mm/damon/paddr.c.
    """
    return action in _COLDEST_FIRST[operations] | _HOTTEST_FIRST[operations]


def priority(action: Action, operations: OperationsSet, hot: int) -> int:
    """Give the score by which a quota chooses a region, from 0 to 99: the highest go first.

    Args:
        action: Of the scheme.
        operations: The address space.
        hot: How hot the region is, as `hot_score` says.

    Source: ``damon_va_scheme_score``, mm/damon/vaddr.c, and ``damon_pa_scheme_score``, mm/damon/paddr.c.
    """
    if action in _COLDEST_FIRST[operations]:
        return MAX_SCORE - hot
    return hot if action in _HOTTEST_FIRST[operations] else MAX_SCORE


def goal_score(current: int, target: int) -> int:
    """Give how far a goal is reached; `GOAL_REACHED` is just so.

    Source: ``damos_quota_score``, mm/damon/core.c.
    """
    return current * GOAL_REACHED // target


def next_allowance(allowed: int, score: int) -> int:
    """Give what goals allow in the next charge window, in 1/10000 of a byte.

    Args:
        allowed: What they allowed in the window before, in 1/10000 of a byte.
        score: How far the goals were reached then, as `goal_score` says.

    Source: ``damon_feed_loop_next_input``, mm/damon/core.c.
    """
    if score == GOAL_REACHED:
        return allowed
    if score >= 2 * GOAL_REACHED:
        return GOAL_REACHED
    change = allowed * abs(score - GOAL_REACHED) // GOAL_REACHED
    if score < GOAL_REACHED:
        return allowed + change
    return max(allowed - change, GOAL_REACHED)

"""Schemes in the kernel's units: which regions they match, and which matching regions go first.

Source: ``damon_hot_score`` and ``damos_valid_target`` of Linux 6.12.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.compiled import inlined
from autotune.backends.simulator.compiled.structs import (
    FLAG,
    FLOAT,
    INT,
    Structs,
    make_structs,
    put,
)
from autotune.damon.damos import Action, FilterType, GoalMetric, Scheme
from autotune.damon.kernel_rules import MAX_SCORE
from autotune.damon.kernel_units import to_kernel
from autotune.damon.monitoring import Intervals, OperationsSet

MODELLED = (
    Action.PAGEOUT,
    Action.STAT,
    Action.COLD,
    Action.HUGEPAGE,
    Action.NOHUGEPAGE,
    Action.LRU_PRIO,
    Action.LRU_DEPRIO,
)
"""The actions that the simulator models; the index is the action's number in `_SCHEME`."""
PAGEOUT, STAT, COLD, HUGEPAGE, NOHUGEPAGE, LRU_PRIO, LRU_DEPRIO = range(7)

FILTERS = (FilterType.ADDR, FilterType.TARGET, FilterType.ANON, FilterType.YOUNG)
"""The filters that the simulator models; the index is the type's number in `_FILTER`."""
ADDR, TARGET, ANON, YOUNG = range(4)

GOALS = (GoalMetric.USER_INPUT, GoalMetric.SOME_MEM_PSI_US)
"""The goals that the simulator models; the index is the metric's number in `_GOAL`."""
USER_INPUT, SOME_MEM_PSI = range(2)

UNREACHED = 2**62
"""More than any count of bytes or ticks in a run; adding to this number doesn't overflow."""
_LONGEST_MS = 10**12

TAKES_OLD, TAKES_YOUNG, TAKES_NONE, TAKES_ALL = range(4)
"""Which resident pages of a region a scheme's filters let through, in physical addresses: pages that
were not accessed, pages that were accessed, no page, or all pages."""

_SCHEME = {
    "action": INT,  # index into MODELLED
    "physical": FLAG,  # whether addresses are the machine's
    "takes": INT,  # TAKES_OLD, TAKES_YOUNG, TAKES_NONE or TAKES_ALL, in physical addresses
    "min_sz": INT,  # bytes
    "max_sz": INT,
    "min_nr": INT,  # samples
    "max_nr": INT,
    "min_age": INT,  # aggregations
    "max_age": INT,
    "quota_ms": INT,  # 0 is no limit
    "quota_bytes": INT,  # 0 is no limit
    "goals": INT,  # how many
    "reset_us": INT,
    "rate_weight": INT,
    "age_weight": INT,
    "high": INT,  # watermarks in permille; -1 for none
    "mid": INT,
    "low": INT,
    "look_us": FLOAT,  # how often the watermarks are looked at while inactive
    "apply_ticks": INT,  # ticks between two passes
    "next_apply": INT,  # tick of the next pass
    "active": FLAG,  # 0 while the watermarks keep the scheme off
    "due": FLAG,  # in the running pass
    "charged": INT,  # bytes, in this window
    "window_us": FLOAT,  # when this window began; -1 before the first
    "allowed": INT,  # bytes in this window; 0, before the quota first applies, allows all
    "steered": INT,  # what the goals last allowed, in 1/10000 of a byte
    "resume": INT,  # address at which the scheme goes on; 0 is none
    "lowest_score": INT,  # regions with a lower score wait for another window
    "spent_bytes": INT,  # charged in earlier windows
    "spent_ns": INT,  # time that trying took, on the coarse clock
    "tried_regions": INT,
    "tried_bytes": INT,
    "applied_regions": INT,
    "applied_bytes": INT,
    "quota_exceeds": INT,
    "matched": FLAG,  # whether a region was ever inside all three ranges
    "oldest": INT,  # the highest age, in aggregations, of a region with its sizes and accesses
    "windows": INT,  # charge windows that ended
    "full_windows": INT,  # of these, windows with no page left
    "least_allowed": INT,  # bytes of the smallest window; 0 before the quota first applies
    "most_allowed": INT,  # bytes of the largest window
}
_FILTER = {
    "scheme": INT,
    "kind": INT,  # index into FILTERS
    "matching": FLAG,
    "start": INT,  # ADDR: first address, and the address behind the last; TARGET: the target's number
    "end": INT,
}
_GOAL = {
    "scheme": INT,
    "metric": INT,  # index into GOALS
    "target": INT,
    "current": INT,
    "before_us": FLOAT,  # stall time when the last window began
}


class Schemes(NamedTuple):
    """All schemes of a kdamond.

    Attributes:
        items: `_SCHEME` structs.
        filters: `_FILTER` structs of the filters that look at addresses, in each scheme's order.
        goals: `_GOAL` structs.
        sizes: Room for the bytes of matching regions by score, shape ``(100,)``.
    """

    items: Structs
    filters: Structs
    goals: Structs
    sizes: NDArray[np.int64]


def _clip(bound: int) -> int:
    return min(bound, UNREACHED)


def _takes(scheme: Scheme) -> int:
    """Which pages the filters let through: all memory of a workload is anonymous."""
    against_young = {item.matching for item in scheme.filters if item.type is FilterType.YOUNG}
    if scheme.action is Action.PAGEOUT and not against_young:
        against_young = {True}  # the kernel puts a filter of its own in front
    against_anonymous = any(
        item.type is FilterType.ANON and item.matching for item in scheme.filters
    )
    if against_anonymous or len(against_young) == 2:
        return TAKES_NONE
    if not against_young:
        return TAKES_ALL
    return TAKES_OLD if against_young == {True} else TAKES_YOUNG


def looks_at_marks(scheme: Scheme) -> bool:
    """Whether idle marks of pages matter to the scheme, in physical addresses."""
    return _takes(scheme) in (TAKES_OLD, TAKES_YOUNG)


def stage(
    schemes: tuple[Scheme, ...], intervals: Intervals, jiffy_us: int, operations: OperationsSet
) -> Schemes:
    """Put the schemes into the kernel's units, as when DAMON is turned on.

    Raises:
        ValueError: If the kernel's rounding leaves nothing of a scheme.
    """
    items = make_structs(_SCHEME, len(schemes))
    filters = [(row, item) for row, s in enumerate(schemes) for item in s.filters]
    filters = [(row, item) for row, item in filters if FILTERS.index(item.type) <= TARGET]
    goals = [
        (row, goal)
        for row, scheme in enumerate(schemes)
        for goal in (() if scheme.quota is None else scheme.quota.goals)
    ]
    for row, scheme in enumerate(schemes):
        put(items, row, **_in_kernel_units(scheme, intervals, jiffy_us, operations))
    staged_filters = make_structs(_FILTER, len(filters))
    for row, (number, item) in enumerate(filters):
        start, end = item.address_range or (item.target_index or 0, 0)
        kind = FILTERS.index(item.type)
        put(
            staged_filters,
            row,
            scheme=number,
            kind=kind,
            matching=item.matching,
            start=start,
            end=end,
        )
    staged_goals = make_structs(_GOAL, len(goals))
    for row, (number, goal) in enumerate(goals):
        put(
            staged_goals,
            row,
            scheme=number,
            metric=GOALS.index(goal.metric),
            target=_clip(goal.target_value),
            current=_clip(goal.current_value),
        )
    return Schemes(items, staged_filters, staged_goals, np.zeros(MAX_SCORE + 1, dtype=np.int64))


def _in_kernel_units(
    scheme: Scheme, intervals: Intervals, jiffy_us: int, operations: OperationsSet
) -> dict[str, float]:
    """Give fields of the scheme's struct as when DAMON is turned on; fields that are left out are 0.

    Raises:
        ValueError: If the kernel's rounding leaves nothing of the scheme.
    """
    kernel, quota = to_kernel(scheme, intervals), scheme.quota
    jiffies = -(-min(kernel.reset_interval_ms, _LONGEST_MS) * 1000 // jiffy_us)
    look_us, high, mid, low = kernel.watermarks or (0, -1, -1, -1)
    interval_us = scheme.apply_interval_us or intervals.aggregation_us
    apply_ticks = _clip(interval_us // intervals.sampling_us)
    return {
        "action": MODELLED.index(scheme.action),
        "physical": operations is OperationsSet.PADDR,
        "takes": _takes(scheme),
        "min_sz": _clip(kernel.sz[0]),
        "max_sz": _clip(kernel.sz[1]),
        "min_nr": kernel.nr_accesses[0],
        "max_nr": kernel.nr_accesses[1],
        "min_age": _clip(kernel.age[0]),
        "max_age": _clip(kernel.age[1]),
        "quota_ms": _clip(kernel.quota_ms),
        "quota_bytes": _clip(kernel.quota_bytes),
        "reset_us": jiffies * jiffy_us,
        "rate_weight": 0 if quota is None else quota.weights.access_rate,
        "age_weight": 0 if quota is None else quota.weights.age,
        "goals": 0 if quota is None else len(quota.goals),
        "look_us": look_us,
        "high": high,
        "mid": mid,
        "low": low,
        "apply_ticks": apply_ticks,
        "next_apply": apply_ticks,
        "active": 1,
        "window_us": -1.0,
    }


@inlined
def hot_score(
    hits: int, age: int, samples: int, aggregation_us: int, rate_weight: int, age_weight: int
) -> int:
    """How hot a region is, 0 to 99, by its hits of *samples* and its age in aggregations."""
    rate = hits * 100 // samples
    seconds = age * aggregation_us // 1_000_000
    bits = 0
    while seconds > 0 and bits < 32:
        bits += 1
        seconds //= 2
    if rate == 0:
        bits = -bits
    hotness = rate_weight * rate + age_weight * (((bits + 32) * 100 // 32) // 2)
    if rate_weight + age_weight > 0:
        hotness //= rate_weight + age_weight
    return min(MAX_SCORE, max(0, hotness * MAX_SCORE // 100))


@inlined
def is_like(scheme: Any, region: Any) -> bool:
    """Whether the region has the scheme's size and accesses, whatever its age."""
    size, hits = region.end - region.start, region.moving // 10_000
    return scheme.min_nr <= hits <= scheme.max_nr and scheme.min_sz <= size <= scheme.max_sz


@inlined
def matches(scheme: Any, region: Any) -> bool:
    """Whether the region is inside all three ranges of the scheme's access pattern."""
    return scheme.min_age <= region.age <= scheme.max_age and is_like(scheme, region)


@inlined
def score(scheme: Any, region: Any, samples: int, aggregation_us: int) -> int:
    """The region's priority, 0 to 99: by the action, cold regions or hot regions go first, or none."""
    coldest = scheme.action == PAGEOUT or (scheme.action == LRU_DEPRIO and scheme.physical == 1)
    hottest = scheme.action == LRU_PRIO and scheme.physical == 1
    if not (coldest or hottest):
        return MAX_SCORE
    hot = hot_score(
        region.moving // 10_000,
        region.age,
        samples,
        aggregation_us,
        scheme.rate_weight,
        scheme.age_weight,
    )
    return hot if hottest else MAX_SCORE - hot

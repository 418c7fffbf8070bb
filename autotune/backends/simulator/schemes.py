"""DAMOS: which regions a scheme takes, in which order, and how much of it its quota allows.

Source: ``damos_adjust_quota``, ``damon_do_apply_schemes``, ``damos_apply_scheme`` and
``damon_hot_score`` of Linux 6.12.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.memory import PAGE, is_mapped, page_out
from autotune.backends.simulator.player import ended
from autotune.backends.simulator.records import FLAG, FLOAT, INT, Records, make_records
from autotune.backends.simulator.regions import Regions, cut
from autotune.backends.simulator.world import World, work_in_turns
from autotune.damon import Intervals
from autotune.damos import Action, Scheme
from autotune.kernel import to_kernel

MODELLED = (Action.PAGEOUT, Action.STAT)
"""The actions that the simulator models; the index is the action's number in `_SCHEME`."""

_PAGEOUT, _STAT = range(2)
_UNREACHED = 2**62
"""More than any count of bytes or ticks that a run comes to; adding to it doesn't overflow."""
_LONGEST_MS = 10**12
_UNMEASURED_BYTES_PER_MS = PAGE * 1024
_PAGES_A_TURN = 32
"""Pages paged out before the workload runs again: as many as the kernel isolates for one reclaim."""

_SCHEME = {
    "action": INT,  # index into MODELLED
    "min_sz": INT,  # bytes
    "max_sz": INT,
    "min_nr": INT,  # samples
    "max_nr": INT,
    "min_age": INT,  # aggregations
    "max_age": INT,
    "quota_ms": INT,  # 0 is no limit
    "quota_bytes": INT,  # 0 is no limit
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
    "window_us": FLOAT,  # begin of this window; -1 before the first
    "allowed": INT,  # bytes in this window; 0 before the quota first applies, meaning all
    "resume": INT,  # address to go on at; 0 is none
    "lowest_score": INT,  # regions below are left for another window
    "spent_bytes": INT,  # charged in earlier windows
    "spent_ns": INT,  # time that trying took, on the coarse clock
    "tried_regions": INT,
    "tried_bytes": INT,
    "applied_regions": INT,
    "applied_bytes": INT,
    "quota_exceeds": INT,
}


def _clip(bound: int) -> int:
    return min(bound, _UNREACHED)


def stage(schemes: tuple[Scheme, ...], intervals: Intervals, jiffy_us: int) -> Records:
    """Count the schemes as the kernel does: one `_SCHEME` record each, as when DAMON is turned on.

    Raises:
        ValueError: If the kernel's rounding leaves nothing of a scheme.
    """
    staged = make_records(_SCHEME, len(schemes))
    for row, scheme in zip(staged, schemes, strict=True):
        kernel = to_kernel(scheme, intervals)
        row.action = MODELLED.index(scheme.action)
        row.min_sz, row.max_sz = map(_clip, kernel.sz)
        row.min_nr, row.max_nr = kernel.nr_accesses
        row.min_age, row.max_age = map(_clip, kernel.age)
        row.quota_ms, row.quota_bytes = _clip(kernel.quota_ms), _clip(kernel.quota_bytes)
        jiffies = -(-min(kernel.reset_interval_ms, _LONGEST_MS) * 1000 // jiffy_us)
        row.reset_us = jiffies * jiffy_us
        if scheme.quota is not None:
            row.rate_weight = scheme.quota.weights.access_rate
            row.age_weight = scheme.quota.weights.age
        row.look_us, row.high, row.mid, row.low = kernel.watermarks or (0, -1, -1, -1)
        interval_us = scheme.apply_interval_us or intervals.aggregation_us
        row.apply_ticks = row.next_apply = _clip(interval_us // intervals.sampling_us)
        row.active, row.window_us = 1, -1.0
    return staged


@compiled
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
    return min(99, max(0, hotness * 99 // 100))


@compiled
def _allowance(scheme: Any) -> int:
    """What a window that begins now allows, in bytes."""
    if scheme.quota_ms == 0:
        return scheme.quota_bytes
    rate = _UNMEASURED_BYTES_PER_MS
    if scheme.spent_ns > 0:
        rate = max(1, int(scheme.spent_bytes * 1e6 / scheme.spent_ns))
    allowed = _UNREACHED
    if scheme.quota_ms < _UNREACHED // rate:
        allowed = max(PAGE, rate * scheme.quota_ms)
    return min(scheme.quota_bytes, allowed) if scheme.quota_bytes > 0 else allowed


@compiled
def matches(scheme: Any, region: Any) -> bool:
    """Whether the region is inside all three ranges of the scheme's access pattern."""
    size, hits = region.end - region.start, region.moving // 10_000
    return (
        scheme.min_sz <= size <= scheme.max_sz
        and scheme.min_nr <= hits <= scheme.max_nr
        and scheme.min_age <= region.age <= scheme.max_age
    )


@compiled
def score(scheme: Any, region: Any, samples: int, aggregation_us: int) -> int:
    """What goes first, 0 to 99: the coldest for page-out; all alike for what has no order."""
    if scheme.action != _PAGEOUT:
        return 99
    return 99 - hot_score(
        region.moving // 10_000,
        region.age,
        samples,
        aggregation_us,
        scheme.rate_weight,
        scheme.age_weight,
    )


@compiled
def adjust_quota(
    scheme: Any, regions: Regions, now_us: float, samples: int, aggregation_us: int
) -> None:
    """Begin a new charge window if it is time, and find the score from which regions fit in.

    The first window begins without a limit: nothing is held back before its end, unless the reset
    interval is 0.
    """
    if scheme.quota_ms == 0 and scheme.quota_bytes == 0:
        return
    if scheme.window_us < 0.0:
        scheme.window_us = now_us
    if now_us >= scheme.window_us + scheme.reset_us:
        if scheme.allowed > 0 and scheme.charged >= scheme.allowed:
            scheme.quota_exceeds += 1
        scheme.spent_bytes += scheme.charged
        scheme.window_us = now_us
        scheme.charged = 0
        scheme.allowed = _allowance(scheme)
    if scheme.allowed == 0:
        return
    sizes = np.zeros(100, dtype=np.int64)
    for index in range(regions.totals[0].regions):
        region = regions.items[index]
        if matches(scheme, region):
            sizes[score(scheme, region, samples, aggregation_us)] += region.end - region.start
    lowest, covered = 99, sizes[99]
    while lowest > 0 and covered < scheme.allowed:
        lowest -= 1
        covered += sizes[lowest]
    scheme.lowest_score = lowest


@compiled
def skip_to_resume(scheme: Any, regions: Regions, index: int) -> bool:
    """Whether the region lies before the point at which the scheme goes on.

    A region that holds the point is cut there, and what is behind it is visited next.
    """
    if scheme.resume == 0:
        return False
    region = regions.items[index]
    if region.end <= scheme.resume:
        if index == regions.totals[0].regions - 1:
            scheme.resume = 0
        return True
    if region.start < scheme.resume:
        if region.end - region.start > PAGE:
            cut(regions, index, max(PAGE, (scheme.resume - region.start) // PAGE * PAGE))
        return True
    scheme.resume = 0
    return False


@compiled
def _act(scheme: Any, world: World, start: int, end: int) -> int:
    """Do to ``[start, end)`` what the scheme does; the bytes that the kernel calls applied."""
    if scheme.action != _PAGEOUT:
        return 0
    position = start
    while position < end and not ended(world.player):
        pages, position = page_out(world.memory, position, end, _PAGES_A_TURN)
        work_in_turns(world, pages * world.clock[0].page_us)
    return end - start if is_mapped(world.memory, start, end) else 0


@compiled
def _try(scheme: Any, regions: Regions, index: int, world: World) -> None:
    """Apply the scheme to one region that it takes."""
    region, clock = regions.items[index], world.clock[0]
    size = region.end - region.start
    if scheme.allowed > 0 and scheme.charged + size > scheme.allowed:
        keep = (scheme.allowed - scheme.charged) // PAGE * PAGE
        if keep == 0:
            scheme.tried_regions += 1
            return
        if not cut(regions, index, keep):
            scheme.tried_regions += 1
            return  # no room for one more region: as if nothing were left of the quota
        size = keep
    before = clock.now_us // clock.jiffy_us
    applied = _act(scheme, world, region.start, region.end)
    jiffies = clock.now_us // clock.jiffy_us - before
    scheme.spent_ns += int(jiffies * clock.jiffy_us * 1000)
    scheme.charged += size
    if scheme.allowed > 0 and scheme.charged >= scheme.allowed:
        scheme.resume = region.end
    if scheme.action != _STAT:
        region.age = 0
    scheme.tried_regions += 1
    scheme.tried_bytes += size
    scheme.applied_regions += 1 if applied > 0 else 0
    scheme.applied_bytes += applied


@compiled
def _takes(scheme: Any, regions: Regions, index: int, samples: int, aggregation_us: int) -> bool:
    """Whether the scheme, in the running pass, is applied to the region."""
    if scheme.due == 0 or scheme.active == 0:
        return False
    if scheme.allowed > 0 and scheme.charged >= scheme.allowed:
        return False
    if skip_to_resume(scheme, regions, index) or not matches(scheme, regions.items[index]):
        return False
    return (
        scheme.allowed == 0
        or score(scheme, regions.items[index], samples, aggregation_us) >= scheme.lowest_score
    )


@compiled
def apply_schemes(
    schemes: Records, regions: Regions, world: World, tick: int, samples: int, aggregation_us: int
) -> None:
    """One pass of the schemes that are due over all regions, in address order.

    Regions that a pass cuts off are visited in the same pass. Time passes while a scheme works.
    """
    working = False
    for row in range(len(schemes)):
        scheme = schemes[row]
        scheme.due = 1 if tick >= scheme.next_apply else 0
        if scheme.due == 1 and scheme.active == 1:
            working = True
            jiffies = (
                world.clock[0].now_us // world.clock[0].jiffy_us
            )  # windows are counted in them
            now_us = jiffies * world.clock[0].jiffy_us
            adjust_quota(scheme, regions, now_us, samples, aggregation_us)
    if not working:
        return
    index = 0
    while index < regions.totals[0].regions:
        for row in range(len(schemes)):
            if _takes(schemes[row], regions, index, samples, aggregation_us):
                _try(schemes[row], regions, index, world)
        index += 1
    for row in range(len(schemes)):
        if schemes[row].due == 1:
            schemes[row].next_apply = tick + schemes[row].apply_ticks


@compiled
def look_at_watermarks(schemes: Records, free_permille: int) -> float:
    """Turn schemes on and off by the share of memory that is free.

    Returns:
        How long the kdamond has to wait before it looks again, in microseconds: 0 while a scheme is
        active, or there is none.
    """
    wait_us = math.inf
    for row in range(len(schemes)):
        scheme = schemes[row]
        if scheme.high >= 0:
            if free_permille > scheme.high or free_permille < scheme.low:
                scheme.active = 0
            elif free_permille < scheme.mid:
                scheme.active = 1
        wait_us = min(wait_us, 0.0 if scheme.active == 1 else scheme.look_us)
    return wait_us if len(schemes) > 0 else 0.0

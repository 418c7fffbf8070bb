"""How often DAMON finds each region accessed: one random page a region and tick.

Regions stay as they are within a window of ticks, so that their hits are counted at its end: whole
areas at once where all of their pages are alike, page by page where they are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autotune.backends.simulator.compiled import compiled, inlined
from autotune.backends.simulator.draws import Draws, binomial, uniform
from autotune.backends.simulator.idle_marks import mark_one, note_touches
from autotune.backends.simulator.memory import PAGE, RESIDENT, Memory, area_at_or_behind, end_of
from autotune.backends.simulator.regions import Regions
from autotune.backends.simulator.replay import Replay, hits_of_recording
from autotune.backends.simulator.touches import (
    Touches,
    is_touched,
    ones,
    touches_by_chance,
    window,
)

_SAMPLED_BITS = 1 << 32
_NONE = np.uint64(0)
_ONE = np.uint64(1)


@inlined
def sampled_bytes(size: int) -> int:
    """How much of a region is ever sampled: offsets are drawn from 32 bits of its size."""
    return size % _SAMPLED_BITS if size % _SAMPLED_BITS != 0 else _SAMPLED_BITS


@inlined
def _drawn_hit(
    touches: Touches,
    memory: Memory,
    start: int,
    reach: int,
    area: int,
    tick: int,
    marks: bool,
    draws: Draws,
) -> bool:
    """Sample one page of a region in *tick*; *area* is the first that ends behind its start."""
    address = start + int(uniform(draws) * reach)
    while area < len(memory.areas) and end_of(memory.areas[area]) <= address:
        area += 1
    if area == len(memory.areas) or memory.areas[area].start > address:
        return False
    page = (address - memory.areas[area].start) // PAGE
    hit = is_touched(touches, memory, area, page, tick, draws)
    if marks and not hit and memory.state[memory.areas[area].first + page] == RESIDENT:
        mark_one(memory, area, memory.areas[area].first + page)
    return hit


@inlined
def _hits_inside(touches: Touches, memory: Memory, area: int, draws: Draws) -> int:
    """Hits of a region inside of an area of which all pages are alike.

    Returns:
        -1 where they are not.
    """
    of_area = touches.areas[area]
    sure = of_area.whole
    if memory.areas[area].huge > 0 or of_area.in_spans & ~sure:
        return -1
    hits = ones(sure)
    if of_area.by_chance & ~sure:
        hits += touches_by_chance(touches, area, draws)
    return hits


@inlined
def _hits_of_two(
    touches: Touches, memory: Memory, start: int, reach: int, area: int, draws: Draws
) -> int:
    """Hits of a region in two areas without a hole, each of them touched all over or not at all.

    Returns:
        -1 where they are not.
    """
    one, two = touches.areas[area], touches.areas[area + 1]
    partly = one.by_chance | one.in_spans | two.by_chance | two.in_spans
    if partly & ~(one.whole & two.whole) or memory.areas[area].start > start:
        return -1
    if end_of(memory.areas[area]) < memory.areas[area + 1].start:
        return -1
    # A page is in one of them or in the other, by their shares.
    share = (memory.areas[area + 1].start - start) / reach
    sure = one.whole & two.whole
    hits = ones(sure) + binomial(draws, ones(one.whole & ~sure), share)
    return hits + binomial(draws, ones(two.whole & ~sure), 1.0 - share)


@inlined
def _hits(
    touches: Touches,
    memory: Memory,
    start: int,
    reach: int,
    area: int,
    marks: bool,
    draws: Draws,
) -> int:
    """Hits of the region at *start* in this window; *area* is the first that ends behind its start."""
    end, everything = start + reach, window(touches)
    if area == len(memory.areas) or memory.areas[area].start >= end:
        return 0
    if not marks and memory.areas[area].start <= start and end <= end_of(memory.areas[area]):
        hits = _hits_inside(touches, memory, area, draws)
        if hits >= 0:
            return hits
    sure, some, covered, index = everything, _NONE, start, area
    while index < len(memory.areas) and memory.areas[index].start < end:
        of_area = touches.areas[index]
        if memory.areas[index].start > covered:
            sure = _NONE
        sure &= of_area.whole
        some |= of_area.whole | of_area.by_chance | of_area.in_spans
        covered = end_of(memory.areas[index])
        index += 1
    if covered < end:
        sure = _NONE
    open_ticks = some & ~sure
    if index == area + 2 and covered >= end and not marks:
        hits = _hits_of_two(touches, memory, start, reach, area, draws)
        if hits >= 0:
            return hits
    if marks:
        open_ticks = everything
        sure = _NONE
    hits = ones(sure)
    while open_ticks:
        lowest = open_ticks & (~open_ticks + _ONE)
        open_ticks ^= lowest
        tick = ones(lowest - _ONE)
        if _drawn_hit(touches, memory, start, reach, area, tick, marks, draws):
            hits += 1
    return hits


@compiled
def count_hits(
    regions: Regions,
    touches: Touches,
    memory: Memory,
    replay: Replay,
    samples: int,
    missed_chance: float,
    draws: Draws,
) -> int:
    """Count what was accessed in the ticks of this window; the most hits that any region now has.

    Args:
        regions: Their hits and moving sums go on.
        touches: What was touched.
        memory: The workload's.
        replay: The recording that is played, if one is.
        samples: Ticks of an aggregation.
        missed_chance: That a check doesn't see an access.
        draws: What is left to chance.
    """
    ticks = touches.state[0].ticks
    marks = memory.counters[0].spares == 1
    most = 0
    area = 0
    if marks:
        note_touches(touches, memory)
    if regions.totals[0].regions > 0:
        area = area_at_or_behind(memory, regions.items[0].start)
    for i in range(regions.totals[0].regions):
        region: Any = regions.items[i]
        reach = sampled_bytes(region.end - region.start)
        if replay.state[0].plays == 1:
            hits = hits_of_recording(replay, region.start, region.start + reach, draws)
        else:
            while area < len(memory.areas) and end_of(memory.areas[area]) <= region.start:
                area += 1
            hits = _hits(touches, memory, region.start, reach, area, marks, draws)
        if missed_chance > 0.0:
            for _ in range(hits):
                if uniform(draws) < missed_chance:
                    hits -= 1
        region.moving += 10_000 * hits
        if region.last > 0:
            region.moving -= ticks * (region.last * 10_000 // samples)
        region.hits += hits
        most = max(most, region.hits)
    return most

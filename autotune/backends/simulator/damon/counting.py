"""How often DAMON finds each region accessed: one random page a region and tick.

Regions stay as they are within a window of ticks, so that their hits are counted at the window's end:
for a whole area at once if its pages are alike, else page by page.
"""

from __future__ import annotations

from typing import Any

from autotune.backends.simulator.compiled.bits import ones
from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.draws import Draws, chosen, uniform
from autotune.backends.simulator.compiled.structs import at
from autotune.backends.simulator.damon.regions import Regions
from autotune.backends.simulator.memory.idle_marks import mark_one, note_touches
from autotune.backends.simulator.memory.pages import (
    RESIDENT,
    Memory,
    area_at_or_behind,
    end_of,
)
from autotune.backends.simulator.memory.touches import (
    Touches,
    close_spans,
    hits_in,
    is_touched,
    window,
)
from autotune.backends.simulator.workload.replay import Replay, hits_of_recording
from autotune.damon.kernel_rules import PAGE_BYTES, SAMPLED_BYTES


@inlined
def sampled_bytes(size: int) -> int:
    """How many bytes of a region can be sampled: offsets are drawn from 32 bits of the size."""
    return size % SAMPLED_BYTES if size % SAMPLED_BYTES != 0 else SAMPLED_BYTES


@inlined
def _area_from(memory: Memory, area: int, address: int) -> int:
    """The first area from *area* on that ends behind an address."""
    while area < len(memory.areas) and end_of(at(memory.areas, area)) <= address:
        area += 1
    return area


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
    """Sample one page of a region in *tick*; *area* is the first to end behind the region's start."""
    address = start + int(uniform(draws) * reach)
    area = _area_from(memory, area, address)
    if area == len(memory.areas) or at(memory.areas, area).start > address:
        return False
    page = (address - at(memory.areas, area).start) // PAGE_BYTES
    hit = is_touched(touches, memory, area, page, tick, draws)
    if marks and not hit and memory.state[at(memory.areas, area).first + page] == RESIDENT:
        mark_one(memory, area, at(memory.areas, area).first + page)
    return hit


@inlined
def _hits_by_page(
    touches: Touches, memory: Memory, start: int, reach: int, area: int, marks: bool, draws: Draws
) -> int:
    """Hits of a region, page by page, a page a tick: if idle marks are kept, or pages are huge."""
    hits = 0
    if area == len(memory.areas) or at(memory.areas, area).start >= start + reach:
        return hits
    for tick in range(touches.state[0].ticks):
        if _drawn_hit(touches, memory, start, reach, area, tick, marks, draws):
            hits += 1
    return hits


@compiled
def _has_huge_pages(memory: Memory) -> bool:
    found = False
    for area in range(len(memory.areas)):
        found |= at(memory.areas, area).huge > 0
    return found


@inlined
def _hits(touches: Touches, memory: Memory, start: int, end: int, area: int, draws: Draws) -> int:
    """Hits of a region of small pages in this window; *area* is the first to end behind its start.

    Each tick draws one page. So chance first decides which ticks drew a page of the first area, then
    which of the remaining ticks drew a page of the second area, and so on. Ticks that remain at the end
    drew a page in a hole.
    """
    ticks, left, hits = window(touches), end - start, 0
    while area < len(memory.areas) and at(memory.areas, area).start < end and ticks:
        first = at(memory.areas, area).start
        low = (max(start, first) - first) // PAGE_BYTES
        high = (min(end, end_of(at(memory.areas, area))) - first) // PAGE_BYTES
        size = (high - low) * PAGE_BYTES
        here = ticks if size == left else chosen(draws, ticks, size / left)
        if at(touches.areas, area).listed == 1:
            hits += hits_in(touches, area, low, high, here, draws)
        ticks ^= here
        left -= size
        area += 1
    return hits


@inlined
def _alike(touches: Touches, memory: Memory, area: int) -> tuple[int, int]:
    """The addresses of an area if each tick touched all of it or none of it; else an empty range."""
    if area == len(memory.areas):
        return 0, 0
    of_area = at(touches.areas, area)
    if (of_area.by_chance | of_area.in_spans) & ~of_area.whole:
        return 0, 0
    return at(memory.areas, area).start, end_of(at(memory.areas, area))


@inlined
def _add_hits(
    region: Any, hits: int, ticks: int, samples: int, missed_chance: float, draws: Draws
) -> int:
    """Add a window's hits to a region, without those that checks miss; returns the region's hits."""
    if missed_chance > 0.0:
        for _ in range(hits):
            if uniform(draws) < missed_chance:
                hits -= 1
    region.moving += 10_000 * hits
    if region.last > 0:
        region.moving -= ticks * (region.last * 10_000 // samples)
    region.hits += hits
    return region.hits


@compiled
def count_hits(
    regions: Regions,
    touches: Touches,
    memory: Memory,
    samples: int,
    missed_chance: float,
    draws: Draws,
) -> int:
    """Count this window's hits; returns the number of hits of the region that now has the most.

    Args:
        regions: The hits are added to their hits and moving sums.
        touches: What the workload touched.
        memory: The workload's memory.
        samples: Ticks of an aggregation.
        missed_chance: The chance that a check doesn't see an access.
        draws: The stream of random numbers.
    """
    ticks, marks = touches.state[0].ticks, memory.counters[0].marks == 1
    by_page = marks or _has_huge_pages(memory)
    most, area = 0, 0
    # All regions within these addresses have equal hits.
    low, high, alike = 0, 0, 0
    close_spans(touches)
    if marks:
        note_touches(touches, memory)
    if regions.totals[0].regions > 0:
        area = area_at_or_behind(memory, regions.items[0].start)
    for i in range(regions.totals[0].regions):
        region: Any = regions.items[i]
        start, hits = region.start, alike
        reach = sampled_bytes(region.end - start)
        if low > start or start + reach > high:
            area = _area_from(memory, area, start)
            if by_page:
                hits = _hits_by_page(touches, memory, start, reach, area, marks, draws)
            else:
                hits = _hits(touches, memory, start, start + reach, area, draws)
                following = _area_from(memory, area, region.end)
                low, high = _alike(touches, memory, following)
                alike = ones(at(touches.areas, following).whole) if high > 0 else 0
        most = max(most, _add_hits(region, hits, ticks, samples, missed_chance, draws))
    return most


@compiled
def count_replayed_hits(
    regions: Regions, replay: Replay, samples: int, missed_chance: float, draws: Draws
) -> int:
    """Count this window's hits of a recording; returns the hits of the region that now has the most."""
    most, ticks = 0, replay.state[0].ticks
    for i in range(regions.totals[0].regions):
        region: Any = regions.items[i]
        end = region.start + sampled_bytes(region.end - region.start)
        hits = hits_of_recording(replay, region.start, end, draws)
        most = max(most, _add_hits(region, hits, ticks, samples, missed_chance, draws))
    return most

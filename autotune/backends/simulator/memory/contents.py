"""What pages hold: how far they are compressed, and what that costs.

Single bytes at random places are what random writes leave behind. A compressor of the lz4 kind writes
a sequence for each, and takes time by their number; a page that does not get smaller is kept as it is.
"""

from __future__ import annotations

import math

from autotune.backends.simulator.compiled.compiled import compiled
from autotune.backends.simulator.machine_costs import QUARTER
from autotune.backends.simulator.memory.pages import Memory
from autotune.damon.kernel_rules import PAGE_BYTES

WRITTEN_PLACES = 1_000_000
"""Numbers in the pattern player's table: random writes reach so many places of a region, and no more."""

STORED_WHOLE = 0.8
"""A page that is compressed to more is kept as it is. Source: huge_class_size, mm/zsmalloc.c."""

_SEQUENCE_BYTES = 4
"""Of lz4: token, the byte itself, distance and no more. Source: doc/lz4_Block_format.md of lz4."""

_LONG_GAP_BYTES = 19
"""A longer distance to the next one takes another byte."""


@compiled
def cost(fraction: float, base: float, almost_empty: float, quarter: float, whole: float) -> float:
    """What a page costs by the fraction that it is compressed to, in us.

    Args:
        fraction: 0 to 1.
        base: The fraction of an almost empty page.
        almost_empty: What that costs.
        quarter: What a page at a quarter costs; beyond, costs rise at the same rate.
        whole: What a page costs that is kept as it is.
    """
    if fraction >= STORED_WHOLE:
        return whole
    return almost_empty + max(0.0, fraction - base) / (QUARTER - base) * (quarter - almost_empty)


@compiled
def scattered_fraction(writes: float, pages: int) -> float:
    """What pages are compressed to after so many random writes of one byte, all over *pages* of them."""
    places = WRITTEN_PLACES * (1.0 - math.exp(-writes / WRITTEN_PLACES))
    size = pages * PAGE_BYTES
    each = size / pages * (1.0 - math.exp(-places / size))  # different bytes written in a page
    if each == 0.0:
        return 0.0
    gap = PAGE_BYTES / each
    fraction = each * (_SEQUENCE_BYTES + math.exp(-_LONG_GAP_BYTES / gap)) / PAGE_BYTES
    return 1.0 if fraction >= STORED_WHOLE else fraction


@compiled
def look_at(memory: Memory, index: int) -> None:
    """Find what a page of area *index* is compressed to by now, and what it costs to move one."""
    area, costs = memory.areas[index], memory.costs[0]
    if area.random_writes == area.known_writes:
        return
    area.known_writes = area.random_writes
    scattered = scattered_fraction(area.random_writes, area.pages)
    area.compressed = min(1.0, max(area.compressed, costs.smallest + scattered))
    area.pageout_us = cost(
        area.compressed,
        costs.smallest,
        costs.pageout_us,
        costs.quarter_pageout_us,
        costs.whole_pageout_us,
    )
    area.fault_us = cost(
        area.compressed,
        costs.smallest,
        costs.fault_us,
        costs.quarter_fault_us,
        costs.whole_fault_us,
    )

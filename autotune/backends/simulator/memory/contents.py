"""What pages hold: how far they are compressed, and what that costs.

Random writes leave single bytes at random places. A compressor of the lz4 kind writes a sequence for
each of these bytes, and takes time by their number. A page that does not get smaller is kept as it is.
"""

from __future__ import annotations

import math

from autotune.backends.simulator.compiled.compiled import compiled
from autotune.backends.simulator.machine_costs import QUARTER
from autotune.backends.simulator.memory.pages import Memory
from autotune.damon.kernel_rules import PAGE_BYTES

WRITTEN_PLACES = 1_000_000
"""Numbers in the pattern player's table. Random writes reach at most so many places of a region."""

STORED_WHOLE = 0.8
"""A page that compression makes larger than this fraction is kept as it is.

Source: huge_class_size, mm/zsmalloc.c.
"""

_SEQUENCE_BYTES = 4
"""A sequence of lz4: token, the byte itself, distance. Source: doc/lz4_Block_format.md of lz4."""

_LONG_GAP_BYTES = 19
"""A longer distance to the next written byte takes another byte of the sequence."""


@compiled
def cost(fraction: float, base: float, almost_empty: float, quarter: float, whole: float) -> float:
    """The cost of a page, in us, by the fraction that it is compressed to.

    Args:
        fraction: 0 to 1.
        base: The fraction of an almost empty page.
        almost_empty: The cost of an almost empty page.
        quarter: The cost of a page compressed to a quarter; above a quarter, costs rise at this rate.
        whole: The cost of a page that is kept as it is.
    """
    if fraction >= STORED_WHOLE:
        return whole
    return almost_empty + max(0.0, fraction - base) / (QUARTER - base) * (quarter - almost_empty)


@compiled
def scattered_fraction(writes: float, pages: int) -> float:
    """The fraction that *pages* pages are compressed to after *writes* random writes of one byte."""
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
    """Find what a page of area *index* is compressed to now, and what moving such a page costs."""
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

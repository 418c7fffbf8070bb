"""Idle marks of pages, which physical addresses need: a page-out spares pages without a mark.

A page is marked when DAMON samples it, and when a page-out spares it; a touch takes the mark away. Only
the number of marked pages of each block is kept: touches of an area reduce this number by the share of
the area's pages that they met. The number is brought up to date when it is needed.

Source: ``damon_pa_pageout`` and ``damon_folio_young``, mm/damon/paddr.c of Linux 6.12.
"""

from __future__ import annotations

import math

from autotune.backends.simulator.compiled.bits import bit, ones
from autotune.backends.simulator.compiled.compiled import compiled
from autotune.backends.simulator.memory.pages import BLOCK_PAGES, Memory
from autotune.backends.simulator.memory.touches import Touches


@compiled
def note_touches(touches: Touches, memory: Memory) -> None:
    """Add this window's touches to the counts of each area."""
    for i in range(touches.state[0].used):
        index = touches.used[i]
        area, of_area = memory.areas[index], touches.areas[index]
        area.sweeps += ones(of_area.whole)
        chances = of_area.by_chance & ~of_area.whole
        for tick in range(touches.state[0].ticks):
            if chances & bit(tick):
                area.escaped += math.log1p(-touches.chances[index, tick])
        number = of_area.last_span
        while number >= 0:
            span = touches.spans[number]
            area.sweeps += span.count / span.positions
            number = span.before


@compiled
def update_block(memory: Memory, index: int, number: int) -> None:
    """Reduce the marks of a block of area *index* by the touches since the marks were last counted."""
    area, block = memory.areas[index], memory.blocks[number]
    if block.idle > 0.0:
        # It is not known where the sweeps were since then, only how much they touched.
        left = max(0.0, 1.0 - (area.sweeps - block.sweeps))
        block.idle *= left * math.exp(area.escaped - block.escaped)
    block.sweeps = area.sweeps
    block.escaped = area.escaped


@compiled
def mark_one(memory: Memory, index: int, page: int) -> None:
    """Mark a resident page, an index of the states, of area *index*."""
    number = page // BLOCK_PAGES
    update_block(memory, index, number)
    block = memory.blocks[number]
    # The page may have been marked before.
    block.idle += 1.0 - min(1.0, block.idle / max(1, block.resident))


@compiled
def idle_pages(memory: Memory, index: int, number: int) -> int:
    """How many resident pages of a block of area *index* are marked."""
    update_block(memory, index, number)
    block = memory.blocks[number]
    return min(block.resident, int(block.idle + 0.5))

"""Idle marks of pages, which physical addresses need: a page-out spares what is not marked.

A page is marked when DAMON samples it, and when a page-out spares it; a touch takes the mark away.
Source: section "paddr pageout" of docs/simulator.md; ``damon_pa_pageout``, mm/damon/paddr.c.
"""

from __future__ import annotations

import numpy as np

from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.draws import Draws
from autotune.backends.simulator.memory import BLOCK_PAGES, IDLE, RESIDENT, Memory
from autotune.backends.simulator.touches import Touches, is_touched

_ONE = np.uint64(1)


@compiled
def mark(memory: Memory, area: int, page: int) -> None:
    """Mark a resident page, an index of the states, of area *area*."""
    if memory.state[page] == RESIDENT:
        memory.state[page] = RESIDENT | IDLE
        memory.blocks[page // BLOCK_PAGES].marked += 1
        memory.areas[area].marked += 1


@compiled
def unmark(memory: Memory, area: int, page: int) -> None:
    """Take the mark of a page, an index of the states, away."""
    if memory.state[page] & IDLE:
        memory.state[page] &= ~IDLE & 0xFF
        memory.blocks[page // BLOCK_PAGES].marked -= 1
        memory.areas[area].marked -= 1


@compiled
def mark_sampled(memory: Memory, area: int, page: int) -> None:
    """Mark the page, counted within area *area*, that a sample found not accessed."""
    mark(memory, area, memory.areas[area].first + page)


@compiled
def _was_touched(touches: Touches, memory: Memory, area: int, page: int, draws: Draws) -> bool:
    of_area = touches.areas[area]
    some = of_area.all | of_area.by_chance | of_area.in_spans
    for tick in range(touches.state[0].ticks):
        if some & (_ONE << np.uint64(tick)) and is_touched(
            touches, memory, area, page, tick, draws
        ):
            return True
    return False


@compiled
def clear_touched(touches: Touches, memory: Memory, draws: Draws) -> None:
    """Take the marks of all pages away that were touched in this window."""
    for i in range(touches.state[0].used):
        index = touches.used[i]
        area = memory.areas[index]
        if area.marked == 0:
            continue
        for block in range(
            area.first // BLOCK_PAGES, (area.first + area.pages - 1) // BLOCK_PAGES + 1
        ):
            if memory.blocks[block].marked == 0:
                continue
            low = max(area.first, block * BLOCK_PAGES)
            high = min(area.first + area.pages, (block + 1) * BLOCK_PAGES)
            for page in range(low, high):
                if memory.state[page] & IDLE and _was_touched(
                    touches, memory, index, page - area.first, draws
                ):
                    unmark(memory, index, page)

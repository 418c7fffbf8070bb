"""What actions do to memory, and what they cost.

Source: ``damon_va_apply_scheme``, mm/damon/vaddr.c, and ``damon_pa_apply_scheme``, mm/damon/paddr.c, of
Linux 6.12.
"""

from __future__ import annotations

from typing import Any

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.damon.schemes import (
    HUGEPAGE,
    LRU_DEPRIO,
    LRU_PRIO,
    NOHUGEPAGE,
    PAGEOUT,
    STAT,
    TAKES_ALL,
    TAKES_NONE,
    TAKES_OLD,
)
from autotune.backends.simulator.memory.contents import look_at
from autotune.backends.simulator.memory.huge_pages import advise
from autotune.backends.simulator.memory.idle_marks import idle_pages
from autotune.backends.simulator.memory.pages import (
    BLOCK_PAGES,
    RESIDENT,
    Memory,
    area_at_or_behind,
    is_mapped,
    pages_between,
    pages_of_block,
    resident_in,
    swap_out,
)
from autotune.backends.simulator.world import World, is_over, work_in_turns
from autotune.damon.kernel_rules import PAGE_BYTES

_PAGES_A_TURN = 32
"""On a shared CPU, the workload runs again after so many pages went out: some milliseconds' work."""

_PAGES_AT_ONCE = 512
"""Pages paged out in one step on a CPU of the kdamond's own. The kernel isolates so many pages from one
page table for one reclaim."""


@compiled
def takes_of_block(
    memory: Memory, index: int, page: int, behind: int, spares: bool, takes: int
) -> int:
    """How many resident pages from *page* to *behind*, of one block of area *index*, an action takes.

    In virtual addresses an action takes every page. In physical addresses (*spares*) the filters look at
    whether a page was accessed since it was last marked as idle; a page that is spared is then marked.
    """
    number = page // BLOCK_PAGES
    block = memory.blocks[number]
    if not spares or takes == TAKES_ALL:
        return block.resident
    if takes == TAKES_NONE:
        return 0
    idle = idle_pages(memory, index, number)
    looked_at, marked = block.resident, idle
    if behind - page < pages_of_block(memory, index, number):
        looked_at = resident_in(
            memory,
            memory.areas[index].start + (page - memory.areas[index].first) * PAGE_BYTES,
            memory.areas[index].start + (behind - memory.areas[index].first) * PAGE_BYTES,
        )
        marked = int(idle * looked_at / max(1, block.resident) + 0.5)  # each is equally likely
    taken = marked if takes == TAKES_OLD else looked_at - marked
    block.idle = idle - marked + looked_at - taken
    return taken


@inlined
def _resident_from(memory: Memory, page: int, most: int) -> int:
    """How many pages in a row are RESIDENT, from *page* on; at most *most*."""
    count = 0
    while count < most and memory.state[page + count] == RESIDENT:
        count += 1
    return count


@compiled
def page_out(
    memory: Memory, start: int, end: int, most: int, spares: bool, takes: int
) -> tuple[int, int, int, int]:
    """Page out resident pages in ``[start, end)``: up to *most* pages, all of one area.

    Returns:
        How many pages went out, their area, how many pages were looked at and left, and the address up
        to which all is done.
    """
    moved, left, last, counters = 0, 0, 0, memory.counters[0]
    for index in range(area_at_or_behind(memory, start), len(memory.areas)):
        area = memory.areas[index]
        if area.start >= end:
            break
        if moved > 0:
            return moved, last, left, area.start
        look_at(memory, index)
        last = index
        offset = area.first - area.start // PAGE_BYTES
        page, high = pages_between(area, start, end)
        while page < high:
            number = page // BLOCK_PAGES
            behind = min(high, (number + 1) * BLOCK_PAGES)
            if memory.blocks[number].resident == 0:
                left += behind - page
                page = behind
                continue
            if moved > 0 and (spares or moved == most):
                return moved, last, left, (page - offset) * PAGE_BYTES
            taken = takes_of_block(memory, index, page, behind, spares, takes)
            while page < behind and taken > 0:
                if memory.state[page] != RESIDENT:
                    left += 1
                elif counters.swapped >= counters.room:
                    return moved, last, left, end
                elif moved == most and not spares:
                    return moved, last, left, (page - offset) * PAGE_BYTES
                else:
                    count = min(behind - page, taken, counters.room - counters.swapped)
                    if not spares:
                        count = min(count, most - moved)
                    count = _resident_from(memory, page, count)
                    swap_out(memory, index, page, count)
                    moved += count
                    taken -= count
                    page += count
                    continue
                page += 1
            left += behind - page
            page = behind
    return moved, last, left, end


@compiled
def _page_out_all(scheme: Any, world: World, start: int, end: int) -> int:
    """Page out a region, turn by turn; returns how many bytes the kernel calls applied."""
    at, paged_out, memory = start, 0, world.memory
    most = _PAGES_A_TURN if world.clock[0].shared == 1 else _PAGES_AT_ONCE
    while at < end:
        moved, area, left, at = page_out(memory, at, end, most, scheme.physical == 1, scheme.takes)
        paged_out += moved
        work_us = left * world.clock[0].scan_us
        if moved > 0:
            work_us += moved * memory.areas[area].pageout_us
        if work_us > 0.0:
            work_in_turns(world, work_us)
        if is_over(world):
            break
    if scheme.physical == 1:
        return paged_out * PAGE_BYTES
    return end - start if is_mapped(memory, start, end) else 0


@compiled
def _move_between_lists(scheme: Any, memory: Memory, start: int, end: int) -> int:
    """Apply lru_prio or lru_deprio to physical ``[start, end)``; returns how many pages it takes."""
    if scheme.takes == TAKES_ALL:
        return resident_in(memory, start, end)
    taken = 0
    for index in range(area_at_or_behind(memory, start), len(memory.areas)):
        if memory.areas[index].start >= end:
            break
        page, high = pages_between(memory.areas[index], start, end)
        while page < high:
            behind = min(high, (page // BLOCK_PAGES + 1) * BLOCK_PAGES)
            if memory.blocks[page // BLOCK_PAGES].resident > 0:
                here = takes_of_block(memory, index, page, behind, True, scheme.takes)
                if scheme.action == LRU_DEPRIO:  # lru_prio counts as an access
                    memory.blocks[page // BLOCK_PAGES].idle += here
                taken += here
            page = behind
    return taken


@compiled
def act(scheme: Any, world: World, start: int, end: int) -> int:
    """Apply the scheme's action to a region; returns how many bytes the kernel calls applied."""
    if scheme.action == STAT:
        return 0
    if scheme.action == PAGEOUT:
        return _page_out_all(scheme, world, start, end)
    resident = resident_in(world.memory, start, end)
    if scheme.physical == 1:
        if scheme.action in (LRU_PRIO, LRU_DEPRIO) and scheme.takes != TAKES_NONE:
            taken = _move_between_lists(scheme, world.memory, start, end)
            work_in_turns(world, resident * world.clock[0].scan_us)
            return taken * PAGE_BYTES
        return 0
    if scheme.action in (LRU_PRIO, LRU_DEPRIO):
        return 0
    if scheme.action in (HUGEPAGE, NOHUGEPAGE):
        if world.clock[0].collapses == 1:
            advise(world.memory, start, end, scheme.action == HUGEPAGE)
    else:  # cold: pages move between lists, which matters only where memory runs short
        work_in_turns(world, resident * world.clock[0].scan_us)
    return end - start if is_mapped(world.memory, start, end) else 0

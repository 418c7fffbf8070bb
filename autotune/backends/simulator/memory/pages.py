"""A workload's memory: mapped areas, and of each page whether it is resident or swapped out.

Each page has its own state. Blocks of 2 MiB, aligned as huge pages are, count their pages, so that a
block with all pages swapped out, or with all pages resident, is passed over in one step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.structs import FLAG, FLOAT, INT, Structs, make_structs
from autotune.backends.simulator.machine_costs import Machine
from autotune.damon.kernel_rules import HUGE_PAGE_BYTES, PAGE_BYTES

BLOCK_PAGES = HUGE_PAGE_BYTES // PAGE_BYTES
"""Pages of a huge page."""

ABSENT = 0
"""Mapped, but nothing there: never touched."""
RESIDENT = 1
SWAPPED = 2
SHARED = 3
"""Resident too, but other programs map it as well: no program's page-out takes it."""

SMALL, ADVISED, HUGE = 0, 1, 2
"""A block in small pages; a block in small pages for which a huge page is wished; a huge page."""

_AREA = {
    "start": INT,  # first address in the monitored address space, in bytes
    "pages": INT,
    "first": INT,  # its first page's index in the states; modulo a block, it equals the address
    "mapped": FLAG,
    "resident": INT,  # pages
    "swapped": INT,  # pages
    "low_swapped": INT,  # no page below it, counted within the area, is swapped
    "high_swapped": INT,  # no page from it on, counted within the area, is swapped
    "sweeps": FLOAT,  # how often all of it was touched; touches of parts are added up
    "escaped": FLOAT,  # logarithm of the chance that a page escaped all random accesses
    "huge": INT,  # blocks that are HUGE
    "cuts": INT,  # how many pages ever went out
    "compressed": FLOAT,  # room that a page swapped out now takes in the swap pool, a fraction
    "pool_pages": FLOAT,  # room that the swapped pages take in the swap pool
    "random_writes": FLOAT,  # of one byte each, so far
    "known_writes": FLOAT,  # random writes that `compressed` takes into account
    "pageout_us": FLOAT,  # paging out one page
    "fault_us": FLOAT,  # bringing one page back
}
_BLOCK = {
    "resident": INT,  # pages
    "idle": FLOAT,  # resident pages marked as not accessed, when they were last counted
    "sweeps": FLOAT,  # the area's `sweeps` at that count
    "escaped": FLOAT,  # the area's `escaped` at that count
    "kind": INT,  # SMALL, ADVISED or HUGE
}
_COUNTERS = {
    "resident": INT,  # pages
    "swapped": INT,  # pages
    "pool_pages": FLOAT,  # room that the swapped pages take, compressed
    "swap_ins": INT,  # pages brought back so far
    "swap_outs": INT,  # pages swapped out so far
    "room": INT,  # pages that fit into swap
    "changes": INT,  # of mappings so far
    "marks": FLAG,  # whether idle marks of pages are kept
}


_COSTS = {
    "smallest": FLOAT,  # what an almost empty page is compressed to, a fraction
    "pageout_us": FLOAT,  # paging out an almost empty page
    "quarter_pageout_us": FLOAT,  # paging out a page compressed to a quarter
    "whole_pageout_us": FLOAT,  # paging out a page that is kept as it is
    "fault_us": FLOAT,  # bringing an almost empty page back
    "quarter_fault_us": FLOAT,
    "whole_fault_us": FLOAT,
}


class Memory(NamedTuple):
    """Mapped areas in address order, and the state of each of their pages.

    Attributes:
        areas: `_AREA` structs, shape ``(n_areas,)``.
        state: ABSENT, RESIDENT or SWAPPED; shape ``(n_pages,)``, whole blocks.
        blocks: `_BLOCK` structs, shape ``(n_pages / BLOCK_PAGES,)``.
        counters: `_COUNTERS`, one struct.
        costs: `_COSTS`, one struct.
    """

    areas: Structs
    state: NDArray[np.uint8]
    blocks: Structs
    counters: Structs
    costs: Structs


class Area(NamedTuple):
    """A mapped area to make.

    Attributes:
        start: First address.
        pages: How many pages it has.
        state: ABSENT or RESIDENT, of all of its pages.
        compressed: What one of its pages takes in the swap pool, a fraction.
        mapped: Whether it is mapped from the beginning.
    """

    start: int
    pages: int
    state: int
    compressed: float
    mapped: bool = True


def make_memory(rows: list[Area], machine: Machine) -> Memory:
    """Map areas on a machine; *rows* are in address order."""
    areas = make_structs(_AREA, len(rows))
    behind = 0
    for area, row in zip(areas, rows, strict=True):
        area.start, area.pages, area.mapped = row.start, row.pages, row.mapped
        area.compressed = row.compressed
        area.known_writes = -1.0  # `look_at` has not run yet
        area.first = (
            -(-behind // BLOCK_PAGES) * BLOCK_PAGES + row.start // PAGE_BYTES % BLOCK_PAGES
        )
        behind = area.first + area.pages
    blocks = make_structs(_BLOCK, -(-behind // BLOCK_PAGES))
    state = np.zeros(len(blocks) * BLOCK_PAGES, dtype=np.uint8)
    counters = make_structs(_COUNTERS, 1)
    counters[0].room = machine.swap_bytes // PAGE_BYTES
    costs = make_structs(_COSTS, 1)
    costs[0].smallest = machine.compressed_fraction
    costs[0].pageout_us, costs[0].fault_us = machine.pageout_us, machine.fault_us
    costs[0].quarter_pageout_us = machine.quarter_pageout_us
    costs[0].quarter_fault_us = machine.quarter_fault_us
    costs[0].whole_pageout_us = machine.incompressible_pageout_us
    costs[0].whole_fault_us = machine.incompressible_fault_us
    memory = Memory(areas, state, blocks, counters, costs)
    for index, row in enumerate(rows):
        if row.mapped and row.state == RESIDENT:
            populate(memory, index, 0, row.pages)
    return memory


@compiled
def populate(memory: Memory, index: int, low: int, high: int, state: int = RESIDENT) -> None:
    """Make the ABSENT pages from *low* to *high*, counted within area *index*, RESIDENT or SHARED."""
    area, counters = memory.areas[index], memory.counters[0]
    page, behind = area.first + low, area.first + high
    while page < behind:
        block, made = memory.blocks[page // BLOCK_PAGES], 0
        block_end = min(behind, (page // BLOCK_PAGES + 1) * BLOCK_PAGES)
        while page < block_end:
            if memory.state[page] == ABSENT:
                memory.state[page] = state
                made += 1
            page += 1
        block.resident += made
        area.resident += made
        counters.resident += made


@compiled
def drop(memory: Memory, index: int) -> None:
    """Take all pages of area *index* away, as when the area is unmapped."""
    area, counters = memory.areas[index], memory.counters[0]
    counters.resident -= area.resident
    counters.swapped -= area.swapped
    counters.pool_pages -= area.pool_pages
    memory.state[area.first : area.first + area.pages] = ABSENT
    for block in range(area.first // BLOCK_PAGES, -(-(area.first + area.pages) // BLOCK_PAGES)):
        memory.blocks[block].resident = 0
        memory.blocks[block].idle = 0.0
        memory.blocks[block].kind = SMALL
    area.resident = 0
    area.swapped = 0
    area.pool_pages = 0.0
    area.huge = 0


@inlined
def end_of(area: Structs) -> int:
    """The address behind an area."""
    return area.start + area.pages * PAGE_BYTES


@inlined
def pages_between(area: Structs, start: int, end: int) -> tuple[int, int]:
    """An area's pages in ``[start, end)``: index of the first, and the index behind the last."""
    offset = area.first - area.start // PAGE_BYTES
    return max(start, area.start) // PAGE_BYTES + offset, min(
        end, end_of(area)
    ) // PAGE_BYTES + offset


@compiled
def area_at_or_behind(memory: Memory, address: int) -> int:
    """The first area that ends behind *address*; the number of areas if no area does."""
    low, high = 0, len(memory.areas)
    while low < high:
        middle = (low + high) // 2
        if end_of(memory.areas[middle]) <= address:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def area_of(memory: Memory, address: int) -> int:
    """The mapped area that holds *address*, or -1 for a hole."""
    index = area_at_or_behind(memory, address)
    if index == len(memory.areas):
        return -1
    area = memory.areas[index]
    return index if area.start <= address and area.mapped == 1 else -1


@compiled
def pages_of_block(memory: Memory, index: int, block: int) -> int:
    """How many pages of a block belong to area *index*; no block holds pages of two areas."""
    area = memory.areas[index]
    low = max(area.first, block * BLOCK_PAGES)
    return min(area.first + area.pages, (block + 1) * BLOCK_PAGES) - low


@compiled
def swap_out(memory: Memory, index: int, page: int, count: int = 1) -> None:
    """Page out *count* resident pages of area *index*, all in one block, from *page* on.

    *page* is an index of the states.
    """
    area, counters = memory.areas[index], memory.counters[0]
    block = memory.blocks[page // BLOCK_PAGES]
    if block.kind == HUGE:
        block.kind = ADVISED
        area.huge -= 1
    memory.state[page : page + count] = SWAPPED
    low = page - area.first
    if area.swapped == 0:
        area.low_swapped = low
        area.high_swapped = low
    area.low_swapped = min(area.low_swapped, low)
    area.high_swapped = max(area.high_swapped, low + count)
    block.resident -= count
    area.resident -= count
    area.swapped += count
    area.cuts += count
    counters.resident -= count
    counters.swapped += count
    counters.swap_outs += count
    area.pool_pages += count * area.compressed
    counters.pool_pages += count * area.compressed


@compiled
def swap_in(memory: Memory, index: int, page: int) -> None:
    """Bring back one swapped page, counted within area *index*."""
    area, counters = memory.areas[index], memory.counters[0]
    memory.state[area.first + page] = RESIDENT
    memory.blocks[(area.first + page) // BLOCK_PAGES].resident += 1
    taken = area.pool_pages / area.swapped  # average room of a swapped page
    area.pool_pages -= taken
    if page == area.low_swapped:
        area.low_swapped += 1
    area.resident += 1
    area.swapped -= 1
    counters.resident += 1
    counters.swapped -= 1
    counters.swap_ins += 1
    counters.pool_pages -= taken


@compiled
def is_mapped(memory: Memory, start: int, end: int) -> bool:
    """Whether every address of ``[start, end)`` is mapped.

    If an address is not mapped, MADV_PAGEOUT still pages out the rest, and then reports failure.
    """
    covered = start
    for index in range(area_at_or_behind(memory, start), len(memory.areas)):
        area = memory.areas[index]
        if covered >= end or area.start > covered or area.mapped == 0:
            break
        covered = end_of(area)
    return covered >= end


@compiled
def resident_in(memory: Memory, start: int, end: int) -> int:
    """Resident pages in ``[start, end)``."""
    found = 0
    for index in range(area_at_or_behind(memory, start), len(memory.areas)):
        area = memory.areas[index]
        if area.start >= end:
            break
        low, high = pages_between(area, start, end)
        if high - low == area.pages:
            found += area.resident
            continue
        while low < high:
            behind = min(high, (low // BLOCK_PAGES + 1) * BLOCK_PAGES)
            block = memory.blocks[low // BLOCK_PAGES]
            if block.resident == 0:
                low = behind
            elif behind - low == BLOCK_PAGES:
                found += block.resident
                low = behind
            else:
                found += 1 if memory.state[low] in (RESIDENT, SHARED) else 0
                low += 1
    return found


@compiled
def pool_bytes(memory: Memory) -> int:
    """Memory that holds the swapped pages, compressed."""
    return int(max(0.0, memory.counters[0].pool_pages) * PAGE_BYTES + 0.5)

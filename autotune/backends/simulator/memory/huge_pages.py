"""Huge pages: wished for, faulted in, and collapsed from small pages in the background.

Source: mm/khugepaged.c and mm/huge_memory.c of Linux 6.12, with the defaults of
/sys/kernel/mm/transparent_hugepage/khugepaged.
"""

from __future__ import annotations

from autotune.backends.simulator.compiled.compiled import compiled
from autotune.backends.simulator.memory.pages import (
    ABSENT,
    ADVISED,
    BLOCK_PAGES,
    HUGE,
    SMALL,
    SWAPPED,
    Memory,
    area_at_or_behind,
    end_of,
    pages_between,
    pages_of_block,
    populate,
    swap_in,
)

COLLAPSE_EVERY_US = 10_000_000.0
"""scan_sleep_millisecs."""

_SCANNED_BLOCKS = 8
"""pages_to_scan, 4096, in huge pages."""

_MOST_SWAPPED = 64
"""max_ptes_swap: a block with more pages swapped out stays as it is."""


@compiled
def advise(memory: Memory, start: int, end: int, wanted: bool) -> None:
    """Wish for huge pages in ``[start, end)``, or take the wish back: MADV_HUGEPAGE, MADV_NOHUGEPAGE.

    A huge page stays huge. Only blocks that lie wholly inside count.
    """
    for index in range(area_at_or_behind(memory, start), len(memory.areas)):
        area = memory.areas[index]
        if area.start >= end:
            break
        low, high = pages_between(area, start, end)
        for number in range(-(-low // BLOCK_PAGES), high // BLOCK_PAGES):
            block = memory.blocks[number]
            if wanted and block.kind == SMALL:
                block.kind = ADVISED
            elif not wanted and block.kind == ADVISED:
                block.kind = SMALL


@compiled
def advise_everything(memory: Memory) -> None:
    """Wish for huge pages everywhere, and put resident memory in huge pages: mode "always"."""
    for index in range(len(memory.areas)):
        area = memory.areas[index]
        advise(memory, area.start, end_of(area), True)
        for number in range(
            -(-area.first // BLOCK_PAGES), (area.first + area.pages) // BLOCK_PAGES
        ):
            if memory.blocks[number].resident == BLOCK_PAGES:
                memory.blocks[number].kind = HUGE
                area.huge += 1


@compiled
def fault_huge(memory: Memory, index: int, page: int) -> bool:
    """Serve the first touch of a page, an index of the states, with a huge page if possible.

    It is possible if a huge page is wished for, and no page of the block is in memory or in swap yet.
    """
    number = page // BLOCK_PAGES
    block = memory.blocks[number]
    if (
        block.kind != ADVISED
        or block.resident > 0
        or pages_of_block(memory, index, number) < BLOCK_PAGES
    ):
        return False
    first = number * BLOCK_PAGES
    for other in range(first, first + BLOCK_PAGES):
        if memory.state[other] == SWAPPED:
            return False
    area = memory.areas[index]
    populate(memory, index, first - area.first, first - area.first + BLOCK_PAGES)
    block.kind = HUGE
    area.huge += 1
    return True


@compiled
def _collapse(memory: Memory, index: int, number: int) -> None:
    """Make a block huge. Pages that were never touched become resident too: this is the bloat."""
    area, first = memory.areas[index], number * BLOCK_PAGES
    swapped = 0
    for page in range(first, first + BLOCK_PAGES):
        swapped += 1 if memory.state[page] == SWAPPED else 0
    if swapped > _MOST_SWAPPED or swapped + memory.blocks[number].resident == 0:
        return
    for page in range(first, first + BLOCK_PAGES):
        if memory.state[page] == SWAPPED:
            swap_in(memory, index, page - area.first)
        elif memory.state[page] == ABSENT:
            populate(memory, index, page - area.first, page - area.first + 1)
    memory.blocks[number].kind = HUGE
    area.huge += 1


@compiled
def collapse(memory: Memory, begin: int) -> int:
    """Scan blocks as khugepaged does, from number *begin* on; returns where the next scan begins."""
    scanned = 0
    for index in range(len(memory.areas)):
        area = memory.areas[index]
        if area.mapped == 0:
            continue
        low = max(begin, -(-area.first // BLOCK_PAGES))
        for number in range(low, (area.first + area.pages) // BLOCK_PAGES):
            if memory.blocks[number].kind == SMALL:
                continue  # nobody wished for a huge page: khugepaged does not look at the block
            if scanned == _SCANNED_BLOCKS:
                return number
            scanned += 1
            if memory.blocks[number].kind == ADVISED:
                _collapse(memory, index, number)
    return 0

"""A workload's memory, page by page: mapped areas, what is resident, what is swapped out.

Source of the layout: exec and mmap of Linux on x86-64 without randomisation; `malloc` maps large
blocks one below the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.records import FLOAT, INT, Records, make_records
from autotune.patterns import TABLE_BYTES, Pattern

PAGE = 4096

ABSENT = 0
"""Mapped, but nothing there: never touched."""
RESIDENT = 1
SWAPPED = 2

_PROGRAM_START, _PROGRAM_BYTES = 0x400000, 843_776
_MAPPINGS_END = 0x7FFF_F7FF_F000
_STACK_START, _STACK_BYTES = 0x7FFF_FFFD_E000, 135_168
_MALLOC_HEADER = 16

_AREA = {
    "start": INT,  # first address, in bytes
    "pages": INT,
    "first": INT,  # index of its first page in the states
    "swapped": INT,  # pages that are swapped out
    "cuts": INT,  # how many pages ever went out
    "compressed": FLOAT,  # what a page takes in the swap pool, a fraction
}
_COUNTERS = {
    "resident": INT,  # pages
    "swapped": INT,  # pages
    "swap_ins": INT,  # pages brought back so far
    "swap_outs": INT,  # pages swapped out so far
    "room": INT,  # pages that fit into swap
}


class Memory(NamedTuple):
    """Mapped areas in address order, and the state of each of their pages.

    Attributes:
        areas: `_AREA` records, shape ``(n_areas,)``.
        state: ABSENT, RESIDENT or SWAPPED, shape ``(n_pages,)``.
        counters: `_COUNTERS`, one record.
    """

    areas: Records
    state: NDArray[np.uint8]
    counters: Records


class Layout(NamedTuple):
    """A pattern's memory, and where its parts are in it.

    Attributes:
        memory: All of it resident, as after one write to each page.
        region_area: The area of each of the pattern's regions.
        table_area: The area of the player's table of random numbers.
    """

    memory: Memory
    region_area: tuple[int, ...]
    table_area: int


def size_bytes(pattern: Pattern) -> int:
    """What a pattern's player takes of memory, its table of random numbers included."""
    return TABLE_BYTES + sum(region.size_bytes for region in pattern.regions)


def lay_out(pattern: Pattern, *, compressed_fraction: float, swap_bytes: int) -> Layout:
    """Map a pattern's player as Linux would: program and its table, mappings from the top, stack.

    The areas of program and stack hold next to nothing and stay ABSENT; they matter because DAMON
    spreads its regions over them too.
    """
    table = (_PROGRAM_START + _PROGRAM_BYTES, -(-TABLE_BYTES // PAGE), RESIDENT, 1.0)
    rows = [(_PROGRAM_START, _PROGRAM_BYTES // PAGE, ABSENT, 1.0), table]
    pages = [-(-(region.size_bytes + _MALLOC_HEADER) // PAGE) for region in pattern.regions]
    top_down = _MAPPINGS_END - PAGE * np.cumsum(pages)
    for start, size in zip(top_down.tolist()[::-1], pages[::-1], strict=True):
        rows.append((start, size, RESIDENT, compressed_fraction))
    rows.append((_STACK_START, _STACK_BYTES // PAGE, ABSENT, 1.0))
    areas = make_records(_AREA, len(rows))
    areas.start, areas.pages = [row[0] for row in rows], [row[1] for row in rows]
    areas.first = np.concatenate([[0], np.cumsum(areas.pages)[:-1]])
    areas.compressed = [row[3] for row in rows]
    state = np.repeat(np.array([row[2] for row in rows], dtype=np.uint8), areas.pages)
    counters = make_records(_COUNTERS, 1)
    counters[0].resident = int(np.count_nonzero(state == RESIDENT))
    counters[0].room = swap_bytes // PAGE
    last = len(rows) - 2
    regions = tuple(last - i for i in range(len(pages)))
    return Layout(Memory(areas, state, counters), regions, table_area=1)


def ranges(memory: Memory) -> list[tuple[int, int]]:
    """The three ranges that DAMON watches of a process: between its two largest gaps.

    Raises:
        ValueError: If there are fewer than two gaps: DAMON then has nothing to watch.

    Source: ``__damon_va_three_regions``, mm/damon/vaddr.c.
    """
    starts = memory.areas.start.tolist()
    ends = (memory.areas.start + memory.areas.pages * PAGE).tolist()
    gaps = [(start - end, i) for i, (end, start) in enumerate(zip(ends, starts[1:], strict=False))]
    by_size = sorted((gap for gap in gaps if gap[0] > 0), key=lambda gap: (-gap[0], gap[1]))
    if len(by_size) < 2:
        raise ValueError("fewer than two gaps between the mapped areas")
    cuts = sorted(index for _, index in by_size[:2])
    return [
        (starts[0], ends[cuts[0]]),
        (starts[cuts[0] + 1], ends[cuts[1]]),
        (starts[cuts[1] + 1], ends[-1]),
    ]


@compiled
def area_of(memory: Memory, address: int) -> int:
    """The area that holds *address*, or -1 for a hole."""
    low, high = 0, len(memory.areas)
    while low < high:
        middle = (low + high) // 2
        if memory.areas[middle].start <= address:
            low = middle + 1
        else:
            high = middle
    area = low - 1
    if area < 0 or address >= memory.areas[area].start + memory.areas[area].pages * PAGE:
        return -1
    return area


@compiled
def page_out(memory: Memory, start: int, end: int, most: int) -> tuple[int, int]:
    """Page out what is resident in ``[start, end)``, as MADV_PAGEOUT does; *most* pages at a time.

    Returns:
        How many pages went out, and the address up to which all is done.
    """
    moved = 0
    counters = memory.counters[0]
    for index in range(len(memory.areas)):
        area = memory.areas[index]
        low = max(start, area.start)
        high = min(end, area.start + area.pages * PAGE)
        offset = area.first - area.start // PAGE
        for page in range(low // PAGE, high // PAGE):
            if memory.state[offset + page] != RESIDENT:
                continue
            if counters.swapped >= counters.room:
                return moved, end
            if moved == most:
                return moved, page * PAGE
            memory.state[offset + page] = SWAPPED
            area.swapped += 1
            area.cuts += 1
            counters.resident -= 1
            counters.swapped += 1
            counters.swap_outs += 1
            moved += 1
    return moved, end


@compiled
def is_mapped(memory: Memory, start: int, end: int) -> bool:
    """Whether every address of ``[start, end)`` is mapped.

    Where one is not, MADV_PAGEOUT still pages out the rest, and then reports failure.
    """
    covered = start
    for index in range(len(memory.areas)):
        behind = memory.areas[index].start + memory.areas[index].pages * PAGE
        if memory.areas[index].start <= covered < behind:
            covered = behind
    return covered >= end


@compiled
def swap_in(memory: Memory, index: int, page: int) -> None:
    """Bring one swapped page, counted within area *index*, back."""
    area, counters = memory.areas[index], memory.counters[0]
    memory.state[area.first + page] = RESIDENT
    area.swapped -= 1
    counters.resident += 1
    counters.swapped -= 1
    counters.swap_ins += 1


@compiled
def pool_bytes(memory: Memory) -> int:
    """Memory that holds the swapped pages, compressed."""
    total = 0.0
    for index in range(len(memory.areas)):
        total += memory.areas[index].swapped * memory.areas[index].compressed
    return int(total * PAGE)

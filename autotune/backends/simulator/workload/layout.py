"""Where a pattern's memory lies: in the addresses of its process, or of the machine.

Source for a process: exec and mmap of Linux on x86-64 without randomisation; `malloc` maps each large
block below the block before.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.contents import STORED_WHOLE
from autotune.backends.simulator.memory.pages import (
    ABSENT,
    RESIDENT,
    Area,
    Memory,
    make_memory,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import OperationsSet
from autotune.errors import InputError
from autotune.experiment.pattern import TABLE_BYTES, Pattern, PatternRegion

_PROGRAM_START, _PROGRAM_BYTES = 0x400000, 843_776
_MAPPINGS_END = 0x7FFF_F7FF_F000
_STACK_START, _STACK_BYTES = 0x7FFF_FFFD_E000, 135_168
_MALLOC_HEADER = 16
_LOOKED_AT_BYTES = 1 << 20
"""How many bytes of a data file are compressed to see how well it compresses."""


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
    """Memory that a pattern's player takes, its table of random numbers included."""
    return TABLE_BYTES + sum(region.size_bytes for region in pattern.regions)


def _compressed_fraction(region: PatternRegion, machine: Machine) -> float:
    """The fraction that a region's pages are compressed to; the fastest zlib stands for lz4."""
    if region.data_file is None:
        return machine.compressed_fraction
    try:
        with Path(region.data_file).open("rb") as file:
            data = file.read(_LOOKED_AT_BYTES)
    except OSError as error:
        raise InputError(
            f"{region.data_file}: can't be read: {error.strerror}: check the path"
        ) from error
    pages = [data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES)] or [b""]
    sizes = sum(min(len(page), len(zlib.compress(page, 1))) for page in pages)
    fraction = sizes / max(1, len(data))
    return 1.0 if fraction >= STORED_WHOLE else fraction


def lay_out(pattern: Pattern, machine: Machine, operations: OperationsSet) -> Layout:
    """Map a pattern's player: in its own addresses as Linux would, or in the machine's addresses.

    The player's program, its table and its stack are mapped too. Program and stack hold next to nothing,
    and their areas stay ABSENT; they matter because DAMON spreads its regions over them. In the
    machine's addresses everything lies in a row at the upper end of memory: a machine that has just
    booted takes its first pages there.

    Raises:
        InputError: If a data file can't be read.
    """
    pages = [-(-(region.size_bytes + _MALLOC_HEADER) // PAGE_BYTES) for region in pattern.regions]
    table_pages = -(-TABLE_BYTES // PAGE_BYTES)
    physical = operations is OperationsSet.PADDR
    behind = machine.memory_bytes // PAGE_BYTES * PAGE_BYTES if physical else _MAPPINGS_END
    table_start = (
        behind - PAGE_BYTES * (sum(pages) + table_pages)
        if physical
        else _PROGRAM_START + _PROGRAM_BYTES
    )
    table = Area(table_start, table_pages, RESIDENT, 1.0)
    rows = [table]
    top_down = behind - PAGE_BYTES * np.cumsum(pages)
    for region, start, size in zip(
        pattern.regions[::-1], top_down.tolist()[::-1], pages[::-1], strict=True
    ):
        compressed = _compressed_fraction(region, machine)
        rows.append(Area(start, size, RESIDENT, compressed))
    if not physical:
        program = Area(_PROGRAM_START, _PROGRAM_BYTES // PAGE_BYTES, ABSENT, 1.0)
        stack = Area(_STACK_START, _STACK_BYTES // PAGE_BYTES, ABSENT, 1.0)
        rows = [program, *rows, stack]
    first = 1 if physical else 2
    count = len(pages)
    regions = tuple(first + count - 1 - i for i in range(count))
    memory = make_memory(rows, machine)
    return Layout(memory, regions, table_area=first - 1)

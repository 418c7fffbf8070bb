"""Memory and DAMON regions at known addresses, for tests of single rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autotune import catalog
from autotune.backends.simulator import world
from autotune.backends.simulator.compiled.draws import Draws, make_draws
from autotune.backends.simulator.damon.applying import apply_schemes
from autotune.backends.simulator.damon.regions import Regions, make_regions
from autotune.backends.simulator.damon.schemes import Schemes, stage
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.pages import (
    RESIDENT,
    SWAPPED,
    Area,
    Memory,
    make_memory,
    swap_in,
)
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.workload import player
from autotune.backends.simulator.workload.layout import Layout
from autotune.damon.damos import Scheme
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.monitoring import Intervals, OperationsSet
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from tests.backends.simulator.reference.regions import Region

SAMPLES, AGGREGATION_US, JIFFY_US = 20, 100_000, 4_000
FIRST_PAGE = 1 << 20
"""Where the pages of a scene are counted from; huge pages begin there."""
PAGEOUT_US, FAULT_US, SCAN_US, COMPRESSED = 100.0, 10.0, 0.5, 0.125
MACHINE = replace(
    load_machine(catalog.find("server", "machines", Path())),
    name="test",
    cpus=2,
    memory_bytes=1 << 30,
    swap_bytes=1 << 30,
    sequential_access_ns=10,
    random_access_ns=20,
    huge_random_access_ns=15,
    fault_us=FAULT_US,
    first_touch_us=1,
    pageout_us=PAGEOUT_US,
    scan_us=SCAN_US,
    check_us=1,
    tick_us=1,
    wake_us=0,
    disturbance_us=0,
    compressed_fraction=COMPRESSED,
    missed_access_chance=0,
    huge_pages="madvise",
    jiffy_us=JIFFY_US,
)


def idle_pattern(pages: int, *, duration_us: int = 10**13) -> Pattern:
    """One region of so many pages that nobody touches."""
    access = Access(region=0, random=False, stride_bytes=PAGE, weight=0)
    return Pattern(
        regions=(PatternRegion(name="a", size_bytes=pages * PAGE - 16),),
        phases=(Phase(name="idle", duration_us=duration_us, accesses=(access,)),),
    )


def at(page: int) -> int:
    """The address of a scene's page."""
    return (FIRST_PAGE + page) * PAGE


def memory_of(
    *spans: tuple[int, int],
    state: int = RESIDENT,
    swap_pages: int = 1 << 18,
    mapped: Sequence[bool] | None = None,
) -> Memory:
    """One area for each span of a scene's pages."""
    there = mapped or [True] * len(spans)
    rows = [
        Area(at(low), high - low, state, COMPRESSED, mapped=is_there)
        for (low, high), is_there in zip(spans, there, strict=True)
    ]
    return make_memory(rows, replace(MACHINE, swap_bytes=swap_pages * PAGE))


def draws_of(seed: int) -> Draws:
    """A stream of random numbers."""
    return make_draws(np.random.SeedSequence(seed))


def fill(regions: Regions, rows: Iterable[Region]) -> Regions:
    """Put these regions in place of what is there."""
    given = list(rows)
    for item, row in zip(regions.items, given, strict=False):
        item.start, item.end, item.hits = row.start, row.end, row.hits
        item.last, item.moving, item.age = row.last, row.moving, row.age
    regions.totals[0].regions = len(given)
    return regions


def regions_of(rows: Iterable[Region], capacity: int = 256) -> Regions:
    """Regions as they are given."""
    return fill(make_regions([(0, PAGE)], 1, capacity), rows)


def rows_of(regions: Regions) -> list[Region]:
    """The regions that are in use."""
    used = regions.items[: regions.totals[0].regions]
    return [
        Region(int(r.start), int(r.end), int(r.hits), int(r.last), int(r.moving), int(r.age))
        for r in used
    ]


def staged(*schemes: Scheme, physical: bool = False, **intervals: int) -> Schemes:
    """Schemes as the kernel counts them."""
    operations = OperationsSet.PADDR if physical else OperationsSet.VADDR
    return stage(schemes, Intervals(**intervals), JIFFY_US, operations)


class Scene:
    """Areas of memory that nobody touches, under equal DAMON regions, all of them cold.

    Args:
        *spans: The areas, in pages from `FIRST_PAGE` on.
        pieces: How many regions there are over all of it.
        machine: What it costs.
        state: Of all pages.
        swap_pages: Room in swap.
        capacity: Room for regions.
    """

    def __init__(
        self,
        *spans: tuple[int, int],
        pieces: int = 1,
        machine: Machine = MACHINE,
        state: int = RESIDENT,
        swap_pages: int = 1 << 18,
        capacity: int = 256,
    ) -> None:
        memory = memory_of(*spans, state=state, swap_pages=swap_pages)
        loaded = player.load(idle_pattern(1), Layout(memory, (0,), 0), machine)
        self.memory, played = player.begin_pattern(loaded, 0, draws_of(0), 64)
        whole = (at(spans[0][0]), at(spans[-1][1]))
        self.regions = make_regions([whole], pieces, capacity=capacity)
        self.world = world.start(self.memory, played, machine, timeout_us=1e12, period_us=1e9)

    def apply(self, schemes: Schemes, at_s: float = 0.0) -> int:
        """One pass of all schemes; how many pages went out."""
        before = int(self.memory.counters[0].swap_outs)
        self.world.clock[0].now_us = at_s * 1e6
        schemes.items.next_apply = 0
        apply_schemes(schemes, self.regions, self.world, 10**6, SAMPLES, AGGREGATION_US)
        return int(self.memory.counters[0].swap_outs) - before

    def bring_back(self) -> None:
        """Everything resident again."""
        for index, area in enumerate(self.memory.areas):
            for page in range(area.pages):
                if self.memory.state[area.first + page] == SWAPPED:
                    swap_in(self.memory, index, page)

    def pages(self, kind: int) -> list[int]:
        """The pages of that kind."""
        return [
            int(area.start) // PAGE - FIRST_PAGE + page
            for area in self.memory.areas
            for page in range(area.pages)
            if self.memory.state[area.first + page] == kind
        ]

    @property
    def out(self) -> list[int]:
        """The pages that are swapped out."""
        return self.pages(SWAPPED)

    @property
    def items(self) -> Any:
        """The regions that are in use."""
        return self.regions.items[: self.regions.totals[0].regions]

    @property
    def sizes(self) -> list[int]:
        """The regions' sizes in pages."""
        return [row.size // PAGE for row in rows_of(self.regions)]

    @property
    def ages(self) -> list[int]:
        """The regions' ages in aggregations."""
        return [row.age for row in rows_of(self.regions)]

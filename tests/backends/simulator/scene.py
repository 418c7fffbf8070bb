"""A workload and DAMON regions at known addresses, for tests of single rules."""

from __future__ import annotations

import numpy as np

from autotune.backends.simulator import memory, player, world
from autotune.backends.simulator.memory import PAGE
from autotune.backends.simulator.records import Records
from autotune.backends.simulator.regions import Regions, make_regions
from autotune.backends.simulator.schemes import apply_schemes
from autotune.machine import Machine
from autotune.patterns import Access, Pattern, PatternRegion, Phase

SAMPLES, AGGREGATION_US, JIFFY_US = 20, 100_000, 4_000
MACHINE = Machine(
    name="test",
    cpus=2,
    memory_bytes=1 << 30,
    swap_bytes=1 << 30,
    sequential_access_ns=10,
    random_access_ns=20,
    fault_us=10,
    pageout_us=100,
    check_us=1,
    tick_us=1,
    disturbance_us=0,
    compressed_fraction=0.03,
)


def idle_pattern(pages: int, *, duration_us: int = 10**13) -> Pattern:
    """One region of so many pages that nobody touches."""
    access = Access(region=0, random=False, stride_bytes=PAGE, weight=0)
    return Pattern(
        regions=(PatternRegion(name="a", size_bytes=pages * PAGE - 16),),
        phases=(Phase(name="idle", duration_us=duration_us, accesses=(access,)),),
    )


class Scene:
    """One area of memory at known addresses, cut into equal DAMON regions, all of it cold."""

    def __init__(
        self, pages: int, pieces: int, *, machine: Machine = MACHINE, capacity: int = 64
    ) -> None:
        pattern = idle_pattern(pages)
        layout = memory.lay_out(pattern, compressed_fraction=0.03, swap_bytes=1 << 30)
        area = layout.memory.areas[layout.region_area[0]]
        self.start, self.pages = int(area.start), pages
        self.regions: Regions = make_regions(
            [(self.start, self.start + pages * PAGE)], pieces, capacity=capacity
        )
        self.world = world.start(
            layout.memory,
            player.load(pattern, layout, machine, longest_watch_us=1e4),
            machine,
            timeout_us=1e9,
            period_us=1e5,
            rng=np.random.default_rng(0),
        )

    def apply(self, schemes: Records, at_s: float) -> int:
        """One pass of all schemes; how many pages went out."""
        before = int(self.world.memory.counters[0].swap_outs)
        self.world.clock[0].now_us = at_s * 1e6
        schemes.next_apply = 0
        apply_schemes(schemes, self.regions, self.world, 10**6, SAMPLES, AGGREGATION_US)
        return int(self.world.memory.counters[0].swap_outs) - before

    def touch_all(self) -> None:
        """Everything resident again."""
        state = self.world.memory
        state.state[state.state == memory.SWAPPED] = memory.RESIDENT
        state.areas.swapped = 0
        state.counters[0].resident += state.counters[0].swapped
        state.counters[0].swapped = 0

    @property
    def out(self) -> list[int]:
        """The numbers of the pages that are swapped out."""
        first = self.world.memory.areas[2].first
        states = self.world.memory.state[first : first + self.pages]
        return np.flatnonzero(states == memory.SWAPPED).tolist()

    @property
    def sizes(self) -> list[int]:
        """The regions' sizes in pages."""
        used = self.regions.items[: self.regions.totals[0].regions]
        return [int(item.end - item.start) // PAGE for item in used]

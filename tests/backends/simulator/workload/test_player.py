"""The player's shortcuts against one access at a time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.actions import page_out
from autotune.backends.simulator.damon.schemes import TAKES_OLD
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.pages import HUGE
from autotune.backends.simulator.memory.touches import begin_tick, end_tick, forget, is_touched
from autotune.backends.simulator.workload.layout import Layout, lay_out
from autotune.backends.simulator.workload.player import (
    begin_pattern,
    load,
    play,
    spans_in,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.monitoring import OperationsSet
from autotune.experiment.pattern import (
    BATCH_ACCESSES,
    Access,
    AccessMode,
    Pattern,
    PatternRegion,
    Phase,
)
from tests.backends.simulator.scene import MACHINE as SCENES_MACHINE
from tests.backends.simulator.scene import draws_of

ACCESS_NS, FAULT_US = 10, 40
MACHINE = replace(
    SCENES_MACHINE,
    cpus=1,
    sequential_access_ns=ACCESS_NS,
    random_access_ns=ACCESS_NS,
    huge_random_access_ns=ACCESS_NS / 2,
    fault_us=FAULT_US,
    quarter_fault_us=FAULT_US,
    incompressible_fault_us=FAULT_US,
)


class Played:
    """A player, its memory, and what it touched."""

    def __init__(self, pattern: Pattern, machine: Machine = MACHINE, *, seed: int = 0) -> None:
        self.layout: Layout = lay_out(pattern, machine, OperationsSet.VADDR)
        self.loaded = load(pattern, self.layout, machine)
        self.memory, self.player = begin_pattern(self.loaded, seed, draws_of(0), 2000)
        self.touches = self.player.touches

    def run(self, time_us: float, *, at_us: float = 0.0) -> float:
        return play(self.player, self.memory, at_us, time_us)

    def watch(self, time_us: float, *, at_us: float = 0.0) -> None:
        """Run for a tick of which it is known what was touched."""
        forget(self.touches)
        begin_tick(self.touches)
        self.run(time_us, at_us=at_us)
        end_tick(self.touches, self.memory)

    def touched(self, area: int, pages: int) -> set[int]:
        draws = draws_of(1)
        return {
            page
            for page in range(pages)
            if is_touched(self.touches, self.memory, area, page, 0, draws)
        }

    @property
    def area(self) -> int:
        """The first region's."""
        return self.layout.region_area[0]

    def swap_out_all(self, index: int | None = None) -> int:
        """Page out an area, the first region's if none is given."""
        area = self.memory.areas[self.area if index is None else index]
        end = area.start + area.pages * PAGE
        return page_out(self.memory, area.start, end, 1 << 40, False, TAKES_OLD)[0]


def scene(
    size: int, *, stride: int = PAGE, random: bool = False, weight: int = 1, phases: int = 1
) -> Played:
    access = Access(region=0, random=random, stride_bytes=stride, weight=weight)
    return Played(
        Pattern(
            regions=(PatternRegion(name="a", size_bytes=size),),
            phases=(Phase(name="p", duration_us=10_000, accesses=(access,)),) * phases,
        )
    )


def pages_by_hand(size: int, stride: int, begin: int, count: int) -> set[int]:
    """The pages that *count* accesses of a sweep meet, one at a time."""
    offset, pages = begin * stride, set()
    for _ in range(count):
        offset += stride
        if offset >= size:
            offset = 0
        pages.add(offset // PAGE)
    return pages


@given(
    size=st.integers(1, 40 * PAGE),
    stride=st.sampled_from([64, 1000, 4096, 5000, 8192, 100_000]),
    batches=st.integers(0, 5),
    more=st.integers(0, 700),
    during=st.integers(1, 300),
)
def test_what_a_stretch_of_a_sweep_touched_is_known_to_the_page(
    size: int, stride: int, batches: int, more: int, during: int
) -> None:
    played, before = scene(size, stride=stride), batches * BATCH_ACCESSES + more
    before_us = (before + 0.5) * ACCESS_NS / 1000
    played.run(before_us)
    begin = before % -(-size // stride)

    played.watch((during + 0.5) * ACCESS_NS / 1000, at_us=before_us)

    assert played.touched(played.area, -(-size // PAGE)) == pages_by_hand(
        size, stride, begin, during
    )


def test_random_accesses_read_the_table_of_random_numbers() -> None:
    played = scene(10 * PAGE, random=True)

    played.watch(100.0)

    table, per_page = played.layout.table_area, PAGE // 8
    assert played.touched(table, 1000) == set(range(BATCH_ACCESSES // per_page + 1))


def test_a_batch_waits_for_the_random_numbers_that_it_reads() -> None:
    played = scene(10 * PAGE, random=True)
    played.swap_out_all(played.layout.table_area)
    pages = BATCH_ACCESSES // (PAGE // 8) + 1

    played.run(5000.0)

    state, progress = played.player.state[0], played.player.progress[0]
    assert played.memory.counters[0].swap_ins == pages
    assert progress.fault_us == pages * FAULT_US
    assert progress.owed_us == pages * FAULT_US - 5000.0
    assert state.accesses == 0


def test_random_accesses_are_counted_by_area() -> None:
    played = scene(1000 * PAGE - 16, random=True)

    played.watch(700 * ACCESS_NS / 1000 + 0.001)

    chance = played.touches.chances[played.area, 0]
    assert chance == pytest.approx(1 - (1 - 1 / 1000) ** 700)


def test_time_goes_into_accesses() -> None:
    played = scene(10 * PAGE)

    unused = played.run(5000.0)

    assert unused == 0.0
    assert played.player.state[0].accesses == pytest.approx(5000 / ACCESS_NS * 1000, rel=1e-4)
    assert played.player.progress[0].cpu_us == 5000.0


@pytest.mark.parametrize("random", [False, True])
def test_swapped_memory_comes_back_page_by_page_and_costs_a_fault_each(random: bool) -> None:
    played = scene(100 * PAGE - 16, random=random)
    assert played.swap_out_all() == 100

    played.run(9000.0)

    state, progress = played.player.state[0], played.player.progress[0]
    counters = played.memory.counters[0]
    assert counters.swap_ins == 100
    assert progress.fault_us == 100 * FAULT_US
    spent = state.accesses * ACCESS_NS / 1000 + progress.fault_us
    assert spent == pytest.approx(9000.0, abs=100 * ACCESS_NS / 1000)


def test_a_fault_outlasts_the_time_that_is_left() -> None:
    played = scene(100 * PAGE - 16)
    played.swap_out_all()

    for _ in range(10):
        played.run(FAULT_US / 10)

    assert played.memory.counters[0].swap_ins == 1
    assert played.player.state[0].accesses <= 1


def test_a_stride_that_steps_over_pages_leaves_them_out() -> None:
    played = scene(100 * PAGE - 16, stride=2 * PAGE)
    played.swap_out_all()

    played.run(9000.0)

    assert played.memory.counters[0].swap_ins == 50
    assert played.memory.areas[played.area].swapped == 50


def test_a_phase_ends_with_the_batch_that_is_running_and_the_last_one_ends_the_player() -> None:
    played = scene(10 * PAGE, phases=2)
    batch_us = BATCH_ACCESSES * ACCESS_NS / 1000

    unused = played.run(1e6)

    batches = 10_000 // batch_us + 1
    assert played.player.progress[0].over == 1
    assert 1e6 - unused == pytest.approx(2 * batches * batch_us, rel=1e-6)


def test_a_phase_without_weights_idles_and_uses_the_cpu() -> None:
    played = scene(10 * PAGE, weight=0)

    unused = played.run(1e6)

    assert played.player.progress[0].over == 1
    assert played.player.state[0].accesses == 0
    assert played.player.progress[0].cpu_us == pytest.approx(1e6 - unused)
    assert 1e6 - unused == pytest.approx(10_000, abs=10)


def weighted(weights: tuple[int, ...], *, seed: int = 0) -> Played:
    accesses = tuple(
        Access(region=number, random=False, stride_bytes=PAGE, weight=weight)
        for number, weight in enumerate(weights)
    )
    return Played(
        Pattern(
            regions=tuple(
                PatternRegion(name=str(n), size_bytes=PAGE) for n in range(len(weights))
            ),
            phases=(Phase(name="p", duration_us=3_000_000, accesses=accesses),),
        ),
        seed=seed,
    )


def chosen(played: Played, batches: int) -> list[int]:
    """The accesses of the first batches."""
    found = []
    for number in range(batches):
        played.run(1.0, at_us=float(number))
        found.append(int(played.player.state[0].access))
        played.player.state[0].left = 0
    return found


def by_splitmix(weights: tuple[int, ...], seed: int, batches: int) -> list[int]:
    """The same in whole numbers, as `autotune/native/player.c` does."""
    found = []
    for _ in range(batches):
        seed = (seed + 0x9E3779B97F4A7C15) % 2**64
        mixed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        drawn = (mixed ^ mixed >> 31) % sum(weights)
        index = 0
        while drawn >= sum(weights[: index + 1]):
            index += 1
        found.append(index)
    return found


@given(
    st.lists(st.integers(0, 100) | st.integers(0, 2**31), min_size=1, max_size=12).filter(any),
    st.integers(0, 2**32),
)
def test_batches_are_those_of_the_real_player(weights: list[int], seed: int) -> None:
    played = weighted(tuple(weights), seed=seed)

    assert chosen(played, 30) == by_splitmix(tuple(weights), seed, 30)


def test_batches_follow_the_weights() -> None:
    played = weighted((1, 0, 3))

    counts = Counter(chosen(played, 2000))

    shares = [counts[access] / 2000 for access in range(3)]
    assert shares == pytest.approx([0.25, 0.0, 0.75], abs=4.5 * math.sqrt(0.19 / 2000))


def test_random_accesses_are_faster_in_huge_pages() -> None:
    played = scene(1024 * PAGE - 16, random=True)
    blocks = played.memory.blocks
    area = played.memory.areas[played.area]
    first, behind = -(-area.first // 512), (area.first + area.pages) // 512
    blocks.kind[first:behind] = HUGE
    area.huge = behind - first
    share = min(1.0, area.huge * 512 / area.pages)

    played.run(500.0)

    each_us = ACCESS_NS / 1000 * (1 - share / 2)
    assert share > 0.4
    assert played.player.state[0].accesses == pytest.approx(500 / each_us, rel=1e-3)


@pytest.mark.parametrize(
    ("mode", "random", "writes"),
    [
        (AccessMode.WRITE, True, True),
        (AccessMode.READ_WRITE, True, True),
        (AccessMode.READ, True, False),
        (AccessMode.WRITE, False, False),
    ],
)
def test_random_writes_are_counted_for_what_pages_hold(
    mode: AccessMode, random: bool, writes: bool
) -> None:
    access = Access(region=0, random=random, stride_bytes=64, weight=1, mode=mode)
    played = Played(
        Pattern(
            regions=(PatternRegion(name="a", size_bytes=10 * PAGE),),
            phases=(Phase(name="p", duration_us=10_000, accesses=(access,)),),
        )
    )

    played.run(100.0)

    made = played.player.state[0].accesses
    assert made > 0
    assert played.memory.areas[played.area].random_writes == (made if writes else 0)


def test_there_is_room_for_every_stretch_of_sweeps_in_a_tick() -> None:
    """Two for every batch, itself and the table's, and for the ends."""
    time_us = 1e6

    batches = time_us * 1000 / (BATCH_ACCESSES * ACCESS_NS / 2)

    assert spans_in(MACHINE, time_us) >= 2 * (batches + 2)


def test_two_runs_of_a_pattern_share_nothing_that_changes() -> None:
    played = scene(10 * PAGE)
    parts = [array.copy() for array in (*played.loaded.memory, *played.loaded[1:])]
    played.swap_out_all()

    played.run(1e6)

    left = (*played.loaded.memory, *played.loaded[1:])
    assert all((now == before).all() for now, before in zip(left, parts, strict=True))

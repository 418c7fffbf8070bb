"""The player's shortcuts against one access at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotune.backends.simulator import memory as mem
from autotune.backends.simulator.memory import PAGE, Layout
from autotune.backends.simulator.player import Player, ended, load, play, touched, unwatch, watch
from autotune.machine import Machine
from autotune.patterns import BATCH_ACCESSES, Access, Pattern, PatternRegion, Phase

ACCESS_NS, FAULT_US = 10, 40
MACHINE = Machine(
    name="test",
    cpus=1,
    memory_bytes=1 << 30,
    swap_bytes=1 << 30,
    sequential_access_ns=ACCESS_NS,
    random_access_ns=ACCESS_NS,
    fault_us=FAULT_US,
    pageout_us=1,
    check_us=1,
    tick_us=1,
    disturbance_us=0,
    compressed_fraction=0.03,
)


def scene(
    size: int, *, stride: int = PAGE, random: bool = False, weight: int = 1, phases: int = 1
) -> tuple[Player, Layout]:
    access = Access(region=0, random=random, stride_bytes=stride, weight=weight)
    pattern = Pattern(
        regions=(PatternRegion(name="a", size_bytes=size),),
        phases=(Phase(name="p", duration_us=10_000, accesses=(access,)),) * phases,
    )
    layout = mem.lay_out(pattern, compressed_fraction=0.03, swap_bytes=1 << 30)
    return load(pattern, layout, MACHINE, longest_watch_us=1e6), layout


def run(
    player: Player, layout: Layout, time_us: float, *, at_us: float = 0.0, seed: int = 0
) -> float:
    return play(player, layout.memory, at_us, time_us, np.random.default_rng(seed))


def swap_out_all(layout: Layout) -> int:
    area = layout.memory.areas[layout.region_area[0]]
    return mem.page_out(layout.memory, area.start, area.start + area.pages * PAGE, 1 << 40)[0]


def pages_by_hand(size: int, stride: int, begin: int, count: int) -> set[int]:
    """The pages that *count* accesses of a sweep meet, one at a time."""
    offset, pages = begin * stride, set()
    for _ in range(count):
        offset += stride
        if offset >= size:
            offset = 0
        pages.add(offset // PAGE)
    return pages


@settings(max_examples=80, deadline=None)
@given(
    size=st.integers(1, 40 * PAGE),
    stride=st.sampled_from([64, 1000, 4096, 5000, 8192, 100_000]),
    before=st.integers(0, 700),
    during=st.integers(1, 300),
)
def test_what_a_stretch_of_a_sweep_touched_is_known_to_the_page(
    size: int, stride: int, before: int, during: int
) -> None:
    player, layout = scene(size, stride=stride)
    area, rng = layout.region_area[0], np.random.default_rng(0)
    run(player, layout, (before + 0.5) * ACCESS_NS / 1000)
    begin = before % -(-size // stride)

    watch(player)
    run(player, layout, (during + 0.5) * ACCESS_NS / 1000, at_us=100.0)

    seen = {
        page for page in range(-(-size // PAGE)) if touched(player, layout.memory, area, page, rng)
    }
    assert seen == pages_by_hand(size, stride, begin, during)


def test_without_a_watch_nothing_is_kept() -> None:
    player, layout = scene(10 * PAGE)
    watch(player)
    unwatch(player)

    run(player, layout, 1000.0)
    watch(player)

    assert not touched(player, layout.memory, layout.region_area[0], 0, np.random.default_rng(0))


def test_random_accesses_touch_pages_as_often_as_chance_has_it() -> None:
    pages, accesses = 1000, 700
    player, layout = scene(pages * PAGE - 16, random=True)
    rng, seen = np.random.default_rng(0), 0
    for _ in range(40):
        watch(player)
        run(player, layout, accesses * ACCESS_NS / 1000 + 0.001, seed=1)
        seen += sum(
            touched(player, layout.memory, layout.region_area[0], page, rng)
            for page in range(pages)
        )

    expected = 1 - (1 - 1 / pages) ** accesses
    assert seen / (40 * pages) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / (40 * pages)))


def test_random_accesses_read_the_table_of_random_numbers() -> None:
    player, layout = scene(10 * PAGE, random=True)
    watch(player)

    run(player, layout, 100.0)

    numbers_per_page, rng = PAGE // 8, np.random.default_rng(0)
    seen = [
        touched(player, layout.memory, layout.table_area, page, rng)
        for page in (
            0,
            BATCH_ACCESSES // numbers_per_page - 1,
            BATCH_ACCESSES // numbers_per_page + 1,
        )
    ]
    assert seen == [True, True, False]


def test_time_goes_into_accesses() -> None:
    player, layout = scene(10 * PAGE)

    unused = run(player, layout, 5000.0)

    assert unused == 0.0
    assert player.progress[0].accesses == pytest.approx(5000 / ACCESS_NS * 1000, rel=1e-4)
    assert player.progress[0].cpu_us == 5000.0


@pytest.mark.parametrize("random", [False, True])
def test_swapped_memory_comes_back_page_by_page_and_costs_a_fault_each(random: bool) -> None:
    player, layout = scene(100 * PAGE - 16, random=random)
    assert swap_out_all(layout) == 100

    run(player, layout, 9000.0)

    progress, counters = player.progress[0], layout.memory.counters[0]
    assert counters.swap_ins == 100
    assert progress.fault_us == 100 * FAULT_US
    spent = progress.accesses * ACCESS_NS / 1000 + progress.fault_us
    assert spent == pytest.approx(9000.0, abs=100 * ACCESS_NS / 1000)


def test_a_fault_outlasts_the_time_that_is_left() -> None:
    player, layout = scene(100 * PAGE - 16)
    swap_out_all(layout)

    for _ in range(10):
        run(player, layout, FAULT_US / 10)

    assert layout.memory.counters[0].swap_ins == 1
    assert player.progress[0].accesses <= 1


def test_a_stride_that_steps_over_pages_leaves_them_out() -> None:
    player, layout = scene(100 * PAGE - 16, stride=2 * PAGE)
    swap_out_all(layout)

    run(player, layout, 9000.0)

    assert layout.memory.counters[0].swap_ins == 50
    assert layout.memory.areas[layout.region_area[0]].swapped == 50


def test_a_swapped_page_counts_as_not_accessed() -> None:
    player, layout = scene(10 * PAGE - 16)
    watch(player)
    run(player, layout, 100.0)

    swap_out_all(layout)

    assert not touched(player, layout.memory, layout.region_area[0], 3, np.random.default_rng(0))


def test_a_phase_ends_with_the_batch_that_is_running_and_the_last_one_ends_the_player() -> None:
    player, layout = scene(10 * PAGE, phases=2)
    batch_us = BATCH_ACCESSES * ACCESS_NS / 1000

    unused = run(player, layout, 1e6)

    batches = 10_000 // batch_us + 1
    assert ended(player)
    assert 1e6 - unused == pytest.approx(2 * batches * batch_us, rel=1e-6)


def test_a_phase_without_weights_idles_and_uses_the_cpu() -> None:
    player, layout = scene(10 * PAGE, weight=0)

    unused = run(player, layout, 1e6)

    assert ended(player)
    assert player.progress[0].accesses == 0
    assert player.progress[0].cpu_us == pytest.approx(1e6 - unused)
    assert 1e6 - unused == pytest.approx(10_000, abs=10)


def test_batches_follow_the_weights() -> None:
    accesses = tuple(
        Access(region=number, random=False, stride_bytes=PAGE, weight=weight)
        for number, weight in enumerate((1, 0, 3))
    )
    pattern = Pattern(
        regions=tuple(PatternRegion(name=name, size_bytes=PAGE) for name in "abc"),
        phases=(Phase(name="p", duration_us=3_000_000, accesses=accesses),),
    )
    layout = mem.lay_out(pattern, compressed_fraction=0.03, swap_bytes=0)
    player, rng = load(pattern, layout, MACHINE, longest_watch_us=1e6), np.random.default_rng(0)
    chosen: list[int] = []
    while not ended(player):
        play(player, layout.memory, float(len(chosen)) * 1000, 1.0, rng)
        chosen.append(int(player.progress[0].access))
        player.progress[0].left = 0

    shares = [chosen.count(access) / len(chosen) for access in range(3)]
    assert shares == pytest.approx([0.25, 0.0, 0.75], abs=4 * np.sqrt(0.19 / len(chosen)))

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.actions import page_out
from autotune.backends.simulator.damon.schemes import TAKES_OLD
from autotune.backends.simulator.memory.huge_pages import advise, collapse
from autotune.backends.simulator.memory.pages import Memory
from autotune.backends.simulator.workload.replay import (
    Replay,
    forget_ticks,
    hits_of_recording,
    note_tick,
    play_recording,
)
from autotune.backends.simulator.workload.replay_layout import begin_recording, lay_out_recording
from autotune.damon.monitoring import Intervals
from autotune.damon.recording import MappedArea, Recording, Snapshot
from tests.backends.simulator.reference.draws import Xoroshiro
from tests.backends.simulator.reference.replaying import chance_of, hits
from tests.backends.simulator.scene import COMPRESSED, FAULT_US, MACHINE, draws_of
from tests.recordings import PAGE, area, recording, snapshot

SAMPLES = 16
"""A power of two: chances are exact."""
SIXTEENTHS = Intervals(sampling_us=6_250, aggregation_us=100_000)


def begun(played: Recording, seed: int = 0) -> tuple[Memory, Replay]:
    return begin_recording(
        lay_out_recording(replace(played, compressed_fraction=COMPRESSED), MACHINE),
        draws_of(seed),
    )


def absent(start: int, end: int, from_us: int = 0, until_us: int = 200_000) -> MappedArea:
    """An area of pages of which nothing is there yet."""
    return MappedArea(
        start=start * PAGE, end=end * PAGE, from_us=from_us, until_us=until_us, resident=()
    )


def hot(*spans: tuple[int, int], area_of: MappedArea | None = None, **more: object) -> Recording:
    """Pages that are always accessed, in both of two aggregations."""
    regions = tuple((low, high, 20) for low, high in spans)
    return recording(
        snapshots=(snapshot(100_000, *regions), snapshot(200_000, *regions)),
        areas=(area_of or area(16, 1040),),
        **more,
    )


def out(memory: Memory, low: int, high: int) -> int:
    return page_out(memory, low * PAGE, high * PAGE, 1 << 40, False, TAKES_OLD)[0]


@st.composite
def snapshots(draw: st.DrawFn, end_us: int) -> Snapshot:
    bounds = sorted(draw(st.lists(st.integers(0, 80), max_size=10, unique=True)))
    return snapshot(
        end_us,
        *((low, high, draw(st.integers(0, SAMPLES))) for low, high in pairwise(bounds)),
    )


@st.composite
def small_recordings(draw: st.DrawFn) -> Recording:
    bounds = sorted(draw(st.lists(st.integers(0, 80), min_size=2, max_size=8, unique=True)))
    spans = list(zip(bounds[::2], bounds[1::2], strict=False))
    return recording(
        intervals=SIXTEENTHS,
        snapshots=(draw(snapshots(100_000)), draw(snapshots(200_000))),
        areas=tuple(area(low, high) for low, high in spans),
    )


@given(
    small_recordings(),
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from([1, 2, 4, 8, 16])), max_size=6),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 2**32),
)
def test_hits_are_those_of_the_reference(
    played: Recording, regions: list[tuple[int, int]], first: int, second: int, seed: int
) -> None:
    _, replay = begun(played)
    draws = draws_of(seed)
    generator = Xoroshiro(draws.tolist())
    for number, ticks in ((0, first), (1, second)):
        replay.state[0].slice = number
        for _ in range(ticks):
            note_tick(replay)

    for low, pages in regions:
        span = (low * PAGE, (low + pages) * PAGE)
        expected = hits(played, [0] * first + [1] * second, *span, generator)
        assert hits_of_recording(replay, *span, draws) == expected


@pytest.mark.parametrize(
    ("counts", "most_variance", "least_variance"),
    [
        ([10, 10], 0.0, 0.0),  # as often in each aggregation: pages touched in turn
        ([9, 11], 4.0, 2.5),  # two thirds of what chance does
        ([2, 18], 6.5, 4.0),  # more than chance, which makes 5: what was used changed
    ],
)
def test_counts_vary_as_much_as_they_did(
    counts: list[int], most_variance: float, least_variance: float
) -> None:
    played = recording(
        duration_us=4_000_000,
        snapshots=tuple(
            snapshot(100_000 * (number + 1), (16, 1040, counts[number % 2]))
            for number in range(40)
        ),
        areas=(area(16, 1040, until_us=4_000_000),),
    )
    _, replay = begun(played)
    replay.rows[0].chance = 0.5
    for _ in range(20):
        note_tick(replay)
    draws = draws_of(0)

    found = [hits_of_recording(replay, 16 * PAGE, 1040 * PAGE, draws) for _ in range(500)]

    assert statistics.mean(found) == pytest.approx(10.0, abs=0.3)
    assert least_variance <= statistics.pvariance(found) <= most_variance


def test_ticks_are_forgotten() -> None:
    _, replay = begun(hot((16, 1040)))
    note_tick(replay)
    forget_ticks(replay)

    assert hits_of_recording(replay, 16 * PAGE, 20 * PAGE, draws_of(0)) == 0


def test_time_takes_a_recording_from_snapshot_to_snapshot_and_to_its_end() -> None:
    memory, replay = begun(recording())

    states = []
    for _ in range(4):
        unused = play_recording(replay, memory, 60_000.0)
        states.append((int(replay.state[0].slice), unused))

    assert states == [(0, 0.0), (1, 0.0), (1, 0.0), (1, 40_000.0)]
    assert replay.progress[0].over == 1


def test_all_that_was_always_accessed_comes_back_and_each_page_costs_a_fault() -> None:
    memory, replay = begun(hot((16, 40)))
    assert out(memory, 16, 116) == 100

    play_recording(replay, memory, 1_000.0)

    assert memory.counters[0].swap_ins == 24
    assert replay.progress[0].fault_us == 24 * FAULT_US


def test_what_a_fault_takes_makes_the_run_longer() -> None:
    memory, replay = begun(hot((16, 40)))
    out(memory, 16, 40)

    unused = play_recording(replay, memory, 300_000.0)

    assert unused == pytest.approx(300_000 - 200_000 - 24 * FAULT_US)


def test_what_nobody_accessed_stays_out() -> None:
    memory, replay = begun(hot((16, 40)))
    out(memory, 40, 1040)

    play_recording(replay, memory, 200_000.0)

    assert memory.counters[0].swap_ins == 0


def test_of_a_region_that_was_accessed_now_and_then_that_share_is_touched() -> None:
    seldom = snapshot(200_000, (16, 1040, 5))
    memory, replay = begun(recording(snapshots=(seldom,), areas=(area(16, 1040),)))
    out(memory, 16, 1040)

    play_recording(replay, memory, 200_000.0)

    # A quarter of 1024 pages, within four times the spread of so many independent draws.
    assert memory.counters[0].swap_ins == pytest.approx(256, abs=4 * 13.9)


def test_the_first_touch_of_a_page_makes_it_resident() -> None:
    memory, replay = begun(hot((16, 40), area_of=absent(16, 1040)))

    play_recording(replay, memory, 1_000.0)

    assert memory.counters[0].resident == 24
    assert memory.counters[0].swap_ins == 0


def test_in_a_huge_page_a_first_touch_brings_all_of_it() -> None:
    memory, replay = begun(hot((512, 513), area_of=absent(512, 1536)))
    advise(memory, 512 * PAGE, 1536 * PAGE, True)

    play_recording(replay, memory, 1_000.0)

    assert memory.counters[0].resident == 512


def test_collapsing_makes_a_recording_larger_than_it_was() -> None:
    """The bloat: of 512 pages three were ever touched."""
    memory, replay = begun(hot((512, 515), area_of=absent(512, 1024)))
    play_recording(replay, memory, 1_000.0)
    before = int(memory.counters[0].resident)
    advise(memory, 512 * PAGE, 1024 * PAGE, True)

    collapse(memory, 0)

    assert (before, memory.counters[0].resident) == (3, 512)


def test_mappings_come_and_go_as_they_did() -> None:
    late = area(100, 120, from_us=50_000, until_us=150_000)
    memory, replay = begun(recording(areas=(area(16, 32), late)))

    sizes = []
    for _ in range(4):
        play_recording(replay, memory, 49_000.0)
        play_recording(replay, memory, 1_000.0)
        sizes.append(int(memory.counters[0].resident))

    assert sizes == [36, 36, 16, 16]
    assert memory.counters[0].changes == 3


def test_an_area_that_comes_again_holds_what_it_held_then() -> None:
    first = area(100, 120, until_us=50_000)
    again = MappedArea(
        start=100 * PAGE,
        end=120 * PAGE,
        from_us=100_000,
        until_us=200_000,
        resident=((105 * PAGE, 107 * PAGE),),
    )
    memory, replay = begun(recording(areas=(first, again), snapshots=(snapshot(200_000),)))

    sizes = [int(memory.counters[0].resident)]
    for _ in range(3):
        play_recording(replay, memory, 60_000.0)
        sizes.append(int(memory.counters[0].resident))

    assert sizes == [20, 0, 2, 2]


def test_nothing_is_touched_where_nothing_is_mapped() -> None:
    """A region of the recording reaches over what was mapped only later."""
    late = absent(40, 80, from_us=150_000)
    both = recording(
        snapshots=(snapshot(100_000, (16, 80, 20)), snapshot(200_000, (16, 80, 20))),
        areas=(area(16, 40), late),
    )
    memory, replay = begun(both)

    sizes = []
    for _ in range(4):
        play_recording(replay, memory, 49_000.0)
        play_recording(replay, memory, 1_000.0)
        sizes.append(int(memory.counters[0].resident))

    assert sizes == [24, 24, 24, 24 + 40]


def test_cpu_time_is_the_share_that_the_program_used_and_faults_on_top() -> None:
    memory, replay = begun(hot((16, 40), cpu_us=50_000))
    out(memory, 16, 40)

    play_recording(replay, memory, 300_000.0)

    assert replay.progress[0].cpu_us == pytest.approx(50_000 + 24 * FAULT_US)


def test_the_reference_counts_pages() -> None:
    half = recording(snapshots=(snapshot(200_000, (16, 24, 10)),), areas=(area(16, 32),))

    chances = [chance_of(half, 0, low * PAGE, high * PAGE) for low, high in ((16, 24), (16, 32))]

    assert [float(chance) for chance in chances] == [0.5, 0.25]

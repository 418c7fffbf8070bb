"""What holds for a pattern and for a recording alike, and which of the two is asked for what."""

from __future__ import annotations

import pytest

from autotune.backends.simulator.memory.pages import Memory
from autotune.backends.simulator.memory.touches import MOST_TICKS
from autotune.backends.simulator.source import (
    Source,
    begin_tick,
    count_hits,
    end_tick,
    forget_ticks,
    play,
)
from autotune.backends.simulator.workload import player
from autotune.backends.simulator.workload.layout import lay_out
from autotune.backends.simulator.workload.replay_layout import begin_recording, lay_out_recording
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.monitoring import OperationsSet
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import MACHINE, SAMPLES, draws_of, regions_of, rows_of
from tests.recordings import area, recording, snapshot

DURATION_US = 200_000
Begun = tuple[Memory, Source, Region, Region]
"""Memory and source at their beginning; a region that is always accessed, and one that never is."""


def _pattern() -> Begun:
    access = Access(region=0, random=False, stride_bytes=PAGE, weight=1)
    pattern = Pattern(
        regions=(
            PatternRegion(name="hot", size_bytes=16 * PAGE - 16),
            PatternRegion(name="cold", size_bytes=16 * PAGE - 16),
        ),
        phases=(Phase(name="p", duration_us=DURATION_US, accesses=(access,)),),
    )
    layout = lay_out(pattern, MACHINE, OperationsSet.VADDR)
    loaded = player.load(pattern, layout, MACHINE)
    memory, played = player.begin_pattern(loaded, 0, draws_of(0), 64)
    hot, cold = (int(memory.areas[index].start) for index in layout.region_area)
    size = 16 * PAGE
    return memory, played, Region(hot, hot + size), Region(cold, cold + size)


def _recording() -> Begun:
    recorded = recording(
        snapshots=(snapshot(DURATION_US, (16, 32, 20)),), areas=(area(16, 32), area(40, 56))
    )
    memory, replayed = begin_recording(lay_out_recording(recorded, MACHINE), draws_of(0))
    return memory, replayed, Region(16 * PAGE, 32 * PAGE), Region(40 * PAGE, 56 * PAGE)


@pytest.fixture(params=[_pattern, _recording], ids=["pattern", "recording"])
def begun(request: pytest.FixtureRequest) -> Begun:
    made: Begun = request.param()
    return made


def _run_tick(memory: Memory, source: Source, number: int) -> None:
    begin_tick(source)
    play(source, memory, 1_000.0 * number, 1_000.0)
    end_tick(source, memory)


def test_time_is_used_up_to_the_end_and_no_further(begun: Begun) -> None:
    memory, source, _, _ = begun

    unused = [play(source, memory, at_us, 90_000.0) for at_us in (0.0, 90_000.0, 180_000.0)]

    assert unused[:2] == [0.0, 0.0]
    assert unused[2] == pytest.approx(70_000.0, abs=2_000.0)  # a batch is played to its end
    assert source.progress[0].over == 1


def test_what_is_owed_is_paid_first(begun: Begun) -> None:
    memory, source, _, _ = begun
    source.progress[0].owed_us = 3_000.0

    play(source, memory, 0.0, 2_000.0)

    assert source.progress[0].owed_us == 1_000.0
    assert source.progress[0].cpu_us == 2_000.0
    assert source.progress[0].over == 0


def test_a_window_is_full_after_so_many_ticks_and_empty_when_they_are_forgotten(
    begun: Begun,
) -> None:
    memory, source, _, _ = begun

    full = []
    for number in range(MOST_TICKS):
        _run_tick(memory, source, number)
        full.append(int(source.progress[0].full))
    forget_ticks(source)

    assert full == [0] * (MOST_TICKS - 1) + [1]
    assert source.progress[0].full == 0
    assert count_hits(source, memory, regions_of(begun[2:]), SAMPLES, 0.0, draws_of(0)) == 0


def test_hits_are_added_to_the_counts_of_regions(begun: Begun) -> None:
    memory, source, hot, cold = begun
    hot.hits, hot.last, hot.moving = 3, 10, 100_000
    regions = regions_of([hot, cold])
    for number in range(5):
        _run_tick(memory, source, number)

    most = count_hits(source, memory, regions, SAMPLES, 0.0, draws_of(0))

    hot.hits, hot.moving = 8, 100_000 + 5 * 10_000 - 5 * (10 * 10_000 // SAMPLES)
    assert rows_of(regions) == [hot, cold]
    assert most == 8


def test_checks_that_miss_an_access_count_no_hit(begun: Begun) -> None:
    memory, source, hot, cold = begun
    regions = regions_of([hot, cold])
    for number in range(5):
        _run_tick(memory, source, number)

    assert count_hits(source, memory, regions, SAMPLES, 1.0, draws_of(0)) == 0
    assert rows_of(regions) == [hot, cold]

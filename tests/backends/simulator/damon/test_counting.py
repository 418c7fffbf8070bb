"""Hits of a window, counted at once, against one random page a region and tick."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.counting import count_hits, sampled_bytes
from autotune.backends.simulator.memory.huge_pages import advise_everything
from autotune.backends.simulator.memory.pages import ABSENT, Memory
from autotune.backends.simulator.memory.touches import (
    Touches,
    begin_tick,
    end_tick,
    make_touches,
    note_random,
    note_sweep,
)
from autotune.damon import kernel_rules
from tests.backends.simulator.reference import sampling
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.reference.sampling import Scatter, Sweep, Tick
from tests.backends.simulator.scene import (
    FIRST_PAGE,
    SAMPLES,
    at,
    draws_of,
    memory_of,
    regions_of,
    rows_of,
)

WINDOWS = 8_000
GIB_PAGES = 1 << 18


def note(ticks: Sequence[Tick], memory: Memory) -> Touches:
    """What was touched, as the player notes it."""
    touches = make_touches(len(memory.areas), 200)
    for tick in ticks:
        begin_tick(touches)
        for number, action in enumerate(tick):
            if isinstance(action, Scatter):
                note_random(touches, action.area, action.count)
            else:
                note_sweep(
                    touches,
                    action.area,
                    number,
                    action.stride,
                    action.positions,
                    action.position,
                    action.count,
                )
        end_tick(touches, memory)
    return touches


def count(
    spans: Sequence[tuple[int, int]],
    touches: Touches,
    memory: Memory,
    *,
    windows: int = 1,
    missed_chance: float = 0.0,
    seed: int = 0,
) -> list[list[int]]:
    """Hits of regions, given in pages, in as many windows."""
    regions = regions_of([Region(at(low), at(high)) for low, high in spans])
    draws, found = draws_of(seed), []
    for _ in range(windows):
        regions.items["hits"] = 0
        count_hits(regions, touches, memory, SAMPLES, missed_chance, draws)
        found.append(regions.items["hits"][: len(spans)].tolist())
    return found


@dataclass(frozen=True)
class Case:
    """A window: areas and regions in pages, and what happened in its ticks."""

    areas: tuple[tuple[int, int], ...]
    regions: tuple[tuple[int, int], ...]
    ticks: tuple[Tick, ...]
    missed_chance: float = 0.0
    huge: bool = False


def whole(area: int, pages: int, *, rounds: int = 1) -> Sweep:
    return Sweep(area, 4096, pages, 0, pages * rounds)


CASES = {
    "random accesses inside one area": Case(
        areas=((0, 40),),
        regions=((0, 10), (10, 11), (11, 40)),
        ticks=tuple((Scatter(0, accesses),) for accesses in (0, 3, 20, 40, 40, 80, 1, 0, 200)),
    ),
    "random accesses of different chance in a region over three areas and two holes": Case(
        areas=((0, 8), (12, 20), (20, 25), (30, 41)),
        regions=((0, 22), (22, 41)),
        ticks=(
            (Scatter(0, 4), Scatter(1, 20)),
            (Scatter(2, 3),),
            (Scatter(0, 100), Scatter(1, 100), Scatter(2, 100), Scatter(3, 100)),
            (Scatter(3, 6), whole(1, 8)),
        )
        * 3,
    ),
    "partial sweeps with strides below, of and above a page": Case(
        areas=((0, 16), (16, 48), (48, 80)),
        regions=((0, 5), (5, 20), (20, 48), (48, 64), (64, 80)),
        ticks=(
            (Sweep(0, 64, 1024, 100, 300),),
            (Sweep(0, 64, 1024, 900, 300), Sweep(1, 4096, 32, 30, 9)),
            (Sweep(2, 12_288, 11, 9, 4), Sweep(2, 1000, 131, 60, 30)),
            (Sweep(2, 12_288, 11, 2, 50), Sweep(1, 8192, 16, 3, 5)),
            (),
        )
        * 2,
    ),
    "sweeps and random accesses of the same area": Case(
        areas=((0, 32),),
        regions=((0, 12), (12, 32)),
        ticks=((Sweep(0, 4096, 32, 4, 10), Scatter(0, 12)), (Scatter(0, 5),), (whole(0, 32),)) * 3,
    ),
    "missed accesses": Case(
        areas=((0, 16), (16, 32)),
        regions=((0, 16), (8, 24), (16, 32)),
        ticks=((whole(0, 16), Scatter(1, 10)),) * 15,
        missed_chance=0.3,
    ),
    "holes before, between and behind": Case(
        areas=((4, 8), (10, 12)),
        regions=((0, 5), (5, 11), (11, 16)),
        ticks=((whole(0, 4), whole(1, 2)),) * 10,
    ),
    "a region of 5 GiB is sampled in its first one": Case(
        areas=((0, 5 * GIB_PAGES),),
        regions=((0, 5 * GIB_PAGES),),
        ticks=((Sweep(0, 4096, 5 * GIB_PAGES, 0, 100_000),), (Sweep(0, 4096, 99, 300_000, 9),))
        * 2,
    ),
    "a region of 4 GiB is sampled all over": Case(
        areas=((0, 4 * GIB_PAGES),),
        regions=((0, 4 * GIB_PAGES),),
        ticks=((Sweep(0, 8192, 2 * GIB_PAGES, 300_000, 200_000),),) * 4,
    ),
    "a touch in a huge page is one in all of it": Case(
        areas=((0, 1024), (1024, 1100)),
        regions=((0, 100), (100, 600), (600, 1100)),
        ticks=(
            (Sweep(0, 4096, 1024, 99, 1),),
            (Sweep(0, 1 << 22, 1, 0, 1), Sweep(1, 4096, 76, 10, 20)),
            (Scatter(0, 1),),
            (Scatter(0, 2), Sweep(0, 4096, 1024, 510, 4)),
        )
        * 2,
        huge=True,
    ),
}


def wide(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(at(low), at(high)) for low, high in spans]


def by_reference(case: Case, *, windows: int) -> list[list[int]]:
    random = sampling.random_of(1)
    areas = [(FIRST_PAGE + low, FIRST_PAGE + high) for low, high in case.areas]
    blocks = {page // 512 for low, high in areas for page in range(low, high - 511, 512)}
    huge = frozenset(blocks if case.huge else ())
    fixed = [not any(isinstance(action, Scatter) for action in tick) for tick in case.ticks]
    kept: dict[int, set[int]] = {}
    found = []
    for _ in range(windows):
        touched = []
        for number, tick in enumerate(case.ticks):
            if number not in kept:
                pages = sampling.pages_touched(tick, areas, huge, random)
                if fixed[number]:
                    kept[number] = pages
                touched.append(pages)
            else:
                touched.append(kept[number])
        found.append(sampling.count_hits(wide(case.regions), touched, case.missed_chance, random))
    return found


def furthest_apart(ones: Sequence[int], others: Sequence[int]) -> float:
    """The largest difference of the two cumulative distributions, in units of its usual size."""
    furthest = max(
        abs(sum(n <= k for n in ones) / len(ones) - sum(n <= k for n in others) / len(others))
        for k in range(61)
    )
    return furthest / math.sqrt(1 / len(ones) + 1 / len(others))


def means_apart(ones: Sequence[int], others: Sequence[int]) -> float:
    """The difference of the means, in standard errors."""
    variance = statistics.pvariance(ones) / len(ones) + statistics.pvariance(others) / len(others)
    difference = statistics.fmean(ones) - statistics.fmean(others)
    return 0.0 if difference == 0.0 else abs(difference) / math.sqrt(variance)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_hits_are_distributed_as_those_of_one_page_a_tick(case: Case) -> None:
    memory = memory_of(*case.areas)
    if case.huge:
        advise_everything(memory)

    found = count(
        case.regions,
        note(case.ticks, memory),
        memory,
        windows=WINDOWS,
        missed_chance=case.missed_chance,
    )

    expected = by_reference(case, windows=WINDOWS)
    for ours, theirs in zip(zip(*found, strict=True), zip(*expected, strict=True), strict=True):
        assert means_apart(ours, theirs) < 4.5  # one in 150,000 by chance
        assert furthest_apart(ours, theirs) < 2.3  # one in 20,000


def test_the_hits_of_regions_are_independent() -> None:
    """Two regions of the same area meet at chance: their hits are not correlated."""
    memory = memory_of((0, 40))
    touches = note([(Scatter(0, 30),)] * 20, memory)

    found = np.array(count([(0, 20), (20, 40)], touches, memory, windows=WINDOWS))

    assert abs(np.corrcoef(found.T)[0, 1]) < 4.5 / math.sqrt(WINDOWS)


def test_what_is_touched_as_a_whole_is_hit_in_every_tick_and_what_is_not_in_none() -> None:
    memory = memory_of((0, 16), (16, 32), (40, 48))
    tick = (whole(0, 16), whole(1, 16, rounds=3))

    found = count(
        [(0, 7), (7, 30), (30, 32), (33, 39), (40, 48)], note([tick] * 13, memory), memory
    )

    assert found == [[13, 13, 13, 0, 0]]


def test_all_ticks_of_the_longest_window_count() -> None:
    memory = memory_of((0, 16))

    found = count([(0, 16)], note([(whole(0, 16),)] * 60, memory), memory)

    assert found == [[60]]


def test_memory_that_was_never_touched_is_not_accessed() -> None:
    memory = memory_of((0, 16), state=ABSENT)

    assert count([(0, 16)], note([()] * 20, memory), memory) == [[0]]


def test_every_region_goes_on_from_what_it_had_and_the_most_of_all_is_told() -> None:
    memory = memory_of((0, 16), (16, 32))
    rows = [
        Region(at(0), at(16), hits=3, last=20, moving=200_000),
        Region(at(16), at(32), hits=11, last=7, moving=70_003),
    ]
    regions = regions_of(rows)
    touches = note([(whole(0, 16),)] * 6, memory)

    most = count_hits(regions, touches, memory, SAMPLES, 0.0, draws_of(0))

    expected = [list(row.__dict__.values()) for row in rows]
    for row in expected:
        accessed = row[0] == at(0)
        for _ in range(6):  # as the kernel does, tick by tick
            row[2] += accessed
            row[4] += 10_000 * accessed - row[3] * 10_000 // SAMPLES
    assert [list(row.__dict__.values()) for row in rows_of(regions)] == expected
    assert most == 11


@pytest.mark.parametrize(
    ("size", "sampled"),
    [(4096, 4096), (1 << 32, 1 << 32), (5 << 30, 1 << 30), (8 << 30, 1 << 32), (9 << 30, 1 << 30)],
)
def test_offsets_come_from_32_bits_of_the_size(size: int, sampled: int) -> None:
    assert sampled_bytes(size) == sampled


@given(st.integers(1, 2**50))
def test_sampled_bytes_are_those_of_the_plain_rule(size: int) -> None:
    assert sampled_bytes(size) == kernel_rules.sampled_bytes(size)

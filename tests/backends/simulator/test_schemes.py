"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from autotune.backends.simulator import memory, player, world
from autotune.backends.simulator.memory import PAGE
from autotune.backends.simulator.records import Records
from autotune.backends.simulator.regions import Regions, make_regions
from autotune.backends.simulator.schemes import (
    adjust_quota,
    apply_schemes,
    hot_score,
    look_at_watermarks,
    matches,
    stage,
)
from autotune.damon import Intervals
from autotune.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Quota,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.machine import Machine
from autotune.patterns import Access, Pattern, PatternRegion, Phase

SAMPLES, AGGREGATION_US, JIFFY_US = 20, 100_000, 4_000
COLD = AccessPattern(access_rate=Range(0.0, 0.0))
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


def staged(quota: Quota | None = None, **fields: Any) -> Records:
    scheme = Scheme(action=Action.PAGEOUT, pattern=COLD, quota=quota, **fields)
    return stage((scheme,), Intervals(), JIFFY_US)


class Scene:
    """One region of memory at known addresses, cut into equal DAMON regions, all of it cold."""

    def __init__(self, pages: int, pieces: int) -> None:
        pattern = Pattern(
            regions=(PatternRegion(name="a", size_bytes=pages * PAGE - 16),),
            phases=(
                Phase(
                    name="idle",
                    duration_us=10**9,
                    accesses=(Access(region=0, random=False, stride_bytes=PAGE, weight=0),),
                ),
            ),
        )
        layout = memory.lay_out(pattern, compressed_fraction=0.03, swap_bytes=1 << 30)
        area = layout.memory.areas[layout.region_area[0]]
        self.start, self.piece = int(area.start), pages // pieces * PAGE
        self.regions: Regions = make_regions(
            [(self.start, self.start + pages * PAGE)], pieces, capacity=64
        )
        self.world = world.start(
            layout.memory,
            player.load(pattern, layout, MACHINE, longest_watch_us=1e4),
            MACHINE,
            timeout_us=1e9,
            period_us=1e5,
            rng=np.random.default_rng(0),
        )

    def apply(self, schemes: Records, at_s: float) -> int:
        """One pass at a time; how many pages went out."""
        before = int(self.world.memory.counters[0].swap_outs)
        self.world.clock[0].now_us = at_s * 1e6
        apply_schemes(schemes, self.regions, self.world, 10**6, SAMPLES, AGGREGATION_US)
        schemes.next_apply = 0
        return int(self.world.memory.counters[0].swap_outs) - before

    def touch_all(self) -> None:
        """Everything resident again."""
        state = self.world.memory
        state.state[state.state == memory.SWAPPED] = memory.RESIDENT
        state.areas.swapped = 0
        state.counters[0].resident += state.counters[0].swapped
        state.counters[0].swapped = 0


def spread(table: dict[range | int, int]) -> list[tuple[int, int]]:
    return [
        (age, score)
        for ages, score in table.items()
        for age in ([ages] if isinstance(ages, int) else (ages[0], ages[-1]))
    ]


@pytest.mark.parametrize(
    ("seconds", "cold"),
    spread(
        {
            0: 50,
            1: 52,
            range(2, 4): 54,
            range(4, 8): 55,
            range(8, 16): 57,
            range(16, 32): 58,
            range(32, 64): 60,
            range(64, 128): 61,
            range(128, 256): 63,
            range(256, 512): 65,
            range(512, 1024): 66,
        }
    ),
)
def test_cold_score_of_an_idle_region_rises_by_age(seconds: int, cold: int) -> None:
    assert 99 - hot_score(0, seconds * 10, SAMPLES, AGGREGATION_US, 0, 1) == cold


@pytest.mark.parametrize(
    ("seconds", "hot"),
    spread(
        {
            0: 49,
            1: 50,
            range(2, 4): 52,
            range(4, 8): 53,
            range(8, 16): 55,
            range(16, 32): 56,
            range(32, 64): 58,
            range(64, 128): 59,
            range(128, 256): 61,
        }
    ),
)
def test_hot_score_of_an_accessed_region_rises_by_age(seconds: int, hot: int) -> None:
    assert hot_score(5, seconds * 10, SAMPLES, AGGREGATION_US, 0, 1) == hot


@pytest.mark.parametrize(("hits", "cold"), [(0, 99), (2, 90), (10, 50), (18, 10), (20, 0)])
def test_cold_score_by_rate_alone(hits: int, cold: int) -> None:
    assert 99 - hot_score(hits, 0, SAMPLES, AGGREGATION_US, 1, 0) == cold


@pytest.mark.parametrize(("seconds", "cold"), [(0, 75), (1, 76), (2, 77), (64, 81)])
def test_cold_score_by_rate_and_age(seconds: int, cold: int) -> None:
    assert 99 - hot_score(0, seconds * 10, SAMPLES, AGGREGATION_US, 1, 1) == cold


def test_without_weights_all_regions_are_alike() -> None:
    scores = {
        hot_score(hits, years, SAMPLES, AGGREGATION_US, 0, 0)
        for hits, years in itertools.product((0, 7, 20), (0, 100, 10_000))
    }

    assert scores == {0}


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("size", (2 * PAGE, 4 * PAGE), (PAGE, 5 * PAGE)),
        ("hits", (1, 2), (0, 3)),
        ("age", (3, 5), (2, 6)),
    ],
)
def test_a_region_matches_inside_all_bounds_and_on_them(
    field: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    pattern = AccessPattern(
        size_bytes=Range(2 * PAGE, 4 * PAGE),
        access_rate=Range(0.05, 0.10),
        age_us=Range(300_000, 500_000),
    )
    scheme = stage((Scheme(action=Action.STAT, pattern=pattern),), Intervals(), JIFFY_US)[0]

    def match(value: int) -> bool:
        values = {"size": 3 * PAGE, "hits": 1, "age": 4, field: value}
        region = make_regions([(0, values["size"])], 1, 4).items[0]
        region.moving, region.age = values["hits"] * 10_000, values["age"]
        return bool(matches(scheme, region))

    assert [match(value) for value in inside] == [True, True]
    assert [match(value) for value in outside] == [False, False]


def test_a_time_quota_allows_four_mebibytes_a_millisecond_before_anything_was_measured() -> None:
    scheme = staged(Quota(time_us=1000, reset_interval_us=0))[0]

    adjust_quota(scheme, make_regions([(0, PAGE)], 1, 4), 0.0, SAMPLES, AGGREGATION_US)

    assert scheme.allowed == 4_194_304


def test_a_time_quota_follows_the_measured_speed() -> None:
    scheme = staged(Quota(time_us=10_000, reset_interval_us=0))[0]
    scheme.spent_bytes, scheme.spent_ns = 1_000_000, 4_000_000

    adjust_quota(scheme, make_regions([(0, PAGE)], 1, 4), 0.0, SAMPLES, AGGREGATION_US)

    assert scheme.allowed == 10 * 250_000


def test_the_smaller_of_two_quotas_holds() -> None:
    scheme = staged(Quota(time_us=1000, size_bytes=8 * PAGE, reset_interval_us=0))[0]

    adjust_quota(scheme, make_regions([(0, PAGE)], 1, 4), 0.0, SAMPLES, AGGREGATION_US)

    assert scheme.allowed == 8 * PAGE


def test_the_first_window_has_no_limit_and_the_second_has() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=1_000_000))

    first = scene.apply(schemes, 0.0)
    scene.touch_all()
    still_first = scene.apply(schemes, 0.9)
    scene.touch_all()
    second = scene.apply(schemes, 1.0)

    assert (first, still_first, second) == (64, 64, 8)


def test_with_a_reset_interval_of_zero_every_pass_is_a_window() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=0))

    passes = [scene.apply(schemes, second) for second in (0.0, 0.1, 0.2)]

    assert passes == [8, 8, 8]
    assert schemes[0].quota_exceeds == 2


def test_the_next_window_goes_on_where_the_last_one_stopped() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=0))

    scene.apply(schemes, 0.0)
    resume = int(schemes[0].resume)
    scene.apply(schemes, 0.1)

    assert resume == scene.start + 8 * PAGE
    state = scene.world.memory
    area = state.areas[2]
    pages = state.state[area.first : area.first + 64]
    assert pages.tolist() == [memory.SWAPPED] * 16 + [memory.RESIDENT] * 48


def test_the_quota_is_charged_for_what_is_tried_whatever_comes_of_it() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=16 * PAGE, reset_interval_us=0))
    scene.apply(schemes, 0.0)
    schemes[0].resume = 0

    again = scene.apply(schemes, 0.1)

    assert again == 0
    assert schemes[0].charged == 16 * PAGE
    assert schemes[0].tried_bytes == 32 * PAGE


def test_every_tried_region_is_young_again() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = 50

    scene.apply(staged(), 0.0)

    assert scene.regions.items.age[:4].tolist() == [0, 0, 0, 0]


def test_stat_counts_and_leaves_ages_alone() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = 50
    schemes = stage((Scheme(action=Action.STAT, pattern=COLD),), Intervals(), JIFFY_US)

    moved = scene.apply(schemes, 0.0)

    assert moved == 0
    assert scene.regions.items.age[:4].tolist() == [50] * 4
    assert schemes[0].tried_bytes == 64 * PAGE
    assert schemes[0].applied_regions == 0


def test_older_regions_go_first_when_age_has_weight() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = [10, 10, 10, 100_000]
    quota = Quota(size_bytes=16 * PAGE, reset_interval_us=0, weights=Weights(age=1))

    scene.apply(staged(quota), 0.0)

    state = scene.world.memory
    area = state.areas[2]
    assert state.state[area.first + 48 : area.first + 64].tolist() == [memory.SWAPPED] * 16


def test_an_action_takes_its_time_from_the_kdamond() -> None:
    scene = Scene(pages=64, pieces=4)

    scene.apply(staged(), 0.0)

    assert scene.world.clock[0].busy_us == pytest.approx(64 * MACHINE.pageout_us)
    assert scene.world.clock[0].now_us == pytest.approx(64 * MACHINE.pageout_us)


def test_memory_with_a_hole_goes_out_but_is_not_called_applied() -> None:
    scene = Scene(pages=64, pieces=1)
    scene.regions.items[0].end += PAGE

    moved = scene.apply(schemes := staged(), 0.0)

    assert moved == 64
    assert (schemes[0].tried_regions, schemes[0].applied_regions) == (1, 0)


def test_watermarks_turn_a_scheme_on_below_mid_and_off_outside_high_and_low() -> None:
    marks = Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)
    schemes = staged(watermarks=marks)

    waits = [look_at_watermarks(schemes, free) for free in (501, 450, 399, 450, 199, 200)]

    assert waits == [5e6, 5e6, 0.0, 0.0, 5e6, 0.0]


def test_without_watermarks_or_schemes_nothing_waits() -> None:
    none = stage((), Intervals(), JIFFY_US)

    assert look_at_watermarks(staged(), 0) == 0.0
    assert look_at_watermarks(none, 0) == 0.0


def test_a_reset_interval_without_end_never_starts_a_second_window() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=UNLIMITED))

    moved = []
    for second in (0.0, 1e3, 1e6):
        moved.append(scene.apply(schemes, second))
        scene.touch_all()

    assert moved == [64, 64, 64]

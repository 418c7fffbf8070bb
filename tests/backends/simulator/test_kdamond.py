"""The kdamond's loop, a rule at a time; the rules are those of Linux 6.12."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autotune.backends.simulator import kdamond, player
from autotune.backends.simulator.memory import PAGE
from autotune.backends.simulator.regions import make_regions
from autotune.backends.simulator.simulator import Simulator
from autotune.damon import Intervals, Monitoring
from autotune.damos import AccessPattern, Action, Range, Scheme
from autotune.experiment import Experiment
from autotune.machine import Machine
from autotune.measurement import Measurement
from autotune.patterns import TABLE_BYTES, Access, Pattern, PatternRegion, Phase
from tests.backends.simulator.scene import MACHINE, SAMPLES, Scene, idle_pattern

MIB = 1 << 20
ALL = Scheme(action=Action.STAT)
COLD = AccessPattern(access_rate=Range(0.0, 0.0))
SHARED = replace(MACHINE, cpus=1)


def simulate(
    pattern: Pattern,
    *schemes: Scheme,
    machine: Machine = MACHINE,
    monitoring: Monitoring | None = None,
    seed: int = 0,
) -> Measurement:
    experiment = Experiment(
        workload=pattern, monitoring=monitoring or Monitoring(), schemes=schemes
    )
    return Simulator(machine).run(experiment, seed=seed)


def hot(seconds: float, *, stride: int = PAGE, random: bool = False, mib: int = 8) -> Pattern:
    """A region that is accessed all the time, and one of twice its size that never is."""
    access = Access(region=0, random=random, stride_bytes=stride, weight=1)
    return Pattern(
        regions=(
            PatternRegion(name="hot", size_bytes=mib * MIB),
            PatternRegion(name="cold", size_bytes=2 * mib * MIB),
        ),
        phases=(Phase(name="p", duration_us=round(seconds * 1e6), accesses=(access,)),),
    )


def test_of_a_region_above_4_gib_only_its_head_is_sampled() -> None:
    pages = (5 << 30) // PAGE
    scene = Scene(pages=pages, pieces=1)
    sampled = kdamond.make_sampled(scene.regions)
    rng = np.random.default_rng(0)

    seen = []
    for _ in range(200):
        kdamond.draw_samples(scene.regions, scene.world.memory, sampled, rng)
        seen.append(int(sampled[0].page))

    # 5 GiB modulo 2^32 is 1 GiB.
    assert max(seen) < (1 << 30) // PAGE
    assert max(seen) > 0.9 * (1 << 30) // PAGE


def test_a_region_of_exactly_4_gib_is_sampled_all_over() -> None:
    pages = (4 << 30) // PAGE
    scene = Scene(pages=pages, pieces=1)
    sampled = kdamond.make_sampled(scene.regions)
    rng = np.random.default_rng(0)

    seen = []
    for _ in range(200):
        kdamond.draw_samples(scene.regions, scene.world.memory, sampled, rng)
        seen.append(int(sampled[0].page))

    assert max(seen) > 0.9 * pages


def test_memory_that_was_never_touched_and_holes_are_not_accessed() -> None:
    scene = Scene(pages=64, pieces=1)
    program = int(scene.world.memory.areas[0].start)
    regions = make_regions([(program, program + PAGE), (program - PAGE, program)], 1, 8)
    sampled = kdamond.make_sampled(regions)

    kdamond.draw_samples(regions, scene.world.memory, sampled, np.random.default_rng(0))

    assert sampled.area[: regions.totals[0].regions].tolist() == [-1, -1]


@pytest.mark.parametrize(("accessed", "hits", "moving"), [(False, 0, 190_000), (True, 1, 200_000)])
def test_the_moving_sum_gives_up_a_share_of_the_last_aggregation_each_tick(
    accessed: bool, hits: int, moving: int
) -> None:
    scene = Scene(pages=64, pieces=1)
    region = scene.regions.items[0]
    region.last, region.moving = 20, 200_000
    sampled = kdamond.make_sampled(scene.regions)
    rng = np.random.default_rng(0)
    kdamond.draw_samples(scene.regions, scene.world.memory, sampled, rng)
    player.watch(scene.world.player)
    scene.world.player.swept[:] = accessed

    most = kdamond.check(scene.regions, scene.world, sampled, SAMPLES, rng)

    assert (most, region.hits, region.moving) == (hits, hits, moving)


@pytest.mark.parametrize(("most", "age"), [(20, 6), (9, 0)])
def test_how_much_change_makes_a_region_young_depends_on_the_hottest_of_all(
    most: int, age: int
) -> None:
    """Two hits of twenty are no change while something else has all twenty."""
    scene = Scene(pages=64, pieces=2)
    for item, hits, last in zip(scene.regions.items, (most, 2), (most, 0), strict=False):
        item.hits, item.last, item.age = hits, last, 5

    kdamond.aggregate(scene.regions, most, SAMPLES, 1 << 40, 1000)

    assert scene.regions.items[1].age == age


def test_schemes_are_applied_right_after_an_aggregation() -> None:
    """200 ticks of a little over 5 ms end before 1.009 s, and a 201st does not."""
    pattern = idle_pattern(2048, duration_us=1_009_000)

    measured = simulate(pattern, ALL)

    total = TABLE_BYTES // PAGE + 1 + 2048 + 843_776 // PAGE + 135_168 // PAGE
    assert measured.scheme_stats is not None
    assert measured.scheme_stats.tried_bytes == 10 * total * PAGE


def test_no_region_grows_beyond_its_share_of_the_memory() -> None:
    """Cold memory merges into pieces of a tenth of all at the most, so there are ten or more."""
    pattern = idle_pattern(40_000, duration_us=3_000_000)

    measured = simulate(pattern, ALL)

    stats = measured.scheme_stats
    assert stats is not None
    passes = 3_000_000 // 100_600  # ticks are a little longer than 5 ms
    assert 10 * passes <= stats.tried_regions <= 25 * passes


@pytest.mark.parametrize(
    ("access", "hot_mib"),
    [
        ({"stride": 4096}, 8),
        ({"stride": 64}, 8),
        ({"stride": 1}, 8),
        ({"random": True}, 8),
    ],
    ids=["sweeps", "fine sweeps", "byte by byte", "random"],
)
@pytest.mark.parametrize("machine", [MACHINE, SHARED], ids=["own CPU", "shared CPU"])
def test_what_is_hot_is_found_and_stays(
    access: dict[str, int], hot_mib: int, machine: Machine
) -> None:
    cold = Scheme(
        action=Action.PAGEOUT,
        pattern=AccessPattern(access_rate=Range(0.0, 0.0), age_us=Range(2_000_000)),
    )
    pattern = hot(6.0, mib=hot_mib, **access)  # type: ignore[arg-type]  # a stride or a flag

    measured = simulate(pattern, cold, machine=machine)

    working_set = hot_mib * MIB + (TABLE_BYTES if access.get("random") else 0)
    assert measured.wss_mean_bytes is not None
    assert measured.wss_mean_bytes > 0.5 * working_set
    assert min(measured.series.rss_bytes) >= 0.9 * hot_mib * MIB
    assert min(measured.series.rss_bytes) <= 1.2 * working_set + MIB
    assert measured.major_faults < 0.05 * measured.swap_out_bytes / PAGE


def test_missed_accesses_make_memory_look_cold() -> None:
    sharp, blind = (
        simulate(hot(2.0), machine=replace(MACHINE, missed_access_chance=chance))
        for chance in (0.0, 1.0)
    )

    assert sharp.wss_mean_bytes is not None
    assert sharp.wss_mean_bytes > 4 * MIB
    assert blind.wss_mean_bytes == 0.0


def test_monitoring_takes_its_disturbance_from_the_workload() -> None:
    calm, disturbed = (
        simulate(hot(2.0), machine=replace(MACHINE, disturbance_us=cost)) for cost in (0.0, 50.0)
    )

    assert calm.work_done is not None
    assert disturbed.work_done is not None
    # Some 11 to 35 regions, 200 times a second.
    assert 0.60 <= disturbed.work_done / calm.work_done <= 0.92


@pytest.mark.parametrize("machine", [MACHINE, SHARED], ids=["own CPU", "shared CPU"])
def test_the_run_ends_with_the_workload_whatever_the_kdamond_has_still_to_do(
    machine: Machine,
) -> None:
    """Page-out begins shortly before the end, and has work for many seconds."""
    late = Scheme(action=Action.PAGEOUT, pattern=replace(COLD, age_us=Range(1_600_000)))
    slow = replace(machine, pageout_us=1_000.0)

    measured = simulate(hot(2.0, mib=64), late, machine=slow)

    assert measured.runtime_s == pytest.approx(2.0, rel=0.02)
    assert len(measured.series.time_s) == 21
    assert 0.0 < measured.kdamond_cpu <= 1.0
    assert 0 < measured.swap_out_bytes < 500 * PAGE


def test_regions_stay_within_their_bound() -> None:
    """What comes and goes all the time splits monitoring up: not beyond what it may hold."""
    few = Monitoring(min_regions=3, max_regions=12)
    scheme = Scheme(action=Action.STAT)

    measured = simulate(hot(3.0, random=True), scheme, monitoring=few)

    assert measured.scheme_stats is not None
    assert measured.scheme_stats.tried_regions <= 12 * 30


def test_ages_count_aggregations_of_their_real_length() -> None:
    """With ticks of 6 ms instead of 5, 20 ticks are 120 ms: an age of 1 s is reached after 1.2 s."""
    slow = replace(SHARED, tick_us=1_000.0, check_us=0.0)
    old = Scheme(action=Action.PAGEOUT, pattern=replace(COLD, age_us=Range(1_000_000)))

    measured = simulate(hot(3.0), old, machine=slow)

    series = measured.series
    first = next(
        time
        for time, rss in zip(series.time_s, series.rss_bytes, strict=True)
        if rss < series.rss_bytes[0]
    )
    assert first == pytest.approx(1.25, abs=0.1)


def test_a_scheme_applied_more_often_than_aggregation_sees_running_counts() -> None:
    often = Scheme(action=Action.STAT, apply_interval_us=20_000)

    measured = simulate(
        idle_pattern(2048, duration_us=1_009_000),
        often,
        monitoring=Monitoring(intervals=Intervals()),
    )

    total = TABLE_BYTES // PAGE + 1 + 2048 + 843_776 // PAGE + 135_168 // PAGE
    assert measured.scheme_stats is not None
    assert measured.scheme_stats.tried_bytes == 50 * total * PAGE

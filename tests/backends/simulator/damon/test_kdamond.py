"""The kdamond's loop, a rule at a time; the rules are those of Linux 6.12."""

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise

import pytest

from autotune.backends.simulator.damon import kdamond
from autotune.backends.simulator.damon.kdamond import Settings, sleep_us
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import (
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    SchemeStats,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.damon.recording import MappedArea, Recording
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import TABLE_BYTES, Access, Pattern, PatternRegion, Phase
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import (
    MACHINE,
    PAGEOUT_US,
    Scene,
    at,
    draws_of,
    fill,
    idle_pattern,
    staged,
)
from tests.recordings import recording, snapshot

MIB = 1 << 20
ALL = Scheme(action=Action.STAT)
COLD = AccessPattern(access_rate=Range(0.0, 0.0))
SHARED = replace(MACHINE, cpus=1)


def simulate(
    workload: Pattern | Recording,
    *schemes: Scheme,
    machine: Machine = MACHINE,
    monitoring: Monitoring | None = None,
    physical: bool = False,
    start_after_us: int = 0,
) -> Measurement:
    experiment = Experiment(
        workload=workload,
        monitoring=monitoring or Monitoring(),
        schemes=schemes,
        operations=OperationsSet.PADDR if physical else OperationsSet.VADDR,
        start_after_us=start_after_us,
    )
    return Simulator(machine).run(experiment, seed=0)


def stats(measured: Measurement) -> SchemeStats:
    assert measured.scheme_stats is not None
    return measured.scheme_stats


def first_drop_s(measured: Measurement, by_bytes: int = PAGE) -> float:
    """When so much less was resident for the first time than at the beginning."""
    series = measured.series
    return next(
        time
        for time, rss in zip(series.time_s, series.rss_bytes, strict=True)
        if rss <= series.rss_bytes[0] - by_bytes
    )


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


def test_schemes_are_applied_right_after_an_aggregation() -> None:
    """200 ticks of a little over 5 ms end before 1.009 s, and a 201st does not."""
    pattern = idle_pattern(2048, duration_us=1_009_000)

    measured = simulate(pattern, ALL)

    total = TABLE_BYTES // PAGE + 1 + 2048 + 843_776 // PAGE + 135_168 // PAGE
    assert stats(measured).tried_bytes == 10 * total * PAGE


def test_no_region_grows_beyond_its_share_of_the_memory() -> None:
    """Cold memory merges into pieces of a tenth of all at the most, so there are ten or more."""
    pattern = idle_pattern(40_000, duration_us=3_000_000)

    measured = simulate(pattern, ALL)

    passes = 3_000_000 // 100_600  # ticks are a little longer than 5 ms
    assert 10 * passes <= stats(measured).tried_regions <= 25 * passes


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
        simulate(hot(2.0), machine=replace(MACHINE, disturbance_us=cost))
        for cost in (0.0, 1_000.0)
    )

    assert calm.work_done is not None
    assert disturbed.work_done is not None
    # A fifth of the 5 ms between two wake-ups, which take up to 36 us more.
    assert disturbed.work_done / calm.work_done == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("machine", [MACHINE, SHARED], ids=["own CPU", "shared CPU"])
def test_the_run_ends_with_the_workload_whatever_the_kdamond_has_still_to_do(
    machine: Machine,
) -> None:
    """Page-out begins shortly before the end, and has work for many seconds."""
    late = Scheme(action=Action.PAGEOUT, pattern=replace(COLD, age_us=Range(1_600_000)))
    slow = replace(machine, pageout_us=1_000.0, incompressible_pageout_us=1_000.0)

    measured = simulate(hot(2.0, mib=64), late, machine=slow)

    assert measured.runtime_s == pytest.approx(2.0, rel=0.02)
    assert len(measured.series.time_s) == 21
    assert 0.0 < measured.kdamond_cpu <= 1.0
    assert 0 < measured.swap_out_bytes <= 2 * 512 * PAGE  # what is begun at once is no more


def test_regions_stay_within_their_bound() -> None:
    """What comes and goes all the time splits monitoring up: not beyond what it may hold."""
    few = Monitoring(min_regions=3, max_regions=12)
    scheme = Scheme(action=Action.STAT)

    measured = simulate(hot(3.0, random=True), scheme, monitoring=few)

    assert stats(measured).tried_regions <= 12 * 30


def test_ages_count_aggregations_of_their_real_length() -> None:
    """With ticks of 6 ms instead of 5, 20 ticks are 120 ms: an age of 1 s is reached after 1.2 s."""
    slow = replace(MACHINE, tick_us=1_000.0, check_us=0.0)
    old = Scheme(action=Action.PAGEOUT, pattern=replace(COLD, age_us=Range(1_000_000)))

    measured = simulate(hot(3.0), old, machine=slow)

    assert first_drop_s(measured) == pytest.approx(1.25, abs=0.1)


def test_a_scheme_applied_more_often_than_aggregation_sees_running_counts() -> None:
    often = Scheme(action=Action.STAT, apply_interval_us=20_000)

    measured = simulate(
        idle_pattern(2048, duration_us=1_009_000),
        often,
        monitoring=Monitoring(intervals=Intervals()),
    )

    total = TABLE_BYTES // PAGE + 1 + 2048 + 843_776 // PAGE + 135_168 // PAGE
    assert stats(measured).tried_bytes == 50 * total * PAGE


def test_an_update_interval_below_the_sampling_interval_updates_at_every_tick() -> None:
    often = Monitoring(intervals=Intervals(update_us=1_000))

    measured = simulate(hot(1.0), ALL, monitoring=often)

    assert measured.runtime_s == pytest.approx(1.0, rel=0.02)
    assert stats(measured).tried_regions > 0


@pytest.mark.parametrize(
    ("sampling_us", "now_us", "sleep"),
    [
        (5_000, 1.0, 5_000.0),
        (20_000, 1.0, 20_000.0),
        (20_001, 0.0, 28_000.0),
        (20_001, 3_999.0, 24_001.0),
        (100_000, 4_001.0, 103_999.0),
    ],
)
def test_long_sleeps_end_with_a_jiffy_up_to_one_later(
    sampling_us: int, now_us: float, sleep: float
) -> None:
    assert sleep_us(sampling_us, now_us, 4_000.0) == sleep


def settings(**fields: object) -> Settings:
    given = {
        "sampling_us": 5_000,
        "aggregation_us": 100_000,
        "update_us": 1_000_000,
        "min_regions": 10,
        "max_regions": 1000,
        "timeout_us": 1e6,
        "fixed": False,
    }
    return Settings(**{**given, **fields})  # type: ignore[arg-type]  # of any type


def test_what_a_scheme_sees_is_merged_and_aged_and_not_yet_split() -> None:
    """Its tries after one aggregation: the twelve pieces of the beginning, aged to 1."""
    scene = Scene((0, 1200), pieces=12)
    young = AccessPattern(age_us=Range(100_000, 100_000))
    schemes = staged(Scheme(action=Action.STAT, pattern=young))

    kdamond.run(scene.world, scene.regions, schemes, settings(timeout_us=1e5), draws_of(0))

    assert schemes.items[0].tried_regions == 12
    assert len(scene.items) == 24
    assert scene.ages == [1] * 24


def test_pass_and_aggregation_need_not_meet() -> None:
    """Passes at ticks 6, 12, 18, 24, ...: those see the last aggregation's count as it fades."""
    scene = Scene((0, 1200), pieces=12)
    fill(scene.regions, [Region(at(0), at(1200), last=20, moving=200_000)])
    fading = AccessPattern(access_rate=Range(0.35, 0.7))
    schemes = staged(
        Scheme(action=Action.STAT, pattern=fading, apply_interval_us=30_000),
        Scheme(action=Action.STAT, apply_interval_us=30_000),
    )

    kdamond.run(scene.world, scene.regions, schemes, settings(timeout_us=9.9e4), draws_of(0))

    # 14 hits at tick 6, 8 at 12, 2 at 18.
    assert schemes.items.tried_regions.tolist() == [2, 3]


def test_no_region_becomes_larger_than_the_share_however_many_that_leaves() -> None:
    scene = Scene((0, 1200), capacity=3000)
    fill(scene.regions, [Region(at(n), at(n + 1)) for n in range(1200)])

    kdamond.run(
        scene.world, scene.regions, staged(), settings(timeout_us=9e4, max_regions=3), draws_of(0)
    )

    assert scene.sizes == [120] * 10


def test_ranges_follow_mappings_after_an_update_interval_and_not_before() -> None:
    late = MappedArea(start=at(40), end=at(60), from_us=400_000, until_us=3_000_000, resident=())
    program = [
        MappedArea(start=at(low), end=at(low + 4), from_us=0, until_us=3_000_000, resident=())
        for low in (0, 1000, 5000)
    ]
    played = recording(
        duration_us=3_000_000, areas=(*program, late), snapshots=(snapshot(3_000_000),)
    )
    passes = 29

    tried = stats(
        simulate(played, ALL, monitoring=Monitoring(intervals=Intervals(update_us=1_000_000)))
    )

    # Ranges of 4 pages each; from the update at 1.0 s on the first one goes up to page 60.
    before, after = 12 * 9, (60 + 8)
    assert (
        before + after * (passes - 11) <= tried.tried_bytes / PAGE <= before + after * (passes - 8)
    )


def test_with_new_ranges_comes_a_new_limit_on_what_is_merged() -> None:
    """Nobody touches anything: what was 12 pages and is 1,068 then is a dozen regions again."""
    spans = ((0, 4, 0), (2000, 2004, 0), (9000, 9004, 0), (4, 1060, 400_000))
    areas = tuple(
        MappedArea(start=at(low), end=at(high), from_us=from_us, until_us=6_000_000, resident=())
        for low, high, from_us in spans
    )
    played = recording(duration_us=6_000_000, areas=areas, snapshots=(snapshot(6_000_000),))

    tried = stats(simulate(played, ALL))

    assert 10 * 59 <= tried.tried_regions <= 40 * 59


def test_ranges_are_those_of_the_time_when_damon_starts() -> None:
    """And what came before is in them without waiting for an update."""
    late = MappedArea(start=at(40), end=at(60), from_us=400_000, until_us=1_100_000, resident=())
    program = [
        MappedArea(start=at(low), end=at(low + 4), from_us=0, until_us=1_100_000, resident=())
        for low in (0, 1000, 5000)
    ]
    played = recording(
        duration_us=1_100_000, areas=(*program, late), snapshots=(snapshot(1_100_000),)
    )

    tried = stats(simulate(played, ALL, start_after_us=500_000))

    assert tried.tried_bytes == 5 * (60 + 8) * PAGE


def test_with_fewer_than_two_gaps_nothing_is_watched_until_there_are_two() -> None:
    spans = ((0, 4, 0), (1000, 1004, 0), (5000, 5004, 300_000))
    areas = tuple(
        MappedArea(start=at(low), end=at(high), from_us=from_us, until_us=2_000_000, resident=())
        for low, high, from_us in spans
    )
    played = recording(duration_us=2_000_000, areas=areas, snapshots=(snapshot(2_000_000),))

    tried = stats(simulate(played, ALL)).tried_bytes

    # From the update at 1.0 s on: nine or ten passes over twelve pages.
    assert tried / PAGE in (9 * 12, 10 * 12)


def test_without_a_scheme_for_it_pages_need_no_marks() -> None:
    measured = simulate(hot(1.0), ALL, physical=True)

    assert stats(measured).tried_bytes % MACHINE.memory_bytes == 0  # all of the machine, each time


def test_paging_out_by_physical_addresses_takes_twice_the_age() -> None:
    """The first try spares and marks what no sample met; the second one takes it."""
    old = Scheme(action=Action.PAGEOUT, pattern=replace(COLD, age_us=Range(2_000_000)))
    machine = replace(MACHINE, memory_bytes=128 * MIB)
    cold_bytes = 32 * MIB

    virtual, physical = (
        simulate(hot(8.0, mib=16), old, machine=machine, physical=kind) for kind in (False, True)
    )

    once, twice = (first_drop_s(measured, cold_bytes // 2) for measured in (virtual, physical))
    assert once == pytest.approx(2.1, abs=0.4)
    assert (
        1.9 <= twice - once <= 2.8
    )  # pieces of different history meet, and are as old as their mean
    assert min(physical.series.rss_bytes) >= 16 * MIB


def test_what_is_hot_is_not_paged_out_by_physical_addresses_either() -> None:
    old = Scheme(action=Action.PAGEOUT, pattern=replace(COLD, age_us=Range(500_000)))
    machine = replace(MACHINE, memory_bytes=128 * MIB)

    measured = simulate(hot(6.0, mib=16), old, machine=machine, physical=True)

    assert measured.major_faults < 0.05 * measured.swap_out_bytes / PAGE


def test_a_filter_keeps_a_scheme_from_addresses() -> None:
    """The upper half of the machine's memory, in which all of the pattern lies."""
    machine = replace(MACHINE, memory_bytes=128 * MIB)
    upper = Filter(type=FilterType.ADDR, address_range=(64 * MIB, 128 * MIB))
    old = Scheme(action=Action.PAGEOUT, pattern=COLD, filters=(upper,))

    measured = simulate(hot(3.0), old, machine=machine, physical=True)

    assert measured.swap_out_bytes == 0
    assert stats(measured).tried_bytes > 0


def test_a_goal_of_pressure_holds_a_scheme_back_that_hurts() -> None:
    """Paging out all there is, hot or not: with next to no pressure wished for, or with all there is."""
    calm, rough = (
        simulate(
            hot(8.0, mib=4),
            Scheme(
                action=Action.PAGEOUT,
                quota=Quota(
                    reset_interval_us=100_000,
                    goals=(QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=target_us),),
                ),
            ),
        )
        for target_us in (1, 1_000_000)
    )

    assert 0 < calm.major_faults < 0.5 * rough.major_faults


@pytest.mark.parametrize("sample_us", [0.0, 3_000.0, 20_000.0])
def test_who_samples_takes_its_time_from_both_that_take_turns(sample_us: float) -> None:
    """What they leave of each 100 ms is halved: in its half the kdamond pages out all the time."""
    machine = replace(SHARED, sample_us=sample_us)

    measured = simulate(
        hot(5.0, mib=32), Scheme(action=Action.PAGEOUT, pattern=COLD), machine=machine
    )

    swapped = [size for size in measured.series.swap_bytes if 20 * MIB < size < 60 * MIB]
    a_sample = statistics.mean(after - before for before, after in pairwise(swapped)) / PAGE
    assert len(swapped) > 10
    assert a_sample == pytest.approx((100_000 - sample_us) / 2 / PAGEOUT_US, rel=0.02)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_so_much_of_each_fault_is_pressure(fraction: float) -> None:
    measured = simulate(
        hot(4.0, mib=4),
        Scheme(action=Action.PAGEOUT),
        machine=replace(MACHINE, stalled_fraction=fraction),
    )

    waited_us = fraction * measured.major_faults * MACHINE.fault_us
    assert measured.major_faults > 0
    assert measured.memory_pressure_some_s == pytest.approx(waited_us / 1e6)


def test_huge_pages_make_more_memory_look_accessed() -> None:
    """One page in 512 is touched, and each touch is one of 2 MiB."""
    small, huge = (
        simulate(hot(2.0, stride=512 * PAGE, mib=64), machine=replace(MACHINE, huge_pages=mode))
        for mode in ("never", "always")
    )

    assert small.wss_mean_bytes is not None
    assert huge.wss_mean_bytes is not None
    assert huge.wss_mean_bytes == pytest.approx(64 * MIB, rel=0.15)
    assert small.wss_mean_bytes < 0.5 * huge.wss_mean_bytes


def test_a_scheme_for_huge_pages_bloats_a_recording_at_eight_of_them_in_ten_seconds() -> None:
    """64 MiB are mapped, of which each 2 MiB have a page."""
    first, blocks = at(0), 32
    played = recording(
        duration_us=25_000_000,
        areas=(
            MappedArea(
                start=first,
                end=at(512 * blocks),
                from_us=0,
                until_us=25_000_000,
                resident=tuple((at(512 * n), at(512 * n + 1)) for n in range(blocks)),
            ),
            *(
                MappedArea(
                    start=at(page), end=at(page + 1), from_us=0, until_us=25_000_000, resident=()
                )
                for page in (10**6, 2 * 10**6)
            ),
        ),
        snapshots=(snapshot(25_000_000),),
    )
    scheme = Scheme(action=Action.HUGEPAGE, pattern=AccessPattern(size_bytes=Range(4 * MIB)))

    plain, advised = (simulate(played, *schemes) for schemes in ((), (scheme,)))

    assert set(plain.series.rss_bytes) == {blocks * PAGE}
    sizes = advised.series.rss_bytes
    grew = [n for n in range(1, len(sizes)) if sizes[n] != sizes[n - 1]]
    assert [sizes[n] - sizes[n - 1] for n in grew] == [8 * 511 * PAGE] * 2
    assert [advised.series.time_s[n] for n in grew] == pytest.approx([10.0, 20.0], abs=0.11)


def test_every_aggregation_in_between_windows_is_counted_once() -> None:
    """Sampling intervals so short that an aggregation takes several windows of ticks."""
    fine = Monitoring(intervals=Intervals(sampling_us=500, aggregation_us=100_000))

    measured = simulate(hot(1.0), Scheme(action=Action.STAT), monitoring=fine)

    assert measured.wss_mean_bytes is not None
    assert measured.wss_mean_bytes == pytest.approx(8 * MIB, rel=0.3)
    full = AccessPattern(access_rate=Range(1.0))
    always = simulate(hot(1.0), Scheme(action=Action.STAT, pattern=full), monitoring=fine)
    assert stats(always).tried_bytes > 0


def test_samples_are_taken_on_their_grid_whatever_the_kdamond_does() -> None:
    late = Scheme(action=Action.PAGEOUT, pattern=COLD)

    measured = simulate(hot(2.0), late, machine=replace(SHARED, pageout_us=700.0))

    times = measured.series.time_s
    assert all(b - a == pytest.approx(0.1) for a, b in pairwise(times))
    assert len(times) == int(measured.runtime_s * 10) + 1

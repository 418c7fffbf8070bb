from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.backends.base import Backend
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme, Watermarks
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import TABLE_BYTES, Access, Pattern, PatternRegion, Phase
from autotune.formats.masim import load
from tests.backends.contract import BASELINE, MONITORED, PAGEOUT, BackendContract
from tests.backends.simulator.played import ROOT, prcl, profile, simulator

MB = 1_000_000


class TestOnAServer(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return simulator()


class TestOnAMicroVM(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return simulator("micro-vm")


@pytest.fixture(scope="module")
def stairs() -> Pattern:
    return load(ROOT / "examples" / "stairs.cfg")


@pytest.fixture(scope="module")
def stairs_under_prcl(stairs: Pattern) -> Measurement:
    experiment = Experiment(workload=stairs, monitoring=Monitoring(), schemes=(prcl(3),))
    return simulator().run(experiment, seed=0)


def test_the_stairs_are_paged_out_as_in_the_talk(stairs_under_prcl: Measurement) -> None:
    series = stairs_under_prcl.series

    stepping = [
        rss for time, rss in zip(series.time_s, series.rss_bytes, strict=True) if time >= 15.0
    ]

    assert series.rss_bytes[0] > 100 * MB
    assert sum(stepping) / len(stepping) < 30 * MB


def test_the_working_set_of_the_stairs_is_one_step(stairs_under_prcl: Measurement) -> None:
    series = stairs_under_prcl.series

    stepping = [
        wss
        for time, wss in zip(series.time_s, series.wss_bytes, strict=True)
        if time >= 11.0 and wss is not None
    ]

    assert sum(stepping) / len(stepping) == pytest.approx(10 * MB, rel=0.1)


def test_a_higher_age_saves_less_and_slows_less(stairs: Pattern) -> None:
    experiment = Experiment(workload=stairs, monitoring=Monitoring())
    ages = (3, 12, 30)

    runs = [simulator().run(replace(experiment, schemes=(prcl(age),)), seed=0) for age in ages]

    held = [run.rss_mean_bytes + run.swap_pool_mean_bytes for run in runs]
    faults = [run.major_faults for run in runs]
    assert held == sorted(held)
    assert faults == sorted(faults, reverse=True)


def test_a_slow_machine_loses_more_by_the_same_scheme(stairs: Pattern) -> None:
    experiment = Experiment(workload=stairs, monitoring=Monitoring(), schemes=(prcl(3),))

    fast, slow = (simulator(name).run(experiment, seed=0) for name in ("server", "micro-vm"))

    assert slow.memory_pressure_some_s > 4 * fast.memory_pressure_some_s
    assert slow.kdamond_cpu > 4 * fast.kdamond_cpu


def test_memory_adds_up_at_every_sample(stairs_under_prcl: Measurement) -> None:
    series = stairs_under_prcl.series

    totals = {rss + swap for rss, swap in zip(series.rss_bytes, series.swap_bytes, strict=True)}

    assert totals == {series.rss_bytes[0]}
    assert series.rss_bytes[0] == pytest.approx(100 * MB + TABLE_BYTES, rel=1e-3)


def test_on_one_cpu_the_kdamond_takes_its_time_from_the_workload() -> None:
    measured = simulator("micro-vm").run(MONITORED, seed=1)

    kdamond_s = measured.kdamond_cpu * measured.runtime_s
    machine = profile("micro-vm")
    sampling_s = len(measured.series.time_s) * machine.sample_us / 1e6
    others_s = kdamond_s + sampling_s
    assert measured.workload_cpu_s + others_s == pytest.approx(measured.runtime_s)


def test_with_more_cpus_it_does_not() -> None:
    measured = simulator().run(MONITORED, seed=1)

    assert measured.workload_cpu_s == pytest.approx(measured.runtime_s)


def test_different_seeds_give_different_measurements() -> None:
    experiment = replace(MONITORED, schemes=(PAGEOUT,))

    assert simulator().run(experiment, seed=1) != simulator().run(experiment, seed=2)


def test_schemes_meet_the_same_workload() -> None:
    """The player's choices don't depend on what DAMON draws, as long as nothing faults."""
    plain, monitored = (simulator().run(run, seed=3) for run in (BASELINE, MONITORED))

    assert monitored.work_done == pytest.approx(plain.work_done, rel=0.01)


def test_damon_starts_when_it_is_told_to() -> None:
    late = replace(MONITORED, schemes=(PAGEOUT,), start_after_us=2_500_000)

    measured = simulator().run(late, seed=1)

    dropped = [
        time
        for time, rss in zip(measured.series.time_s, measured.series.rss_bytes, strict=True)
        if rss < measured.series.rss_bytes[0]
    ]
    assert 3.5 <= dropped[0] <= 3.9


def test_a_size_quota_slows_paging_out() -> None:
    quota = Quota(size_bytes=1 << 20, reset_interval_us=1_000_000)
    schemes = (prcl(2), prcl(2, quota=quota))  # older than the first window, which has no limit

    free, limited = (
        simulator().run(replace(MONITORED, schemes=(scheme,)), seed=1) for scheme in schemes
    )

    assert limited.swap_out_bytes <= 4 << 20 < free.swap_out_bytes


def test_watermarks_keep_a_scheme_off_while_memory_is_free() -> None:
    marks = Watermarks(interval_us=500_000, high=0.5, mid=0.4, low=0.2)

    measured = simulator().run(
        replace(MONITORED, schemes=(replace(PAGEOUT, watermarks=marks),)), seed=1
    )

    assert measured.swap_out_bytes == 0
    assert measured.kdamond_cpu == 0.0


def test_a_wait_far_beyond_the_timeout_ends_with_it() -> None:
    marks = Watermarks(interval_us=10**13, high=0.5, mid=0.4, low=0.2)
    scheme = replace(PAGEOUT, watermarks=marks)

    with pytest.raises(TrialError, match="had not ended after 1 s"):
        simulator().run(replace(MONITORED, schemes=(scheme,), timeout_us=1_000_000), seed=1)


def test_a_scheme_of_which_the_kernel_leaves_nothing_fails_as_a_trial() -> None:
    pattern = AccessPattern(access_rate=Range(0.01, 0.04))
    experiment = replace(MONITORED, schemes=(Scheme(action=Action.STAT, pattern=pattern),))

    with pytest.raises(TrialError, match="access_rate from 1% to 4% holds no whole number of"):
        simulator().run(experiment, seed=1)


def test_a_run_that_takes_too_long_fails_as_a_trial() -> None:
    with pytest.raises(TrialError, match=r"had not ended after 2 s: raise workload\.timeout"):
        simulator().run(replace(MONITORED, timeout_us=2_000_000), seed=1)


def test_long_sampling_intervals_end_with_a_jiffy() -> None:
    slow = Monitoring(intervals=Intervals(sampling_us=100_000, aggregation_us=1_000_000))
    pattern = Pattern(
        regions=(PatternRegion(name="a", size_bytes=4 << 20),),
        phases=(
            Phase(
                name="p",
                duration_us=10_000_000,
                accesses=(Access(region=0, random=False, stride_bytes=4096, weight=1),),
            ),
        ),
    )

    measured = simulator().run(Experiment(workload=pattern, monitoring=slow), seed=0)

    # 104 ms a tick: 9 aggregations end before 10 s do, where 100 ms would make it 10.
    changes = [
        time
        for time, wss in zip(measured.series.time_s, measured.series.wss_bytes, strict=True)
        if wss is not None
    ]
    assert changes[0] == pytest.approx(1.1, abs=0.05)


def test_a_pattern_does_less_in_its_time_instead() -> None:
    everything = Scheme(action=Action.PAGEOUT, apply_interval_us=500_000)

    calm, thrashing = (
        simulator("micro-vm").run(replace(MONITORED, schemes=schemes), seed=0)
        for schemes in ((), (everything,))
    )

    assert thrashing.runtime_s == pytest.approx(calm.runtime_s, rel=0.02)
    assert calm.work_done is not None
    assert thrashing.work_done is not None
    assert thrashing.work_done < 0.95 * calm.work_done


def test_swap_that_is_full_holds_a_scheme_back() -> None:
    machine = profile("server")
    small = replace(machine, swap_bytes=3 << 20)

    measured = Simulator(small).run(replace(MONITORED, schemes=(prcl(1),)), seed=0)

    assert max(measured.series.swap_bytes) == 3 << 20

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autotune import catalog
from autotune.backends.base import Backend
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.profile_files import load_machine
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
    Watermarks,
)
from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.damon.recording import RecordedProcess, Recording, shifted_area
from autotune.errors import InputError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import TABLE_BYTES, Access, Pattern, PatternRegion, Phase
from autotune.experiment.program import Program
from autotune.formats.masim import load
from tests.backends.contract import BASELINE, MONITORED, PAGEOUT, BackendContract
from tests.recordings import area, recording, snapshot

ROOT = Path(__file__).parents[3]
MB = 1_000_000


def profile(name: str) -> Machine:
    return load_machine(catalog.find(name, "machines", ROOT))


def simulator(name: str = "server") -> Simulator:
    return Simulator(profile(name))


def prcl(age_s: float, **fields: object) -> Scheme:
    pattern = AccessPattern(
        size_bytes=Range(4096),
        access_rate=Range(0.0, 0.0),
        age_us=Range(round(age_s * 1_000_000)),
    )
    return replace(Scheme(action=Action.PAGEOUT, pattern=pattern), **fields)  # type: ignore[arg-type]  # any of a scheme's


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


def with_quota(*goals: QuotaGoal) -> Scheme:
    return prcl(1, quota=Quota(goals=goals))


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (
            replace(MONITORED, schemes=(Scheme(action=Action.WILLNEED),)),
            "the simulator does not model action willneed, only pageout, stat, cold, hugepage, "
            "nohugepage, lru_prio and lru_deprio: measure this one on a real kernel",
        ),
        (
            replace(MONITORED, operations=OperationsSet.FVADDR),
            "the simulator does not model fvaddr: use vaddr",
        ),
        (
            replace(MONITORED, workload=recording(), operations=OperationsSet.PADDR),
            "a recording holds addresses of a process, not of the machine: use vaddr",
        ),
        (
            replace(MONITORED, workload=Program(command=("sleep", "1"))),
            "the simulator runs no programs: record one and give the recording, give a pattern, or "
            "use another backend",
        ),
        (
            replace(
                MONITORED,
                operations=OperationsSet.PADDR,
                schemes=(prcl(1, filters=(Filter(type=FilterType.MEMCG, memcg_path="/a"),)),),
            ),
            "the simulator does not model filter memcg: leave it out",
        ),
        (
            replace(
                MONITORED,
                schemes=(
                    prcl(
                        1,
                        filters=(
                            Filter(type=FilterType.ADDR, allow=True, address_range=(0, 4096)),
                        ),
                    ),
                ),
            ),
            "the simulator does not model filter addr with allow: leave it out",
        ),
        (
            replace(
                MONITORED,
                schemes=(
                    with_quota(
                        QuotaGoal(metric=GoalMetric.NODE_MEM_FREE_BP, target_value=1, nid=0)
                    ),
                ),
            ),
            "the simulator does not model quota goal node_mem_free_bp, as Linux 6.12 does not: "
            "leave it out",
        ),
    ],
    ids=["action", "fixed addresses", "recording", "program", "filter", "allow", "goal"],
)
def test_what_is_not_modelled_is_refused_in_a_sentence(
    experiment: Experiment, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        simulator().check(experiment)

    assert str(caught.value) == message


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


SCRIPT = """
import json
from autotune.backends.simulator.simulator import Simulator
from tests.backends.simulator.test_simulator import SEVERAL, small_machine
simulator = Simulator(small_machine())
print(json.dumps({name: simulator.run(SEVERAL[name], seed=5).to_dict() for name in SEVERAL}))
"""


def small_machine() -> Machine:
    """A micro-VM of which a pattern fills a good part, with huge pages."""
    machine = profile("micro-vm")
    return replace(machine, memory_bytes=32 << 20, huge_pages="madvise")


EVERYTHING = Experiment(
    workload=Pattern(
        regions=(
            PatternRegion(name="a", size_bytes=3 << 20),
            PatternRegion(name="b", size_bytes=2 << 20),
        ),
        phases=(
            Phase(
                name="a rests, and goes out a piece at a time",
                duration_us=1_200_000,
                accesses=(Access(region=1, random=False, stride_bytes=64, weight=1),),
            ),
            Phase(
                name="a comes back in any order",
                duration_us=300_000,
                accesses=(
                    Access(region=0, random=True, stride_bytes=1, weight=1),
                    Access(region=1, random=False, stride_bytes=8192, weight=1),
                ),
            ),
        ),
    ),
    monitoring=Monitoring(),
    schemes=(
        prcl(
            0.4,
            quota=Quota(time_us=50_000, size_bytes=1 << 20, reset_interval_us=100_000),
        ),
        Scheme(action=Action.STAT, apply_interval_us=30_000),
    ),
)
"""Sweeps, random accesses, faults of both, two schemes, a quota that cuts and resumes."""

HOT = Scheme(action=Action.HUGEPAGE, pattern=AccessPattern(access_rate=Range(0.5)))

RECORDED = Experiment(
    workload=recording(
        duration_us=1_500_000,
        areas=(
            *(area(page, page + 600, until_us=1_500_000) for page in (1_000, 10_000, 100_000)),
            area(2_000, 2_300, from_us=250_000, until_us=1_200_000),
        ),
        snapshots=tuple(
            snapshot(
                time_us,
                (1_000, 1_400, 20 if time_us < 700_000 else 0),
                (1_400, 2_200, 3),
                (10_000, 10_600, 0 if time_us < 1_000_000 else 15),
                (100_000, 100_600, 1),
            )
            for time_us in range(100_000, 1_600_000, 100_000)
        ),
    ),
    monitoring=Monitoring(intervals=Intervals(update_us=200_000)),
    schemes=(prcl(0.3), HOT),
)
"""Chances of all kinds, mappings that come and go, faults."""

SEVERAL = {
    "pattern": EVERYTHING,
    "physical": replace(
        EVERYTHING,
        operations=OperationsSet.PADDR,
        schemes=(prcl(0.1), replace(HOT, action=Action.LRU_PRIO)),
    ),
    "recording": RECORDED,
}
"""What both interpreters run."""


@pytest.mark.parametrize("name", SEVERAL)
def test_the_experiments_for_both_interpreters_reach_what_they_should(name: str) -> None:
    measured = Simulator(small_machine()).run(SEVERAL[name], seed=5)

    assert measured.major_faults > 100
    assert measured.scheme_stats is not None
    assert name != "pattern" or measured.scheme_stats.quota_exceeds > 0


def test_compiled_and_plain_python_give_the_same_figures() -> None:
    """The compiler is the only difference: the rules are read from the same lines."""
    plain = {**os.environ, "NUMBA_DISABLE_JIT": "1"}

    runs = [
        subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", SCRIPT],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        )
        for environment in (dict(os.environ), plain)
    ]

    compiled, interpreted = (json.loads(run.stdout) for run in runs)
    assert compiled == interpreted


def halves(seconds: int, **fields: object) -> Recording:
    """Two areas of 4 MiB, the first always accessed and the second never; and two small ones."""
    until_us = seconds * 1_000_000
    pages = (1_000, 2_024, 10_000, 100_000)
    return recording(
        duration_us=until_us,
        areas=tuple(
            area(page, page + size, until_us=until_us)
            for page, size in zip(pages, (1024, 1024, 1, 1), strict=True)
        ),
        snapshots=(snapshot(until_us, (1_000, 2_024, 20), (2_024, 3_048, 0)),),
        **fields,
    )


HALF = 1024 * 4096


def test_a_recording_without_a_scheme_is_as_large_and_as_busy_as_it_was() -> None:
    measured = simulator().run(Experiment(workload=halves(5), monitoring=Monitoring()), seed=0)

    assert set(measured.series.rss_bytes) == {2 * HALF + 2 * 4096}
    assert measured.wss_mean_bytes == pytest.approx(HALF, rel=0.1)
    assert measured.runtime_s == pytest.approx(5.0, rel=1e-3)
    assert measured.major_faults == 0


def twins(seconds: int, *, late_us: int = 0, shared: bool = False) -> Recording:
    """Two processes as `halves`, the second one from *late_us* on; its cold half may be the first's."""
    one = halves(seconds)
    [seen] = one.snapshots
    second = []
    for part in one.areas:
        moved_part = replace(shifted_area(part, 1), from_us=late_us)
        if shared and part.start == 2_024 * 4096:
            whole = ((moved_part.start, moved_part.end),)
            moved_part = replace(moved_part, shared=whole, repeated=whole)
        second.append(moved_part)
    moved = tuple(
        region._replace(start=region.start + PROCESS_BYTES, end=region.end + PROCESS_BYTES)
        for region in seen.regions
    )
    processes = tuple(
        RecordedProcess(name=name, from_us=from_us, until_us=one.duration_us)
        for name, from_us in (("first", 0), ("second", late_us))
    )
    return replace(
        one,
        areas=(*one.areas, *second),
        snapshots=(replace(seen, regions=(*seen.regions, *moved)),),
        processes=processes,
    )


def test_each_process_of_a_recording_is_watched() -> None:
    experiment = Experiment(workload=twins(5), monitoring=Monitoring(), schemes=(prcl(1),))

    measured = simulator().run(experiment, seed=0)

    assert measured.series.rss_bytes[0] == 2 * (2 * HALF + 2 * 4096)
    assert min(measured.series.rss_bytes) == pytest.approx(2 * HALF, rel=0.02)
    assert measured.wss_mean_bytes == pytest.approx(2 * HALF, rel=0.1)
    assert measured.watched is not None
    assert measured.watched.processes == 2
    assert measured.pss_mean_bytes == measured.rss_mean_bytes


def test_a_process_that_comes_later_is_watched_from_the_next_look_on() -> None:
    played = twins(8, late_us=2_500_000)
    experiment = Experiment(workload=played, monitoring=Monitoring(), schemes=(prcl(1),))

    measured = simulator().run(experiment, seed=0)

    rss = measured.series.rss_bytes
    assert rss[24] == pytest.approx(HALF, rel=0.02)
    assert rss[26] == pytest.approx(3 * HALF, rel=0.02)
    assert rss[-1] == pytest.approx(2 * HALF, rel=0.02)


def test_what_processes_share_counts_once_and_does_not_go_out() -> None:
    experiment = Experiment(
        workload=twins(5, shared=True), monitoring=Monitoring(), schemes=(prcl(1),)
    )

    measured = simulator().run(experiment, seed=0)

    rss, pss = measured.series.rss_bytes, measured.series.pss_bytes
    assert rss[-1] == pytest.approx(3 * HALF, rel=0.02)
    assert {all_of - once for all_of, once in zip(rss, pss, strict=True) if once} == {HALF}


def test_a_scheme_may_be_for_one_process_only() -> None:
    second = Filter(type=FilterType.TARGET, target_index=1, matching=False)
    scheme = replace(prcl(1), filters=(second,))
    experiment = Experiment(workload=twins(5), monitoring=Monitoring(), schemes=(scheme,))

    measured = simulator().run(experiment, seed=0)

    assert min(measured.series.rss_bytes) == pytest.approx(3 * HALF, rel=0.02)


def test_many_processes_have_room_for_their_regions() -> None:
    few = replace(Monitoring(), max_regions=40)
    experiment = Experiment(workload=twins(5), monitoring=few)

    measured = simulator().run(experiment, seed=0)

    assert measured.watched is not None
    assert (measured.watched.max_regions, measured.watched.max_regions_asked) == (80, 40)


def test_a_recording_says_how_much_cpu_time_and_what_work_it_was() -> None:
    played = halves(5, cpu_us=2_000_000, work_done=1234.0)

    measured = simulator().run(Experiment(workload=played), seed=0)

    assert measured.workload_cpu_s == pytest.approx(2.0)
    assert measured.work_done == 1234.0


def test_the_cold_half_of_a_recording_goes_out_and_stays_out() -> None:
    experiment = Experiment(workload=halves(5), monitoring=Monitoring(), schemes=(prcl(1),))

    measured = simulator().run(experiment, seed=0)

    assert min(measured.series.rss_bytes) == pytest.approx(HALF, rel=0.02)
    assert measured.major_faults < 50


def test_faults_make_a_recording_last_longer_for_it_does_all_of_its_work() -> None:
    """Everything goes out every second, and the hot half comes back each time."""
    everything = Scheme(action=Action.PAGEOUT, apply_interval_us=1_000_000)
    machine = profile("micro-vm")
    played = halves(5, work_done=7.0, compressed_fraction=machine.compressed_fraction)

    calm, thrashing = (
        simulator("micro-vm").run(
            Experiment(workload=played, monitoring=Monitoring(), schemes=schemes), seed=0
        )
        for schemes in ((), (everything,))
    )

    assert thrashing.major_faults >= 4 * 1024
    fault_s = thrashing.major_faults * machine.fault_us / 1e6
    assert thrashing.memory_pressure_some_s == pytest.approx(machine.stalled_fraction * fault_s)
    assert thrashing.runtime_s > calm.runtime_s + 0.9 * fault_s
    assert thrashing.workload_cpu_s == pytest.approx(calm.workload_cpu_s + fault_s, rel=0.02)
    assert thrashing.work_done == calm.work_done == 7.0


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


def test_seeds_decide_about_recordings_too_and_nothing_else_does() -> None:
    experiment = RECORDED

    runs = [simulator().run(experiment, seed=seed) for seed in (1, 1, 2)]

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_swap_that_is_full_holds_a_scheme_back() -> None:
    machine = profile("server")
    small = replace(machine, swap_bytes=3 << 20)

    measured = Simulator(small).run(replace(MONITORED, schemes=(prcl(1),)), seed=0)

    assert max(measured.series.swap_bytes) == 3 << 20


def test_what_does_not_fit_into_the_machine_is_refused() -> None:
    machine = replace(profile("server"), memory_bytes=8 << 20)

    with pytest.raises(InputError, match=r"^the pattern takes .*, and machine 'server' has 8"):
        Simulator(machine).check(MONITORED)
    with pytest.raises(InputError, match=r"^the recording takes .*, and machine 'server' has 8"):
        Simulator(machine).check(Experiment(workload=recording(areas=(area(0, 4_000),))))

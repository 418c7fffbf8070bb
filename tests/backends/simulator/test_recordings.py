from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest

from autotune.damon.damos import Action, Filter, FilterType, Scheme
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from tests.backends.simulator.played import HALF, halves, prcl, profile, simulator, twins
from tests.recordings import snapshot


def test_a_recording_without_a_scheme_is_as_large_and_as_busy_as_it_was() -> None:
    measured = simulator().run(Experiment(workload=halves(5), monitoring=Monitoring()), seed=0)

    assert set(measured.series.rss_bytes) == {2 * HALF + 2 * 4096}
    assert measured.wss_mean_bytes == pytest.approx(HALF, rel=0.1)
    assert measured.runtime_s == pytest.approx(5.0, rel=1e-3)
    assert measured.major_faults == 0


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


@pytest.mark.parametrize("lengths_ms", [(110,) * 20 + (200,) * 20, (125,) * 40])
def test_aggregations_take_as_long_as_they_did(lengths_ms: tuple[int, ...]) -> None:
    """An age is a number of aggregations, and a charge window is a time: how they meet decides much."""
    ends_us = [1_000 * end for end in accumulate(lengths_ms)]
    replayed = replace(
        halves(ends_us[-1] // 1_000_000, cpu_us=1_000),
        duration_us=ends_us[-1],
        snapshots=tuple(snapshot(end_us, (2_024, 3_048, 0)) for end_us in ends_us),
    )

    measured = simulator("micro-vm").run(
        Experiment(workload=replayed, monitoring=Monitoring()), seed=0
    )

    assert measured.conditions is not None
    assert measured.conditions.aggregations == pytest.approx(len(lengths_ms), abs=1)

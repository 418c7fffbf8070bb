from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.objective.comeback import comeback_faults, comeback_s
from autotune.testing import measurement, prcl

MIB = 1 << 20
PAGE = 4096
PAGES = 16 * MIB // PAGE


def access(*, share: int = 1, weight: int = 1) -> Access:
    """Sweeps over the first region; with *share*, only every so many pages."""
    return Access(region=0, random=False, stride_bytes=share * PAGE, weight=weight)


def pattern(*, share: int = 1, idle_s: float = 20.0, times: int = 1) -> Pattern:
    """Sweeps over 16 MiB, idles, and sweeps again; the last two *times* times."""
    idle = Phase(name="idle", duration_us=int(idle_s * 1e6), accesses=(access(weight=0),))
    back = Phase(name="back", duration_us=5_000_000, accesses=(access(share=share),))
    return Pattern(
        regions=(PatternRegion(name="a", size_bytes=16 * MIB),),
        phases=(
            Phase(name="first", duration_us=2_000_000, accesses=(access(),)),
            *(idle, back) * times,
        ),
    )


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(load_machine(catalog.find("server", "machines", Path())))


def pair(
    simulator: Simulator, played: Pattern, min_age_us: int
) -> tuple[Measurement, Measurement]:
    """A measurement of proactive reclamation, and its baseline."""
    experiment = Experiment(
        workload=played, monitoring=Monitoring(), schemes=(prcl(min_age_us=min_age_us),)
    )
    return simulator.run(experiment, seed=1), simulator.run(experiment.baseline(), seed=1)


@pytest.mark.parametrize("share", [1, 2, 8])
def test_all_that_was_paged_out_and_is_touched_comes_back_at_once(
    simulator: Simulator, share: int
) -> None:
    measured, baseline = pair(simulator, pattern(share=share), 3_000_000)

    faults = comeback_faults(measured, baseline)

    # All of the region goes out in 20 s. The header of 16 bytes takes a page more.
    assert measured.swap_out_bytes >= PAGES * PAGE
    assert faults == pytest.approx(PAGES / share, abs=2)
    assert faults == measured.major_faults - baseline.major_faults


def test_what_comes_back_costs_its_faults(simulator: Simulator) -> None:
    measured, baseline = pair(simulator, pattern(), 3_000_000)

    lost_s = comeback_s(measured, baseline)

    # The kernel counts a part of the time in faults as stalled: all of it is lost here.
    machine = load_machine(catalog.find("server", "machines", Path()))
    in_faults_s = measured.memory_pressure_some_s / machine.stalled_fraction
    assert lost_s == pytest.approx(in_faults_s, rel=0.05)
    assert 0.001 < lost_s < 1.0


def test_what_is_never_paged_out_costs_nothing(simulator: Simulator) -> None:
    measured, baseline = pair(simulator, pattern(), 60_000_000)

    assert comeback_faults(measured, baseline) == 0.0
    assert comeback_s(measured, baseline) == pytest.approx(0.0, abs=1e-3)


def test_the_worst_phase_counts(simulator: Simulator) -> None:
    played = pattern(times=2)
    short = replace(played.phases[1], duration_us=4_000_000)
    mixed = replace(played, phases=(*played.phases[:3], short, played.phases[4]))

    measured, baseline = pair(simulator, mixed, 8_000_000)

    # After 4 s nothing is old enough; after 20 s everything is.
    assert comeback_faults(measured, baseline) == pytest.approx(PAGES, abs=2)
    assert measured.major_faults == pytest.approx(PAGES, abs=2)


@pytest.mark.parametrize("idle_s", [0.0, 1.5])
def test_without_an_idle_phase_there_is_no_coming_back(
    simulator: Simulator, idle_s: float
) -> None:
    both = pair(simulator, pattern(idle_s=idle_s), 1_000_000)

    for metric in (comeback_faults, comeback_s):
        with pytest.raises(ValueError, match="is never idle for 2 s and then busy"):
            metric(*both)


def run(
    busy: Callable[[float], float],
    *,
    faults: Callable[[float], float] = lambda _: 0.0,
    end_s: float = 30.0,
    **fields: Any,
) -> Measurement:
    """A run of a program that uses so much of a CPU, and has so many faults a second, at each time."""
    time_s = tuple(step / 10 for step in range(round(end_s * 10)))
    cpu, came, cpu_s, count = [], [], 0.0, 0.0
    for at_s in time_s:
        cpu.append(cpu_s)
        came.append(round(count))
        cpu_s += 0.1 * busy(at_s + 0.05)
        count += 0.1 * faults(at_s + 0.05)
    samples = measurement(
        runtime_s=end_s, workload_cpu_s=cpu_s, major_faults=round(count), **fields
    )
    length = len(time_s)
    series = replace(
        samples.series,
        time_s=time_s,
        cpu_s=tuple(cpu),
        major_faults=tuple(came),
        **{
            name: (getattr(samples.series, name)[0],) * length
            for name in (
                "rss_bytes",
                "pss_bytes",
                "swap_bytes",
                "pool_bytes",
                "used_bytes",
                "wss_bytes",
            )
        },
    )
    return replace(samples, series=series)


def between(
    low: float, high: float, use: float = 1.0, idle: float = 0.01
) -> Callable[[float], float]:
    return lambda at_s: use if low <= at_s < high else idle


BASELINE = run(between(10.0, 15.0))
"""A server that waits for 10 s, serves for 5 s, and waits again."""


def test_work_that_takes_longer_after_idling_costs_that_time() -> None:
    measured = run(between(10.0, 16.2), faults=between(10.0, 11.0, 400.0, 0.0))

    assert comeback_s(measured, BASELINE) == pytest.approx(1.2, abs=0.02)
    assert comeback_faults(measured, BASELINE) == 400.0


def test_a_cost_too_short_for_samples_is_seen_in_cpu_time() -> None:
    baseline = run(between(10.0, 15.0, 0.5))
    measured = run(between(10.0, 15.0, 0.51), faults=between(10.0, 11.0, 400.0, 0.0))

    assert comeback_s(measured, baseline) == pytest.approx(0.05, abs=1e-6)


def test_a_wait_that_costs_no_cpu_time_counts_too() -> None:
    baseline = run(between(10.0, 12.0, 0.5))
    measured = run(between(10.0, 14.0, 0.25), faults=between(10.0, 11.0, 400.0, 0.0))

    assert comeback_s(measured, baseline) == pytest.approx(2.0, abs=0.01)


def test_faults_behind_the_first_second_are_not_those_of_waking() -> None:
    measured = run(between(10.0, 15.5), faults=between(10.5, 12.0, 100.0, 0.0))

    assert comeback_faults(measured, BASELINE) == 50.0


def test_faults_that_the_baseline_has_too_are_not_the_schemes() -> None:
    baseline = run(between(10.0, 15.0), faults=between(10.0, 15.0, 30.0, 0.0))
    measured = run(between(10.0, 15.5), faults=between(10.0, 11.0, 100.0, 0.0))

    assert comeback_faults(measured, baseline) == 70.0


def test_a_run_that_is_late_is_compared_phase_by_phase() -> None:
    """Serving twice takes a second longer each time, so that the second time begins a second later."""
    baseline = run(lambda at_s: 1.0 if 5.0 <= at_s < 8.0 or 12.0 <= at_s < 15.0 else 0.0)
    measured = run(
        lambda at_s: 1.0 if 5.0 <= at_s < 9.0 or 13.0 <= at_s < 16.5 else 0.0,
        faults=between(13.0, 14.0, 70.0, 0.0),
    )

    assert comeback_faults(measured, baseline) == 70.0
    assert comeback_s(measured, baseline) == pytest.approx(1.0, abs=0.02)


def test_a_phase_that_a_clock_ends_is_no_fixed_work() -> None:
    measured = run(between(10.0, 15.0, 0.999), faults=between(10.0, 11.0, 400.0, 0.0))

    with pytest.raises(ValueError, match="a clock seems to end"):
        comeback_s(measured, BASELINE)
    assert comeback_faults(measured, BASELINE) == 400.0


def test_runs_of_unequal_work_tell_no_time() -> None:
    baseline = run(between(10.0, 15.0), work_done=1000.0)
    measured = run(between(10.0, 15.5), work_done=980.0)

    with pytest.raises(ValueError, match="the work of a phase is not fixed"):
        comeback_s(measured, baseline)


def test_what_a_program_does_while_it_waits_is_no_work() -> None:
    """The housekeeping of a server, 3 % of a CPU, is idle beside its work; alone it is all there is."""
    busy = run(between(10.0, 15.0, 1.0, 0.03))
    steady = run(lambda _: 0.03)

    assert comeback_faults(busy, busy) == comeback_s(busy, busy) == 0.0
    with pytest.raises(ValueError, match="is never idle"):
        comeback_faults(steady, steady)


def test_a_run_that_does_not_wake_does_not_compare() -> None:
    with pytest.raises(
        ValueError, match=r"wakes 10\.0 s after its begin without DAMON, and not with it"
    ):
        comeback_faults(run(lambda _: 0.0), BASELINE)


def test_without_samples_of_cpu_time_nothing_is_known() -> None:
    bare = measurement()

    with pytest.raises(ValueError, match="was not recorded"):
        comeback_faults(bare, bare)
    with pytest.raises(ValueError, match="when the workload was idle was not recorded"):
        comeback_s(bare, bare)

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.monitoring import Monitoring
from autotune.evaluation.stand_in import (
    KernelStandIn,
    ages_off,
    dearer,
    other_workload,
    without_quotas,
)
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.testing import pattern, prcl

MACHINE = load_machine(catalog.find("micro-vm", "machines", Path()))
SIMULATOR = Simulator(MACHINE)
WORKLOAD = pattern(regions=3, size_bytes=8 << 20, duration_us=1_500_000)
QUOTA = {"size_bytes": 1 << 20}


def asked(min_age_us: int = 300_000, **quota: int) -> Experiment:
    return Experiment(
        workload=WORKLOAD,
        monitoring=Monitoring(),
        schemes=(prcl(min_age_us=min_age_us, **quota),),
    )


def test_a_true_stand_in_measures_as_the_simulator_does_and_counts_its_starts() -> None:
    stand_in = KernelStandIn(SIMULATOR)

    measured = [stand_in.run(asked(), seed=seed) for seed in (1, 2)]

    assert measured == [SIMULATOR.run(asked(), seed=seed) for seed in (1, 2)]
    assert (stand_in.name, stand_in.machine, stand_in.starts) == ("vm", "linux-6.12-250mips", 2)


def test_ages_that_are_off_are_the_ages_that_run() -> None:
    stand_in = KernelStandIn(SIMULATOR, ages_off(3.0))

    assert stand_in.run(asked(300_000), seed=1) == SIMULATOR.run(asked(900_000), seed=1)


def test_a_kernel_without_quotas_pages_out_more() -> None:
    stand_in = KernelStandIn(SIMULATOR, without_quotas)

    measured = stand_in.run(asked(**QUOTA), seed=1)

    assert measured == SIMULATOR.run(asked(), seed=1)
    assert measured.swap_out_bytes > SIMULATOR.run(asked(**QUOTA), seed=1).swap_out_bytes


def test_another_workload_runs_under_the_schemes_and_as_baseline() -> None:
    other = Pattern(
        regions=(PatternRegion(name="only", size_bytes=4 << 20),),
        phases=(
            Phase(
                name="on",
                duration_us=1_000_000,
                accesses=(Access(region=0, random=False, stride_bytes=4096, weight=1),),
            ),
        ),
    )
    stand_in = KernelStandIn(SIMULATOR, other_workload(other))

    for experiment in (asked(), asked().baseline()):
        instead = replace(experiment, workload=other)
        assert stand_in.run(experiment, seed=1) == SIMULATOR.run(instead, seed=1)


def test_where_the_kernel_is_dearer_monitoring_takes_so_much_more_cpu_time() -> None:
    twice = dearer(MACHINE, 2.0)
    monitored = replace(asked(), schemes=())

    cheap, dear = (
        Simulator(machine).run(monitored, seed=1).kdamond_cpu for machine in (MACHINE, twice)
    )

    assert twice.fault_us == pytest.approx(2.0 * MACHINE.fault_us)
    assert twice.random_access_ns == MACHINE.random_access_ns
    assert 1.5 < dear / cheap < 2.5

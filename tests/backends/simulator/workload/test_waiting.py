"""What DAMON takes of the only CPU, from recorded programs that wait and from those that never do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.backends.simulator.simulator import Simulator
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from tests.backends.simulator.scene import MACHINE
from tests.recordings import area, recording, snapshot

LENGTH_US = 5_000_000
ONE_CPU = replace(MACHINE, cpus=1, check_us=20, tick_us=50, disturbance_us=10, sample_us=0)


def measured(*, cpu_us: int, held_up_us: int = 0) -> Measurement:
    """Monitor a recording of 5 s on the one CPU."""
    played = recording(
        duration_us=LENGTH_US,
        snapshots=tuple(
            snapshot(end_us, (0, 500, 4)) for end_us in range(110_000, LENGTH_US + 1, 110_000)
        ),
        areas=(
            area(0, 500, 0, LENGTH_US),
            area(9000, 9001, 0, LENGTH_US),
            area(20_000, 20_001, 0, LENGTH_US),
        ),
        cpu_us=cpu_us,
        held_up_us=held_up_us,
    )
    experiment = Experiment(workload=played, monitoring=Monitoring(), schemes=())
    return Simulator(ONE_CPU).run(experiment, seed=0)


def test_a_program_that_waits_takes_as_long_as_it_did() -> None:
    found = measured(cpu_us=100_000)

    assert found.kdamond_cpu > 0.05
    assert found.runtime_s == pytest.approx(5.0, rel=0.01)
    assert found.workload_cpu_s == pytest.approx(0.1, rel=0.01)


def test_a_program_that_never_waits_is_held_up_for_all_that_damon_takes() -> None:
    found = measured(cpu_us=LENGTH_US)

    assert found.runtime_s == pytest.approx(5.0 + found.kdamond_cpu * found.runtime_s, rel=0.01)


def test_who_waits_for_a_client_that_was_held_up_is_held_up() -> None:
    found = measured(cpu_us=100_000, held_up_us=1_000_000)

    assert found.runtime_s == pytest.approx(4.0 + found.kdamond_cpu * found.runtime_s, rel=0.01)

"""The simulator is a second implementation of the kernel's rules: what is warned of happens there."""

from __future__ import annotations

from pathlib import Path

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import Scheme, SchemeStats
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from tests.lint.examples import MIB, PAGE

IDLE = Pattern(
    regions=(PatternRegion(name="a", size_bytes=32 * MIB),),
    phases=(
        Phase(
            name="idle",
            duration_us=8_000_000,
            accesses=(Access(region=0, random=False, stride_bytes=PAGE, weight=0),),
        ),
    ),
)


def simulated(*schemes: Scheme) -> SchemeStats:
    machine = load_machine(catalog.find("server", "machines", Path()))
    experiment = Experiment(workload=IDLE, monitoring=Monitoring(), schemes=schemes)
    stats = Simulator(machine).run(experiment, seed=1).scheme_stats
    assert stats is not None
    return stats

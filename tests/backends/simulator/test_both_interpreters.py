"""Compiled and interpreted, the simulator gives the same figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from tests.backends.simulator.played import ROOT, prcl, profile, simulator
from tests.recordings import area, recording, snapshot

SCRIPT = """
import json
from autotune.backends.simulator.simulator import Simulator
from tests.backends.simulator.test_both_interpreters import SEVERAL, small_machine
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


def test_seeds_decide_about_recordings_too_and_nothing_else_does() -> None:
    experiment = RECORDED

    runs = [simulator().run(experiment, seed=seed) for seed in (1, 1, 2)]

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]

"""How long a study waits for a trial that breaks a limit on the slowdown already."""

from __future__ import annotations

from autotune.experiment.measurement import Measurement
from autotune.experiment.patience import Patience
from autotune.experiment.program import Program
from autotune.objective.formulas import LEAST_CPU_S
from autotune.objective.metrics import SlowdownName
from autotune.objective.objective import Objectives
from autotune.workload_file.workload_file import WorkloadFile

BEYOND_ALL_NOISE = 0.10
"""How far above twice the limit a run is ended: on a host, figures differ by this from run to run."""


def patience(file: WorkloadFile, baseline: Measurement, slowdown: SlowdownName) -> Patience | None:
    """Say when a trial is clearly beyond the limit on its slowdown; None if it is to run to its end.

    Only a program with fixed work takes longer when it is slower: a pattern, and a program that a clock
    ends or that counts its work, ends in time anyway.

    Args:
        file: What is tuned, with the limits.
        baseline: What the workload takes without DAMON.
        slowdown: The formula for the slowdown on this backend.
    """
    workload = file.workload
    if not isinstance(workload, Program) or workload.work or workload.duration_us is not None:
        return None
    limit = _limit(file.objectives, slowdown)
    if limit is None or limit < 0.0 or baseline.workload_cpu_s < LEAST_CPU_S:
        return None
    of_cpu = slowdown == "own_cpu_slowdown"
    return Patience(
        of="cpu" if of_cpu else "time",
        baseline_s=baseline.workload_cpu_s if of_cpu else baseline.runtime_s,
        most=2.0 * limit + BEYOND_ALL_NOISE,
    )


def _limit(objectives: Objectives, slowdown: SlowdownName) -> float | None:
    """Give the bound on the slowdown, under whatever name; None if there is none."""
    bounds = [
        constraint.bound
        for constraint in objectives.constraints
        if constraint.upper and constraint.name in {"slowdown", slowdown}
    ]
    return min(bounds, default=None)

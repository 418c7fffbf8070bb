"""Whether a trial and its baseline share a unit of work. Without one, no slowdown has a meaning."""

from __future__ import annotations

from autotune.backends.base import Backend, TwoSpeedBackend
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.other_speed import REMEDY
from autotune.experiment.program import Program


def no_shared_work(
    backend: Backend, experiment: Experiment, baseline: Measurement, *, seed: int
) -> str | None:
    """Say why slowdowns of a workload mean nothing; None if they mean something, or it is not known.

    A program that counts its work, a pattern and a recording have a unit of work. Of another program
    the backend is asked for a baseline at another speed, if it has two speeds.

    Args:
        backend: What measured the baseline.
        experiment: The experiment of the baseline.
        baseline: The baseline.
        seed: The seed of the baseline.

    Raises:
        TrialError: If the workload fails at the other speed.
        BackendUnavailableError: If nothing can be measured any more.
    """
    workload = experiment.workload
    if not isinstance(workload, Program) or workload.work is not None:
        return None
    if workload.duration_us is not None:
        return f"a clock ends the measured part (workload.duration): {REMEDY}"
    if not isinstance(backend, TwoSpeedBackend):
        return None
    other = backend.at_other_speed(experiment, seed=seed, baseline=baseline)
    if other is None:
        return None
    works_before_s = None if workload.client else (workload.ready.delay_us or 0) / 1e6
    return other.no_shared_work(baseline, works_before_s=works_before_s)

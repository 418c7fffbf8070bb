"""Calibration: a machine profile, measured by a few small runs on the machine itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from autotune.backends.base import Backend
from autotune.backends.simulator.machine_costs import MEASURED, Machine
from autotune.calibration.equations import solve
from autotune.calibration.experiments import Plan, make_plan, write_data_files
from autotune.calibration.subject import Subject
from autotune.errors import InputError, RunError, TrialError, Where
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.interrupts import raise_if_interrupted, result_of

_DIGITS = 3
"""Significant digits of a cost in a profile: no run repeats better."""

_REPEATS_WHERE_IT_DRIFTS = 3


def calibrate(subject: Subject, note: Callable[[str], None]) -> Machine:
    """Measure what things cost on a machine.

    On a machine where two equal runs differ, everything is measured three times, and each cost is the
    median.

    Args:
        subject: The machine.
        note: Called with a message before each run.

    Raises:
        InputError: If the machine is too small.
        RunError: If a run failed, or the data file can't be written.
        BackendUnavailableError: If nothing can be measured on the machine.
    """
    repeats = _REPEATS_WHERE_IT_DRIFTS if subject.backend.drifts else 1
    with _data_folder(subject) as folder:
        plan = make_plan(subject.memory_bytes, write_data_files(folder))
        for backend, experiment in _runs(subject, plan).values():
            backend.check(experiment)
        solved = [_measure(subject, plan, seed, repeats, note) for seed in range(1, repeats + 1)]
    costs = {field: _rounded(median(found[field] for found in solved)) for field in MEASURED}
    return Machine(
        name=subject.name,
        cpus=subject.cpus,
        memory_bytes=subject.memory_bytes,
        swap_bytes=subject.swap_bytes,
        huge_pages=subject.huge_pages,
        jiffy_us=subject.jiffy_us,
        **costs,
    )


@contextlib.contextmanager
def _data_folder(subject: Subject) -> Iterator[Path]:
    if subject.data_folder is not None:
        yield subject.data_folder
        return
    with tempfile.TemporaryDirectory(prefix="damos-autotune-") as folder:
        Path(folder).chmod(0o755)  # the workload runs as the user who asked, not as root
        yield Path(folder)


def profile_file(subject: Subject, out: Path | None) -> Path:
    """Choose the file of a profile before measuring: *out*, else a file named after the machine.

    Raises:
        InputError: If *out* is None and the file exists, or if the file can't be made.
    """
    file = out or Path(f"{subject.name}.yaml")
    if out is None and file.exists():
        raise InputError(
            "is there already: give --out FILE to replace it, or another", Where(file)
        )
    if file.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
        raise InputError(
            "can't be written: name a file in a folder that can be written to", Where(file)
        )
    return file


def _rounded(cost: float) -> float:
    """Round to the digits that are worth writing down.

    >>> _rounded(66.4321), _rounded(0.81239)
    (66.4, 0.812)
    """
    return float(f"{cost:.{_DIGITS}g}")


def _runs(subject: Subject, plan: Plan) -> dict[str, tuple[Backend, Experiment]]:
    """Name all runs. Runs of one workload are in a row: a micro-VM is booted for each workload."""
    runs = {name: (subject.backend, experiment) for name, experiment in plan.experiments.items()}
    if subject.huge_backend is not None:
        runs["huge_random"] = (subject.huge_backend, plan.experiments["random"])
    return runs


def _measure(
    subject: Subject, plan: Plan, seed: int, repeats: int, note: Callable[[str], None]
) -> dict[str, float]:
    runs = _runs(subject, plan)

    def measure(number: int, name: str) -> Measurement:
        note(
            f"run {number + (seed - 1) * len(runs)} of {repeats * len(runs)}: "
            f"{name.replace('_', ' ')}"
        )
        backend, experiment = runs[name]
        try:
            return backend.run(experiment, seed=seed)
        except TrialError as error:
            raise RunError(f"calibration: run '{name}' failed: {error}") from error

    measured: dict[str, Measurement] = {}
    with _threads(subject, len(runs)) as pool:
        begun = [pool.submit(measure, *numbered) for numbered in enumerate(runs, start=1)]
        for name, future in zip(runs, begun, strict=True):
            measured[name] = result_of(future)
            raise_if_interrupted()
    measured.setdefault("huge_random", measured["random"])
    return solve(measured, plan, shares_cpu=subject.cpus == 1)


@contextlib.contextmanager
def _threads(subject: Subject, runs: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads that measure; an exception ends what they run.

    Runs are made side by side only where no figure depends on what else the machine does.
    """
    backends = [one for one in (subject.backend, subject.huge_backend) if one is not None]
    most = 1 if subject.backend.drifts else subject.backend.most_at_once or runs
    with ThreadPoolExecutor(min(most, os.cpu_count() or 1)) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for backend in backends:
                backend.stop()
            raise

"""Measuring a workload under schemes, several at a time, and keeping each measurement."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import NamedTuple

from autotune.backends.base import Backend
from autotune.damon.damos import Scheme
from autotune.errors import TrialError
from autotune.experiment.measurement import Measurement
from autotune.formats.scheme_export import scheme_text
from autotune.interrupts import raise_if_interrupted
from autotune.objective import metrics
from autotune.objective.figures import Figures, figures, mean
from autotune.run_folder.folder import MeasurementRecord, RunFolder
from autotune.workload_file.workload_file import Workload

Schemes = tuple[Scheme, ...]


class Measured(NamedTuple):
    """What was measured for one job.

    Attributes:
        measurements: One; two where the backend drifts and DAMON was on.
        baselines: As many, each measured next to its measurement; none where the backend does not
            drift, so that one baseline serves all.
    """

    measurements: tuple[Measurement, ...]
    baselines: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A measurement that was begun, or is to begin when a thread is free.

    Attributes:
        trial: Number of the trial; None for a baseline.
        schemes: None for a baseline.
        seed: Of the measurement.
        confirms: Whether the trial was measured before.
    """

    trial: int | None
    schemes: Schemes | None
    seed: int
    confirms: bool
    future: Future[Measured]

    @property
    def role(self) -> str:
        """What it is in `measurements.jsonl`."""
        if self.trial is None:
            return "baseline"
        return "confirmation" if self.confirms else "trial"


class Bench:
    """Threads that measure. The simulator computes without holding Python's lock, others wait.

    Used as a context manager, it drops after an exception what was not begun.

    Args:
        workload: What is measured.
        backend: Where.
        folder: Keeps the measurements.
        threads: At most so many at once; None is one a CPU, and no more than the workload's `parallel`.
    """

    def __init__(
        self,
        workload: Workload,
        backend: Backend,
        folder: RunFolder,
        threads: int | None = None,
    ) -> None:
        self._workload = workload
        self._backend = backend
        self._folder = folder
        self._dropped = False
        usable = threads or min(os.cpu_count() or 1, workload.parallel)
        usable = min(usable, backend.most_at_once or usable)
        self._pool = ThreadPoolExecutor(usable, thread_name_prefix="bench")

    def begin_baseline(self, seed: int) -> Job:
        """Begin to measure without DAMON."""
        return self._begin(None, None, seed, confirms=False)

    def begin(self, trial: int, schemes: Schemes, seed: int, *, confirms: bool = False) -> Job:
        """Begin to measure the schemes of a trial."""
        return self._begin(trial, schemes, seed, confirms=confirms)

    def _begin(
        self, trial: int | None, schemes: Schemes | None, seed: int, *, confirms: bool
    ) -> Job:
        future = self._pool.submit(self._measure, schemes, seed)
        return Job(trial=trial, schemes=schemes, seed=seed, confirms=confirms, future=future)

    def _measure(self, schemes: Schemes | None, seed: int) -> Measured:
        try:
            experiment = self._workload.experiment(schemes)
        except ValueError as error:
            raise TrialError(str(error)) from error
        run = partial(self._backend.run, seed=seed)
        if schemes is None or not self._backend.drifts:
            return Measured((run(experiment),))
        # A B B A: a drift that goes one way takes as much from one pair as it gives to the other.
        baseline = self._workload.experiment(None)
        first, *pair, last = run(baseline), run(experiment), run(experiment), run(baseline)
        return Measured(tuple(pair), (first, last))

    def finish(self, job: Job) -> Measured:
        """Wait for a job's measurements, and keep them.

        Raises:
            TrialError: If these schemes can't be measured.
            BackendUnavailableError: If nothing can.
            RunError: If it can't be kept.
            KeyboardInterrupt: If there was one, and it got lost.
        """
        measured = job.future.result()
        raise_if_interrupted()
        for baseline in measured.baselines:
            self._keep("baseline", None, job.seed, None, baseline)
        for measurement in measured.measurements:
            self._keep(job.role, job.trial, job.seed, job.schemes, measurement)
        return measured

    def _keep(
        self,
        role: str,
        trial: int | None,
        seed: int,
        schemes: Schemes | None,
        measurement: Measurement,
    ) -> None:
        self._folder.append(
            MeasurementRecord(
                role=role,
                trial=trial,
                seed=seed,
                scheme=scheme_text(schemes) if schemes else None,
                measurement=measurement,
            )
        )

    def finish_baseline(self, job: Job) -> Measurement:
        """Wait for a baseline, and keep it.

        Raises:
            TrialError: As `finish`, as are the others; or if nothing can be compared with it.
        """
        [baseline] = self.finish(job).measurements
        try:
            metrics.compute(baseline, baseline, slowdown=self._backend.slowdown_metric)
        except ValueError as error:
            raise TrialError(str(error)) from error
        return baseline

    def figures(self, measured: Measured, baseline: Measurement) -> Figures:
        """Give all figures of what was measured.

        Args:
            measured: Is compared with its own baselines if it has some.
            baseline: Else with this one.

        Raises:
            TrialError: If one can't be computed.
        """
        baselines = measured.baselines or (baseline,) * len(measured.measurements)
        pairs = zip(measured.measurements, baselines, strict=True)
        return mean([self._figures(*pair) for pair in pairs])

    def _figures(self, measurement: Measurement, baseline: Measurement) -> Figures:
        try:
            return figures(
                measurement,
                baseline,
                self._workload.objectives,
                slowdown=self._backend.slowdown_metric,
            )
        except ValueError as error:
            raise TrialError(str(error)) from error

    def off(self, *baselines: Measurement) -> Figures | None:
        """The figures without DAMON, averaged; None if an objective has no value there."""
        try:
            return mean([self._figures(one, one) for one in baselines]) if baselines else None
        except TrialError:
            return None

    def drop(self) -> None:
        """Drop what was not begun, and end what was; nobody hears of it."""
        self._dropped = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._backend.stop()

    def __enter__(self) -> Bench:
        """Be its own context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the threads."""
        if kind is not None:
            self.drop()
        self._pool.shutdown(wait=not self._dropped)

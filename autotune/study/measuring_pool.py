"""Measuring several schemes at a time, and telling of each measurement in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType

from autotune.backends.base import BackendOf
from autotune.backends.wrappers import Measured
from autotune.damon.damos import Scheme
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.patience import Patience
from autotune.interrupts import raise_if_interrupted, result_of
from autotune.objective.figures import Figures, figures, lacking, mean
from autotune.objective.objective import Objectives
from autotune.study.events import Listener, MeasurementMade, Role

Schemes = tuple[Scheme, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A measurement that was begun, or will begin when a thread is free.

    Attributes:
        role: What the measurement is for.
        trial: Number of the trial; None for a baseline.
        schemes: None for a baseline.
        seed: The seed of the measurement.
        series: Whether the measurement's samples are to be kept.
        future: Gives the result of the measurement.
    """

    role: Role
    trial: int | None
    schemes: Schemes | None
    seed: int
    series: bool
    future: Future[Measured]


class MeasuringPool:
    """Threads that measure. The simulator computes without holding Python's lock; other backends wait.

    Used as a context manager, the pool drops the jobs that were not begun when an exception ends it.

    Args:
        backend: Runs the measurements.
        experiment: Gives the run of the workload under schemes; for None it gives a baseline.
        objectives: The objectives whose figures are wanted.
        emit: Hears of each measurement, on the thread that waits for the measurement.
        threads: At most so many measurements run at once.
    """

    def __init__(
        self,
        backend: BackendOf[Measured],
        experiment: Callable[[Schemes | None], Experiment],
        objectives: Objectives,
        emit: Listener,
        threads: int,
    ) -> None:
        self._backend = backend
        self._experiment = experiment
        self._objectives = objectives
        self._emit = emit
        self._dropped = False
        self._offs: dict[int, tuple[Measurement, Figures]] = {}
        self.patience: Patience | None = None
        """When a trial is ended early; None lets every trial run to its end."""
        self.no_work: str | None = None
        """Why baselines and trials share no unit of work; None if they share one."""
        self._pool = ThreadPoolExecutor(threads)

    def begin_baseline(self, seed: int) -> Job:
        """Begin to measure without DAMON."""
        return self._begin(Role.BASELINE, None, None, seed)

    def begin(
        self,
        trial: int,
        schemes: Schemes,
        seed: int,
        *,
        confirms: bool = False,
        series: bool = True,
    ) -> Job:
        """Begin to measure a trial's schemes.

        Args:
            trial: Number of the trial.
            schemes: Its schemes.
            seed: The seed of the measurement.
            confirms: Whether the figures decide what is recommended.
            series: Whether the samples are to be kept, beside the figures.
        """
        role = Role.CONFIRMATION if confirms else Role.TRIAL
        return self._begin(role, trial, schemes, seed, series=series)

    def _begin(
        self,
        role: Role,
        trial: int | None,
        schemes: Schemes | None,
        seed: int,
        *,
        series: bool = True,
    ) -> Job:
        patience = self.patience if role is Role.TRIAL else None
        future = self._pool.submit(self._measure, schemes, seed, patience)
        return Job(
            role=role, trial=trial, schemes=schemes, seed=seed, series=series, future=future
        )

    def _measure(self, schemes: Schemes | None, seed: int, patience: Patience | None) -> Measured:
        try:
            experiment = replace(self._experiment(schemes), patience=patience)
        except ValueError as error:
            raise TrialError(str(error)) from error
        return self._backend.run(experiment, seed=seed)

    def finish(self, job: Job) -> Measured:
        """Wait for a job's measurements, and tell of them.

        Raises:
            EndedEarlyError: If a trial is slower than there is patience for.
            TrialError: If these schemes can't be measured.
            BackendUnavailableError: If nothing can be measured.
            KeyboardInterrupt: If an interrupt came, and Python lost its exception.
        """
        measured = result_of(job.future)
        raise_if_interrupted()
        for baseline in measured.baselines:
            self._tell(replace(job, role=Role.BASELINE, trial=None, schemes=None), baseline)
        for measurement in measured.measurements:
            self._tell(job, measurement)
        return measured

    def _tell(self, job: Job, measurement: Measurement) -> None:
        self._emit(
            MeasurementMade(
                role=job.role,
                trial=job.trial,
                seed=job.seed,
                schemes=job.schemes or (),
                backend=self._backend.name,
                measurement=measurement,
                series=job.series,
            )
        )

    def finish_baseline(self, job: Job) -> Measurement:
        """Wait for a baseline, and tell of it.

        Raises:
            TrialError: If the baseline can't be measured.
            BackendUnavailableError: If nothing can be measured.
            KeyboardInterrupt: If an interrupt came, and Python lost its exception.
        """
        [baseline] = self.finish(job).measurements
        return baseline

    def lacking(self, baseline: Measurement) -> str | None:
        """Say which figure is asked for and can't be had from *baseline*; None if all can."""
        return lacking(
            baseline,
            self._objectives,
            slowdown=self._backend.slowdown_metric,
            no_work=self.no_work,
        )

    def figures(self, measured: Measured, baseline: Measurement) -> Figures:
        """Give all figures of the measurements of one experiment.

        Args:
            measured: Compared with its own baselines if it has some.
            baseline: The baseline for measurements without baselines of their own.

        Raises:
            TrialError: If a figure can't be computed.
        """
        baselines = measured.baselines or (baseline,) * len(measured.measurements)
        pairs = zip(measured.measurements, baselines, strict=True)
        return mean([self._figures(*pair) for pair in pairs])

    def _figures(self, measurement: Measurement, baseline: Measurement) -> Figures:
        try:
            return figures(
                measurement,
                baseline,
                self._objectives,
                slowdown=self._backend.slowdown_metric,
                no_work=self.no_work,
            )
        except ValueError as error:
            raise TrialError(str(error)) from error

    def off(self, *baselines: Measurement) -> Figures | None:
        """The figures without DAMON, averaged; None if an objective has no value there."""
        try:
            return mean([self._off(one) for one in baselines]) if baselines else None
        except TrialError:
            return None

    def _off(self, baseline: Measurement) -> Figures:
        # The measurement is kept with its figures, so that no other gets its identity.
        if id(baseline) not in self._offs:
            self._offs[id(baseline)] = baseline, self._figures(baseline, baseline)
        return self._offs[id(baseline)][1]

    def drop(self) -> None:
        """Drop the jobs that were not begun, and end the jobs that were; nobody hears of these jobs."""
        self._dropped = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._backend.stop()

    def __enter__(self) -> MeasuringPool:
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


def usable_threads(parallel: int) -> int:
    """How many measurements this machine has CPUs for at once; at most *parallel*."""
    return min(os.cpu_count() or 1, parallel)

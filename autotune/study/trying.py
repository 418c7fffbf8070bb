"""Trying parameter sets: each becomes schemes, a measurement, and a trial, told in order.

Every search of a study goes through here, whatever it searches by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from autotune.damon.kernel_units import on_grid
from autotune.errors import EndedEarlyError, TrialError
from autotune.experiment.measurement import Measurement
from autotune.objective.doubts import files_in_swap, not_given_back, too_fast, unlike
from autotune.objective.figures import Figures
from autotune.objective.longer_time import waited
from autotune.objective.metrics import SlowdownName
from autotune.recommendation import front, inaction
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Confirmation
from autotune.recommendation.inaction import Reason
from autotune.space.fields import Value
from autotune.space.space import ParameterSet
from autotune.study.confirming import Confirmed
from autotune.study.events import BatchFinished, Listener, TrialAsked, TrialFinished
from autotune.study.measuring_pool import Job, MeasuringPool, Schemes
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import WorkloadFile


class Asked(Protocol):
    """A parameter set that shall be tried."""

    @property
    def number(self) -> int:
        """The number of the trial."""
        ...

    @property
    def parameters(self) -> ParameterSet:
        """Values by name, only of parameters that exist given these values."""
        ...


AnAsked = TypeVar("AnAsked", bound=Asked)


class Trying:
    """What a study tries, and what came of it so far.

    Args:
        file: What is tuned, and how.
        backend: The backend's name.
        pool: Measures.
        baseline: With the study's own seed.
        emit: Hears of every trial.
        slowdown: The metric that shows the slowdown (`autotune.backends.base.BackendOf`).
    """

    def __init__(
        self,
        file: WorkloadFile,
        backend: str,
        pool: MeasuringPool,
        baseline: Measurement,
        emit: Listener,
        *,
        slowdown: SlowdownName,
    ) -> None:
        self.file = file
        self.pool = pool
        self.baseline = baseline
        self.emit = emit
        self.trials: list[Trial] = []
        self.confirmed = Confirmed()
        self.finalists: list[Trial] | None = None
        self.beliefs: dict[int, Belief] | None = None
        """What a search believes of trials, by number; None if their runs alone tell."""
        self.notes: list[str] = []
        self.reasons: dict[int, tuple[Reason, ...]] = {}
        self._backend = backend
        self._baselines: dict[int, Measurement | None] = {}
        self._slowdown = slowdown
        self._schemes: dict[tuple[tuple[str, Value], ...], Schemes] = {}
        time_us = file.budget.time_us
        self._end_s = None if time_us is None else time.monotonic() + time_us / 1e6

    def out_of_time(self) -> bool:
        """Whether the time of the budget is used up."""
        return self._end_s is not None and time.monotonic() >= self._end_s

    def room(self, wanted: int) -> int:
        """How many of *wanted* parameter sets the budget allows now; 0 when it is used up."""
        if self.out_of_time():
            return 0
        limit = self.file.budget.trials
        return wanted if limit is None else min(wanted, limit - len(self.trials))

    def schemes(self, parameters: ParameterSet) -> Schemes:
        """Give the schemes of a parameter set as the kernel runs them.

        Raises:
            ValueError: If these values give no possible schemes.
        """
        key = tuple(parameters.items())
        if key not in self._schemes:
            wanted = self.file.search_space.schemes(parameters)
            intervals = self.file.monitoring.intervals
            self._schemes[key] = tuple(on_grid(scheme, intervals) for scheme in wanted)
        return self._schemes[key]

    def batch(
        self, asked: Sequence[AnAsked], *, series: bool = True
    ) -> Iterator[tuple[AnAsked, Trial]]:
        """Try parameter sets together; give each with its trial, in their order.

        Args:
            asked: What is tried.
            series: Whether the samples of each measurement are to be kept, beside its figures.
        """
        pending = [self._begin(one, series=series) for one in asked]
        for one, wait in zip(asked, pending, strict=True):
            trial = wait()
            self.trials.append(trial)
            yield one, trial
            self.emit(TrialFinished(trial=trial))
        self.emit(BatchFinished(trials=tuple(self.trials)))

    def again(
        self, wanted: Sequence[tuple[Trial, int]], *, confirms: bool, series: bool
    ) -> list[Figures | None]:
        """Measure trials again, each with a seed.

        Args:
            wanted: Trials, and the seed for each.
            confirms: Whether the figures decide what is recommended; they are kept in `confirmed` then.
            series: Whether the samples of each measurement are to be kept, beside its figures.

        Returns:
            The figures of each, in their order; None where a measurement or its baseline failed.
        """
        seeds = dict.fromkeys(seed for _, seed in wanted)
        baselines = {
            seed: self.pool.begin_baseline(seed) for seed in seeds if seed not in self._baselines
        }
        jobs = [
            self.pool.begin(trial.number, trial.schemes, seed, confirms=confirms, series=series)
            for trial, seed in wanted
        ]
        for seed, job in baselines.items():
            self._baselines[seed] = self._again_baseline(job)
        return [
            self._again(trial, job, confirms=confirms)
            for (trial, _), job in zip(wanted, jobs, strict=True)
        ]

    def _again_baseline(self, job: Job) -> Measurement | None:
        try:
            baseline = self.pool.finish_baseline(job)
            if lacks := self.pool.lacking(baseline):
                raise TrialError(lacks)
        except TrialError as error:
            self.confirmed.notes.append(
                f"The confirmations with seed {job.seed} don't count: their baseline failed: {error}"
            )
            return None
        return baseline

    def _again(self, trial: Trial, job: Job, *, confirms: bool) -> Figures | None:
        baseline = self._baselines[job.seed]
        failure, figures = None, None
        try:
            # A job is finished whatever came of its baseline: finishing tells of the measurement.
            measured = self.pool.finish(job)
            if baseline is not None:
                figures = self.pool.figures(measured, baseline)
        except TrialError as error:
            failure = f"the confirmation with seed {job.seed} failed: {error}"
        if confirms and baseline is not None:
            self.confirmed.baselines[job.seed] = baseline
            before = self.confirmed.confirmations.get(trial.number, Confirmation())
            several = (*before.figures, *(() if figures is None else (figures,)))
            failed = before.failure or failure
            self.confirmed.confirmations[trial.number] = (
                Confirmation(failure=failed) if failed else Confirmation(figures=several)
            )
        return figures

    def candidates(self) -> list[Trial]:
        """Give the trials that may be recommended.

        These are what a search has chosen to confirm. Without a choice, they are the trials that are
        non-dominated by their first figures within the constraints.
        """
        if self.finalists is not None:
            return self.finalists
        return front.candidates(self.trials, self.off(), self.file.objectives)

    def published(self) -> list[Trial]:
        """Give the measured trials of the parameter sets that the search space gives."""
        return front.published(self.trials, self.file.search_space.initial)

    def off(self) -> Figures | None:
        """The figures without DAMON, with the study's own seed; None if an objective has none."""
        return self.pool.off(self.baseline)

    def _begin(self, asked: Asked, *, series: bool) -> Callable[[], Trial]:
        """Begin to measure. The function that is returned waits for the trial."""
        schemes: Schemes = ()
        impossible: ValueError | None = None
        try:
            schemes = self.schemes(asked.parameters)
        except ValueError as error:
            impossible = error
        self.emit(TrialAsked(number=asked.number, parameters=asked.parameters, schemes=schemes))
        if impossible is not None:
            return partial(self._failed, asked, schemes, impossible)
        job = self.pool.begin(asked.number, schemes, self.file.seed, series=series)
        return partial(self._wait, asked, schemes, job)

    def _wait(self, asked: Asked, schemes: Schemes, job: Job) -> Trial:
        pool, baseline = self.pool, self.baseline
        try:
            measured = pool.finish(job)
        except EndedEarlyError as error:
            return self._censored(asked, schemes, error)
        except TrialError as error:
            return self._failed(asked, schemes, error)
        beside = measured.baselines or (baseline,) * len(measured.measurements)
        why = inaction.reasons(
            self.file.experiment(schemes),
            measured.measurements[0],
            baseline=beside[0],
            backend=self._backend,
        )
        self.reasons[asked.number] = why
        try:
            figures = pool.figures(measured, baseline)
        except TrialError as error:
            sentences = [str(error), inaction.sentence(why)]
            told = "; ".join(sentence for sentence in sentences if sentence)
            return self._failed(asked, schemes, TrialError(told))
        pairs = tuple(zip(measured.measurements, beside, strict=True))
        # Where a machine drifts, other programs change its figure; there, a trial has its own baselines.
        not_back = None if measured.baselines else not_given_back(figures, pairs)
        doubts = (
            too_fast(figures, pairs, schemes, slowdown=self._slowdown),
            unlike(pairs, schemes),
            files_in_swap(figures, pairs),
            not_back,
            waited(figures, pairs, slowdown=self._slowdown),
        )
        return Trial(
            number=asked.number,
            state=TrialState.COMPLETE,
            seed=job.seed,
            parameters=asked.parameters,
            schemes=schemes,
            figures=figures,
            reason=inaction.sentence(why),
            doubt="; ".join(doubt for doubt in doubts if doubt) or None,
        )

    def _censored(self, asked: Asked, schemes: Schemes, error: EndedEarlyError) -> Trial:
        at_least = {"slowdown": error.slowdown, self._slowdown: error.slowdown}
        limits = [
            str(limit).rsplit(" ", 1)[1]
            for limit in self.file.objectives.constraints
            if limit.upper and limit.name in at_least
        ]
        return Trial(
            number=asked.number,
            state=TrialState.CENSORED,
            seed=self.file.seed,
            parameters=asked.parameters,
            schemes=schemes,
            at_least=at_least,
            reason=f"{error}, {' and '.join(limits)} allowed",
        )

    def _failed(self, asked: Asked, schemes: Schemes, error: Exception) -> Trial:
        return Trial(
            number=asked.number,
            state=TrialState.FAILED,
            seed=self.file.seed,
            parameters=asked.parameters,
            schemes=schemes,
            reason=str(error),
        )

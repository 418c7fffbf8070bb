"""One study: a baseline, trials, confirmations, a recommendation.

Seeds: the baseline and all trials have the study's seed, so that they differ only by their schemes. Each
confirmation has a fresh seed, and is compared with a baseline of that seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from optuna.samplers import BaseSampler

from autotune.backends.base import Backend
from autotune.backends.wrappers import for_study
from autotune.damon.kernel_units import on_grid
from autotune.errors import BackendUnavailableError, InputError, RunError, TrialError, Where
from autotune.experiment.measurement import Measurement
from autotune.experiment.watched import Watched
from autotune.objective import metrics
from autotune.objective.doubts import (
    files_in_swap,
    not_given_back,
    swapped_unasked,
    too_fast,
    too_short,
    unlike,
)
from autotune.objective.longer_time import little_cpu, waited
from autotune.objective.served_together import served_together
from autotune.recommendation import front, inaction
from autotune.recommendation.inaction import Reason
from autotune.samplers import make_sampler
from autotune.study.confirming import Confirmed, confirm, confirmation_seeds
from autotune.study.events import (
    BaselineMeasured,
    BatchFinished,
    ConfirmationFinished,
    Ended,
    Event,
    Failed,
    Listener,
    MeasurementMade,
    Started,
    TrialAsked,
    TrialFinished,
)
from autotune.study.measuring_pool import Job, MeasuringPool, Schemes, usable_threads
from autotune.study.outcome import Outcome, RunState
from autotune.study.proposals import Proposal, Proposals
from autotune.study.shared_work import no_shared_work
from autotune.study.storage import Storage, in_memory
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import WorkloadFile


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study that can begin.

    Attributes:
        file: What is tuned, and how.
        backend: Runs the measurements.
        sampler: Makes the proposals.
    """

    file: WorkloadFile
    backend: Backend
    sampler: BaseSampler


def prepare(file: WorkloadFile, backend: Backend) -> Prepared:
    """See that a study can begin, without measuring anything; make its sampler.

    Raises:
        InputError: If the backend can't measure all schemes of the search space, or the sampler does not
            suit the search space.
        BackendUnavailableError: If nothing can be measured here.
    """
    space = file.search_space
    try:
        widest = tuple(template.widest() for template in space.templates)
        backend.check(file.experiment(widest))
        sampler = make_sampler(
            file.sampler,
            seed=file.seed,
            space=space,
            n_trials=file.budget.trials,
            n_objectives=len(file.objectives.objectives),
        )
    except ValueError as error:
        raise InputError(f"search space '{space.name}': {error}", Where(file.path)) from error
    except InputError as error:
        if error.where is not None:
            raise
        raise InputError(str(error), Where(file.path)) from error
    return Prepared(file, backend, sampler)


def run(
    prepared: Prepared,
    *,
    storage: AbstractContextManager[Storage] | None = None,
    listeners: Sequence[Listener] = (),
    threads: int | None = None,
) -> Outcome:
    """Tune.

    Ctrl-C, a `KeyboardInterrupt` on this thread, ends the study; its outcome has the finished trials.

    Args:
        prepared: What is tuned, where, and by which sampler.
        storage: Opens the storage of Optuna's study; None keeps the study in memory.
        listeners: Each hears every event, in the order of the listeners.
        threads: Measurements at a time; None is one a CPU, and at most the workload file's `parallel`.
            No result depends on it.

    Raises:
        InputError: If an objective or a constraint needs a figure that this workload can't have.
        RunError: If the baseline failed, the storage failed, or a listener could not do its part.
        BackendUnavailableError: If nothing can be measured any more. The listeners have then heard of
            an outcome with the finished trials.
    """
    this = _Run(prepared, listeners)
    try:
        outcome = this.go(storage or in_memory(), threads)
    except BaseException as error:
        this.emit(Failed(error=error, trials=tuple(this.trials)))
        raise
    if outcome.error is not None:
        raise outcome.error
    return outcome


class _Run:
    """A study under way."""

    def __init__(self, prepared: Prepared, listeners: Sequence[Listener]) -> None:
        self.file = prepared.file
        self.inner = prepared.backend
        self.backend = for_study(prepared.backend)
        self.sampler = prepared.sampler
        self.listeners = listeners
        self.seeds = confirmation_seeds(self.file.seed, self.file.confirmations)
        self.baseline: Measurement | None = None
        self.trials: list[Trial] = []
        self.confirmed = Confirmed()
        self.notes: list[str] = []
        self.least_watched: Watched | None = None
        self.reasons: dict[int, tuple[Reason, ...]] = {}

    def emit(self, event: Event) -> None:
        """Tell every listener."""
        if isinstance(event, MeasurementMade) and (watched := event.measurement.watched):
            known = (one for one in (self.least_watched, watched) if one is not None)
            self.least_watched = max(known, key=lambda one: one.unwatched_share)
        for hear in self.listeners:
            hear(event)

    def go(self, storage: AbstractContextManager[Storage], threads: int | None) -> Outcome:
        """Run from beginning to end."""
        file = self.file
        started = Started(
            file=file,
            backend=self.backend.name,
            machine=self.backend.machine,
            confirmation_seeds=self.seeds,
        )
        self.emit(started)
        with (
            storage as opened,
            MeasuringPool(
                self.backend,
                file.experiment,
                file.objectives,
                self.emit,
                threads or usable_threads(file.parallel),
            ) as pool,
        ):
            proposals = Proposals(
                file.name, file.search_space, file.objectives, self.sampler, opened
            )
            state, error = self._measure(pool, proposals)
            outcome = self._outcome(pool, state, error)
        self.emit(Ended(outcome=outcome))
        return outcome

    def _measure(
        self, pool: MeasuringPool, proposals: Proposals
    ) -> tuple[RunState, BackendUnavailableError | None]:
        """Measure everything, or as much as possible; say how far the run got, and what stopped it."""
        try:
            self.baseline = self._measure_baseline(pool)
            self._try_schemes(pool, proposals, self.baseline)
            self._confirm(pool)
        except KeyboardInterrupt:
            pool.drop()
            self.notes.append("The run was interrupted before its end.")
            return RunState.INTERRUPTED, None
        except BackendUnavailableError as error:
            pool.drop()
            self.notes.append(f"The run could not go on: {error}")
            return RunState.FAILED, error
        return RunState.COMPLETE, None

    def _measure_baseline(self, pool: MeasuringPool) -> Measurement:
        try:
            baseline = pool.finish_baseline(pool.begin_baseline(self.file.seed))
            pool.no_work = no_shared_work(
                self.inner, self.file.experiment(None), baseline, seed=self.file.seed
            )
        except TrialError as error:
            raise RunError(f"{self.file.path}: the baseline failed: {error}") from error
        self.emit(BaselineMeasured(measurement=baseline))
        by = self.backend.slowdown_metric
        doubts = (
            too_short(baseline, self.file.experiment(())),
            swapped_unasked(baseline),
            None if pool.no_work else little_cpu(baseline, slowdown=by),
            None if pool.no_work else served_together(self.file.workload, slowdown=by),
        )
        for doubt in doubts:
            if doubt:
                self.notes.append(f"{doubt[0].upper()}{doubt[1:]}.")
        if lacks := pool.lacking(baseline):
            raise InputError(lacks, Where(self.file.path))
        return baseline

    def _try_schemes(
        self, pool: MeasuringPool, proposals: Proposals, baseline: Measurement
    ) -> None:
        budget = self.file.budget
        proposals.enqueue(self.file.search_space.initial[: budget.trials])
        end_s = None if budget.time_us is None else time.monotonic() + budget.time_us / 1e6
        while (count := self._next_batch(end_s)) > 0:
            asked = proposals.ask(count)
            pending = [self._begin(pool, proposal, baseline) for proposal in asked]
            for proposal, wait in zip(asked, pending, strict=True):
                trial = wait()
                proposals.tell(proposal, trial)
                self.trials.append(trial)
                self.emit(TrialFinished(trial=trial))
            self.emit(BatchFinished(trials=tuple(self.trials)))

    def _next_batch(self, end_s: float | None) -> int:
        """Count the trials to propose together; 0 when the budget is used up."""
        if end_s is not None and time.monotonic() >= end_s:
            return 0
        limit = self.file.budget.trials
        parallel = self.file.parallel
        return parallel if limit is None else min(parallel, limit - len(self.trials))

    def _begin(
        self, pool: MeasuringPool, proposal: Proposal, baseline: Measurement
    ) -> Callable[[], Trial]:
        """Begin to measure a proposal. The function that is returned waits for the trial."""
        intervals = self.file.monitoring.intervals
        schemes: Schemes = ()
        impossible: ValueError | None = None
        try:
            wanted = self.file.search_space.schemes(proposal.parameters)
            schemes = tuple(on_grid(scheme, intervals) for scheme in wanted)
        except ValueError as error:
            impossible = error
        self.emit(
            TrialAsked(number=proposal.number, parameters=proposal.parameters, schemes=schemes)
        )
        if impossible is not None:
            return partial(self._failed, proposal, schemes, impossible)
        job = pool.begin(proposal.number, schemes, self.file.seed)
        return partial(self._wait, pool, proposal, schemes, job, baseline)

    def _wait(
        self,
        pool: MeasuringPool,
        proposal: Proposal,
        schemes: Schemes,
        job: Job,
        baseline: Measurement,
    ) -> Trial:
        try:
            measured = pool.finish(job)
        except TrialError as error:
            return self._failed(proposal, schemes, error)
        beside = measured.baselines or (baseline,) * len(measured.measurements)
        why = inaction.reasons(
            self.file.experiment(schemes),
            measured.measurements[0],
            baseline=beside[0],
            backend=self.backend.name,
        )
        self.reasons[proposal.number] = why
        try:
            figures = pool.figures(measured, baseline)
        except TrialError as error:
            sentences = [str(error), inaction.sentence(why)]
            told = "; ".join(sentence for sentence in sentences if sentence)
            return self._failed(proposal, schemes, TrialError(told))
        pairs = tuple(zip(measured.measurements, beside, strict=True))
        # Where a machine drifts, other programs change its figure; there, a trial has its own baselines.
        not_back = None if measured.baselines else not_given_back(figures, pairs)
        doubts = (
            too_fast(figures, pairs, schemes, slowdown=self.backend.slowdown_metric),
            unlike(pairs, schemes),
            files_in_swap(figures, pairs),
            not_back,
            waited(figures, pairs, slowdown=self.backend.slowdown_metric),
        )
        return Trial(
            number=proposal.number,
            state=TrialState.COMPLETE,
            seed=job.seed,
            parameters=proposal.parameters,
            schemes=schemes,
            figures=figures,
            reason=inaction.sentence(why),
            doubt="; ".join(doubt for doubt in doubts if doubt) or None,
        )

    def _failed(self, proposal: Proposal, schemes: Schemes, error: Exception) -> Trial:
        return Trial(
            number=proposal.number,
            state=TrialState.FAILED,
            seed=self.file.seed,
            parameters=proposal.parameters,
            schemes=schemes,
            reason=str(error),
        )

    def _candidates(self, pool: MeasuringPool) -> list[Trial]:
        off = pool.off(self.baseline) if self.baseline is not None else None
        return front.candidates(self.trials, off, self.file.objectives)

    def _published(self) -> list[Trial]:
        return front.published(self.trials, len(self.file.search_space.initial))

    def _confirm(self, pool: MeasuringPool) -> None:
        chosen = {t.number: t for t in (*self._candidates(pool), *self._published())}
        confirm(
            pool,
            [chosen[number] for number in sorted(chosen)],
            self.seeds,
            self.confirmed,
            lambda done, total: self.emit(ConfirmationFinished(done=done, total=total)),
        )

    def _watching_notes(self) -> tuple[str, ...]:
        """What of the workload DAMON did not watch in the measurement in which it missed most."""
        least = self.least_watched
        return () if least is None else least.notes(self.file.monitoring.intervals)

    def _outcome(
        self, pool: MeasuringPool, state: RunState, error: BackendUnavailableError | None
    ) -> Outcome:
        """Choose the front."""
        confirmed = self.confirmed
        if confirmed.confirmations:
            off = pool.off(*confirmed.baselines.values())
        else:
            off = pool.off(self.baseline) if self.baseline is not None else None
        published = self._published()
        recommendation = front.recommend(
            self._candidates(pool), published, confirmed.confirmations, off, self.file.objectives
        )
        missing = (
            {}
            if self.baseline is None
            else metrics.out_of_reach(
                self.baseline, slowdown=self.backend.slowdown_metric, no_work=pool.no_work
            )
        )
        return Outcome(
            state=state,
            error=error,
            baseline=self.baseline,
            trials=tuple(self.trials),
            published=tuple(published),
            recommendation=recommendation,
            missing=missing,
            notes=(
                *self.notes,
                *confirmed.notes,
                *metrics.sentences(metrics.notable(missing)),
                *self._watching_notes(),
            ),
            reason=inaction.shared(self.reasons),
        )

"""One study: a baseline, trials, confirmations, a recommendation.

Seeds: the baseline and all trials have the study's seed, so that they differ only by their schemes. Each
confirmation has a fresh seed, and is compared with a baseline of that seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from autotune.backends.base import Backend
from autotune.backends.wrappers import for_study
from autotune.errors import BackendUnavailableError, InputError, RunError, TrialError, Where
from autotune.experiment.measurement import Measurement
from autotune.experiment.watched import Watched
from autotune.objective import metrics
from autotune.objective.doubts import (
    swapped_unasked,
    too_short,
)
from autotune.objective.figures import Figures
from autotune.objective.longer_time import little_cpu
from autotune.objective.served_together import served_together
from autotune.recommendation import front, inaction
from autotune.recommendation.probability import beliefs
from autotune.recommendation.why import with_ends
from autotune.samplers import AUTO, make_sampler
from autotune.space.space import ParameterSet
from autotune.study.asking import SamplerSearch
from autotune.study.confirming import Confirmed, confirmation_seeds
from autotune.study.correcting import CorrectingSearch
from autotune.study.events import (
    BaselineMeasured,
    Ended,
    Event,
    Failed,
    Listener,
    MeasurementMade,
    Started,
)
from autotune.study.giving_up import patience
from autotune.study.measuring_pool import MeasuringPool, usable_threads
from autotune.study.outcome import Outcome, RunState
from autotune.study.search import Search
from autotune.study.searching import SimulatorSearch
from autotune.study.shared_work import no_shared_work
from autotune.study.storage import Storage, in_memory
from autotune.study.trying import Trying
from autotune.trial import Trial
from autotune.workload_file.workload_file import WorkloadFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What cheaper backends did before a study.

    Attributes:
        first: Parameter sets that the study tries first, after those of its search space.
        notes: Sentences about what was done.
        starts: How often the workload was started for it.
    """

    first: tuple[ParameterSet, ...] = ()
    notes: tuple[str, ...] = ()
    starts: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study that can begin.

    Attributes:
        file: What is tuned, and how.
        backend: Runs the measurements.
        search: Finds schemes.
        earlier: What was done before.
    """

    file: WorkloadFile
    backend: Backend
    search: Search
    earlier: Earlier = Earlier()


def prepare(file: WorkloadFile, backend: Backend, earlier: Earlier | None = None) -> Prepared:
    """See that a study can begin, without measuring anything; make its sampler.

    Args:
        file: What is tuned, and how.
        backend: Runs the measurements.
        earlier: What was done before.

    Raises:
        InputError: If the backend can't measure all schemes of the search space, or the sampler does not
            suit the search space.
        BackendUnavailableError: If nothing can be measured here.
    """
    space, before = file.search_space, earlier or Earlier()
    try:
        widest = tuple(template.widest() for template in space.templates)
        backend.check(file.experiment(widest))
        search = _search(file, backend, before.first)
    except ValueError as error:
        raise InputError(f"search space '{space.name}': {error}", Where(file.path)) from error
    except InputError as error:
        if error.where is not None:
            raise
        raise InputError(str(error), Where(file.path)) from error
    return Prepared(file, backend, search, before)


def _search(file: WorkloadFile, backend: Backend, first: Sequence[ParameterSet]) -> Search:
    if file.sampler == AUTO:
        if backend.name == "simulator":
            return SimulatorSearch(seed=file.seed)
        return CorrectingSearch(backend, seed=file.seed, first=first)
    sampler = make_sampler(
        file.sampler,
        seed=file.seed,
        space=file.search_space,
        n_trials=file.budget.trials,
        n_objectives=len(file.objectives.objectives),
    )
    return SamplerSearch(sampler, tuple(first))


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
        prepared: What is tuned, where, and how it is searched.
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
        # On several threads, sums of the models' algebra differ by how many there are.
        with threadpool_limits(limits=1, user_api="blas"):
            outcome = this.go(storage or in_memory(), threads)
    except BaseException as error:
        this.emit(Failed(error=error, trials=this.trials))
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
        self.search = prepared.search
        self.listeners = listeners
        self.trying: Trying | None = None
        self.notes: list[str] = [*prepared.earlier.notes]
        self.least_watched: Watched | None = None
        self.starts_before = prepared.backend.starts - prepared.earlier.starts

    @property
    def starts(self) -> int:
        """How often the workload was started for this study."""
        return self.inner.starts - self.starts_before

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The finished trials."""
        return () if self.trying is None else tuple(self.trying.trials)

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
            confirmation_seeds=confirmation_seeds(file.seed, file.confirmations),
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
            state, error = self._measure(pool, opened)
            outcome = self._outcome(pool, state, error)
        self.emit(Ended(outcome=outcome))
        return outcome

    def _measure(
        self, pool: MeasuringPool, storage: Storage
    ) -> tuple[RunState, BackendUnavailableError | None]:
        """Measure everything, or as much as possible; say how far the run got, and what stopped it."""
        try:
            self.trying = Trying(
                self.file,
                self.backend.name,
                pool,
                self._measure_baseline(pool),
                self.emit,
                slowdown=self.backend.slowdown_metric,
            )
            self.search.go(self.trying, storage)
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
        if pool.no_work is None:
            pool.patience = patience(self.file, baseline, by)
        return baseline

    def _watching_notes(self) -> tuple[str, ...]:
        """What of the workload DAMON did not watch in the measurement in which it missed most."""
        least = self.least_watched
        return () if least is None else least.notes(self.file.monitoring.intervals)

    def _outcome(
        self, pool: MeasuringPool, state: RunState, error: BackendUnavailableError | None
    ) -> Outcome:
        """Choose the front."""
        trying, objectives = self.trying, self.file.objectives
        if trying is None:
            return Outcome(
                state=state,
                error=error,
                baseline=None,
                trials=(),
                published=(),
                recommendation=front.recommend((), (), {}, None, objectives),
                starts=self.starts,
                notes=(*self.notes, *self._watching_notes()),
            )
        confirmed, published = trying.confirmed, trying.published()
        off = trying.off()
        if confirmed.confirmations:
            off = pool.off(*confirmed.baselines.values())
        missing = metrics.out_of_reach(
            trying.baseline, slowdown=self.backend.slowdown_metric, no_work=pool.no_work
        )
        return Outcome(
            state=state,
            error=error,
            baseline=trying.baseline,
            trials=tuple(trying.trials),
            published=tuple(published),
            recommendation=with_ends(
                front.recommend(
                    trying.candidates(),
                    published,
                    confirmed.confirmations,
                    off,
                    objectives,
                    beliefs(_runs(trying.candidates(), confirmed), objectives)
                    if trying.beliefs is None
                    else trying.beliefs,
                    most=self.file.recommend,
                ),
                trying.trials,
                self.file.search_space,
                objectives,
                aggregation_us=self.file.monitoring.intervals.aggregation_us,
            ),
            missing=missing,
            starts=self.starts,
            notes=(
                *self.notes,
                *trying.notes,
                *confirmed.notes,
                *metrics.sentences(metrics.notable(missing)),
                *self._watching_notes(),
            ),
            reason=inaction.shared(trying.reasons),
        )


def _runs(candidates: Sequence[Trial], confirmed: Confirmed) -> dict[int, Sequence[Figures]]:
    """Give the runs by which schemes are judged, by the number of the trial.

    These are confirmations, with seeds that are new to the search; where there are none, first figures.
    """
    again: dict[int, Sequence[Figures]] = {
        number: one.figures for number, one in confirmed.confirmations.items()
    }
    return again or {trial.number: (trial.figures,) for trial in candidates}

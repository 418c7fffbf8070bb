"""One run: a baseline, trials, confirmations, a recommendation.

Which seeds: the baseline and all trials have the run's seed, so that they differ by their schemes and
nothing else. Each confirmation has a fresh one, and is compared with a baseline that has the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from optuna.samplers import BaseSampler

from autotune.backends.base import Backend
from autotune.damon.kernel_units import on_grid
from autotune.errors import BackendUnavailableError, InputError, RunError, TrialError, Where
from autotune.experiment.measurement import Measurement
from autotune.formats.scheme_export import scheme_files
from autotune.recommendation import front as recommendation
from autotune.recommendation.front import Recommendation
from autotune.recommendation.importance import importances
from autotune.run_folder import tables
from autotune.run_folder.copies import kept_files
from autotune.run_folder.folder import (
    FRONT_FILE,
    RUN_FILE,
    SCHEMES_FOLDER,
    SUMMARY_FILE,
    TRIALS_FILE,
    RunFolder,
)
from autotune.run_folder.run_json import RunRecord, RunState, now, start_record
from autotune.run_folder.summary import Findings, summary
from autotune.samplers import make_sampler
from autotune.study.bench import Bench, Job, Schemes
from autotune.study.confirming import Confirmed, confirm, confirmation_seeds
from autotune.study.events import Observer, Silent
from autotune.study.proposals import Proposal, Proposals, open_proposals
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to.

    Attributes:
        out: The run folder.
        state: Whether it got to its end.
        trials: In the order of their numbers.
        recommendation: The front, and why candidates are not on it.
        rows: The rows of `front.csv`.
    """

    out: Path
    state: RunState
    trials: tuple[Trial, ...]
    recommendation: Recommendation
    rows: tuple[tables.Row, ...]

    @property
    def failed(self) -> int:
        """How many trials failed."""
        return sum(trial.state is TrialState.FAILED for trial in self.trials)

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "out": str(self.out),
            "trials": len(self.trials),
            "failed": self.failed,
            "hypervolume": self.recommendation.hypervolume,
            "front": list(self.rows),
        }


def prepare(workload: Workload, backend: Backend) -> BaseSampler:
    """See that a run can begin, without measuring anything; make its sampler.

    Raises:
        InputError: If the backend can't measure what the search space may propose, or the sampler is
            none for it.
        BackendUnavailableError: If nothing can be measured here.
    """
    space = workload.search_space
    try:
        widest = tuple(template.widest() for template in space.templates)
        backend.check(workload.experiment(widest))
        return make_sampler(
            workload.sampler,
            seed=workload.seed,
            space=space,
            n_trials=workload.budget.trials,
            n_objectives=len(workload.objectives.objectives),
        )
    except ValueError as error:
        raise InputError(f"search space '{space.name}': {error}", Where(workload.path)) from error
    except InputError as error:
        if error.where is not None:
            raise
        raise InputError(str(error), Where(workload.path)) from error


def run(
    workload: Workload,
    backend: Backend,
    out: Path,
    *,
    observer: Observer | None = None,
    threads: int | None = None,
) -> Outcome:
    """Tune *workload* and write all that comes of it to the folder *out*.

    A Ctrl-C, which is a `KeyboardInterrupt` on this thread, ends it with what is finished.

    Args:
        workload: What is tuned, and how.
        backend: Where it is measured.
        out: Absent or empty.
        observer: Hears of everything.
        threads: Measurements at a time, as `Bench` takes it; no result depends on it.

    Raises:
        InputError: If the workload or the folder won't do; nothing was written then.
        RunError: If the baseline failed or the folder can't be written; what was finished is there.
        BackendUnavailableError: If nothing can be measured any more; what was finished is there,
            with a front of what is known.
    """
    sampler = prepare(workload, backend)
    folder = RunFolder.create(out)
    this = _Run(workload, backend, folder, observer or Silent())
    try:
        with (
            open_proposals(workload, sampler, folder) as proposals,
            Bench(workload, backend, folder, threads) as bench,
        ):
            return this.go(bench, proposals)
    except BaseException as error:
        this.give_up(error)
        raise


class _Run:
    """A run under way."""

    def __init__(
        self, workload: Workload, backend: Backend, folder: RunFolder, observer: Observer
    ) -> None:
        self.workload = workload
        self.folder = folder
        self.observer = observer
        seeds = confirmation_seeds(workload.seed, workload.confirmations)
        self.record: RunRecord = start_record(workload, backend, seeds)
        self.baseline: Measurement | None = None
        self.trials: list[Trial] = []
        self.confirmed = Confirmed()
        self.notes: list[str] = []

    def go(self, bench: Bench, proposals: Proposals) -> Outcome:
        """Run from beginning to end."""
        for name, text in kept_files(self.workload).items():
            self.folder.write(name, text)
        self.folder.write_json(RUN_FILE, self.record.to_dict())
        self.observer.started(self.workload, self.folder.path)
        state, unavailable = RunState.COMPLETE, None
        try:
            self.baseline = self._measure_baseline(bench)
            self._try_schemes(bench, proposals, self.baseline)
            self._confirm(bench)
        except KeyboardInterrupt:
            bench.drop()
            state = RunState.INTERRUPTED
            self.notes.append("The run was interrupted before its end.")
        except BackendUnavailableError as error:
            bench.drop()
            state, unavailable = RunState.FAILED, error
            self.notes.append(f"The run could not go on: {error}")
        outcome = self._finish(bench, state, unavailable)
        if unavailable is not None:
            raise unavailable
        return outcome

    def give_up(self, error: BaseException) -> None:
        """Say in `run.json` that the run failed, if it does not say how it ended already."""
        if self.record.state is not RunState.RUNNING:
            return
        try:
            self._close(RunState.FAILED, error, hypervolume=None)
        except RunError:
            # Most likely this is why the run failed; the first error is the one to show.
            return

    def _measure_baseline(self, bench: Bench) -> Measurement:
        try:
            baseline = bench.finish_baseline(bench.begin_baseline(self.workload.seed))
        except TrialError as error:
            raise RunError(f"{self.workload.path}: the baseline failed: {error}") from error
        self.observer.baseline_measured(baseline)
        return baseline

    def _try_schemes(self, bench: Bench, proposals: Proposals, baseline: Measurement) -> None:
        budget = self.workload.budget
        proposals.enqueue(self.workload.search_space.initial[: budget.trials])
        end_s = None if budget.time_us is None else time.monotonic() + budget.time_us / 1e6
        while (count := self._next_batch(end_s)) > 0:
            asked = proposals.ask(count)
            pending = [self._begin(bench, proposal, baseline) for proposal in asked]
            for proposal, wait in zip(asked, pending, strict=True):
                trial = wait()
                proposals.tell(proposal, trial)
                self.trials.append(trial)
                self.observer.trial_finished(trial)
            self._write_trials({})

    def _next_batch(self, end_s: float | None) -> int:
        """How many trials to propose together; 0 when the budget is used up."""
        if end_s is not None and time.monotonic() >= end_s:
            return 0
        limit = self.workload.budget.trials
        parallel = self.workload.parallel
        return parallel if limit is None else min(parallel, limit - len(self.trials))

    def _begin(
        self, bench: Bench, proposal: Proposal, baseline: Measurement
    ) -> Callable[[], Trial]:
        """Begin to measure a proposal; what is returned waits for the trial."""
        intervals = self.workload.monitoring.intervals
        try:
            wanted = self.workload.search_space.schemes(proposal.parameters)
            schemes = tuple(on_grid(scheme, intervals) for scheme in wanted)
        except ValueError as error:
            return partial(self._failed, proposal, (), error)
        job = bench.begin(proposal.number, schemes, self.workload.seed)
        return partial(self._wait, bench, proposal, schemes, job, baseline)

    def _wait(
        self,
        bench: Bench,
        proposal: Proposal,
        schemes: Schemes,
        job: Job,
        baseline: Measurement,
    ) -> Trial:
        try:
            figures = bench.figures(bench.finish(job), baseline)
        except TrialError as error:
            return self._failed(proposal, schemes, error)
        return Trial(
            number=proposal.number,
            state=TrialState.COMPLETE,
            seed=job.seed,
            parameters=proposal.parameters,
            schemes=schemes,
            figures=figures,
        )

    def _failed(self, proposal: Proposal, schemes: Schemes, error: Exception) -> Trial:
        return Trial(
            number=proposal.number,
            state=TrialState.FAILED,
            seed=self.workload.seed,
            parameters=proposal.parameters,
            schemes=schemes,
            reason=str(error),
        )

    def _candidates(self, bench: Bench) -> list[Trial]:
        off = bench.off(self.baseline) if self.baseline is not None else None
        return recommendation.candidates(self.trials, off, self.workload.objectives)

    def _published(self) -> list[Trial]:
        return recommendation.published(self.trials, len(self.workload.search_space.initial))

    def _confirm(self, bench: Bench) -> None:
        chosen = {t.number: t for t in (*self._candidates(bench), *self._published())}
        confirm(
            bench,
            [chosen[number] for number in sorted(chosen)],
            self.record.confirmation_seeds,
            self.confirmed,
            self.observer.confirmation_finished,
        )

    def _finish(self, bench: Bench, state: RunState, error: Exception | None) -> Outcome:
        """Choose the front and write what a run ends with."""
        workload, objectives = self.workload, self.workload.objectives
        confirmed = self.confirmed
        if confirmed.confirmations:
            off = bench.off(*confirmed.baselines.values())
        else:
            off = bench.off(self.baseline) if self.baseline is not None else None
        chosen = recommendation.recommend(
            self._candidates(bench), self._published(), confirmed.confirmations, off, objectives
        )
        rows = tables.front_rows(chosen.front, objectives)
        self._write_trials(chosen.thrown_out)
        header = tables.front_columns(objectives)
        self.folder.write(FRONT_FILE, tables.to_csv(header, rows))
        for option in chosen.front:
            texts, reasons = scheme_files(
                option.trial.schemes, workload.monitoring, workload.operations
            )
            for suffix, text in texts.items():
                self.folder.write(f"{SCHEMES_FOLDER}/{option.trial.id}{suffix}", text)
            self.notes += [
                f"There is no {option.trial.id}{suffix}: {reason}"
                for suffix, reason in reasons.items()
            ]
        findings = Findings(
            workload=workload,
            backend=self.record.backend,
            machine=self.record.machine,
            baseline=self.baseline,
            trials=self.trials,
            published=self._published(),
            recommendation=chosen,
            importances=importances(self.trials, workload.search_space, objectives),
            notes=[*self.notes, *confirmed.notes],
        )
        self.folder.write(SUMMARY_FILE, summary(findings))
        self._close(state, error, hypervolume=chosen.hypervolume)
        self.observer.ended(chosen)
        return Outcome(
            out=self.folder.path,
            state=state,
            trials=tuple(self.trials),
            recommendation=chosen,
            rows=tuple(rows),
        )

    def _write_trials(self, thrown_out: Mapping[int, str]) -> None:
        space, objectives = self.workload.search_space, self.workload.objectives
        rows = tables.trial_rows(self.trials, thrown_out, space, objectives)
        header = tables.trial_columns(space, objectives)
        self.folder.write(TRIALS_FILE, tables.to_csv(header, rows))

    def _close(
        self, state: RunState, error: BaseException | None, *, hypervolume: float | None
    ) -> None:
        self.record = replace(
            self.record,
            state=state,
            error=None if error is None else str(error) or type(error).__name__,
            trials=len(self.trials),
            failed=sum(trial.state is TrialState.FAILED for trial in self.trials),
            hypervolume=hypervolume,
            ended=now(),
        )
        self.folder.write_json(RUN_FILE, self.record.to_dict())

"""Writes a run folder while a study goes on: a listener of the study's events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autotune.backends.base import Backend
from autotune.errors import RunError
from autotune.formats.scheme_export import scheme_files, scheme_text
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.verdict import reasons
from autotune.recommendation.why import explain
from autotune.run_folder import tables
from autotune.run_folder.copies import copies
from autotune.run_folder.folder import (
    FRONT_FILE,
    MEASUREMENTS_FILE,
    RUN_FILE,
    SCHEMES_FOLDER,
    SUMMARY_FILE,
    TRIALS_FILE,
    RunFolder,
)
from autotune.run_folder.measurements import LoggedMeasurement
from autotune.run_folder.run_json import RunDescription, describe_start, now
from autotune.run_folder.storage import open_storage
from autotune.run_folder.summary import Findings, summary
from autotune.study import study
from autotune.study.events import (
    BatchFinished,
    ConfirmationFinished,
    Ended,
    Event,
    Failed,
    Listener,
    MeasurementMade,
    Started,
)
from autotune.study.outcome import Outcome, RunState, count_failed
from autotune.trial import Trial
from autotune.workload_file.workload_file import WorkloadFile

_FEW = 200
"""With fewer trials than this the table of trials is written after every batch."""
_GROWTH = 1.25
"""With more trials the table is written again when there are so many times the trials that it has."""


def run_into(
    out: Path,
    file: WorkloadFile,
    backend: Backend,
    *,
    before: Callable[[], study.Earlier] | None = None,
    listeners: Sequence[Listener] = (),
    threads: int | None = None,
) -> Outcome:
    """Tune, and write all results to the folder *out*.

    Args:
        out: Absent or empty.
        file: What is tuned, and how.
        backend: Runs the measurements.
        before: Tunes on cheaper backends, once it is clear that this run can begin.
        listeners: Hear each event after it was written.
        threads: Measurements at a time; no result depends on it.

    Raises:
        InputError: If the workload file or the folder can't be used; then nothing was written.
        RunError: If the baseline failed or the folder can't be written; finished trials are kept.
        BackendUnavailableError: If nothing can be measured any more; finished trials are kept, with a
            front of these trials.
    """
    prepared = study.prepare(file, backend)
    folder = RunFolder.create(out)
    if before is not None:
        prepared = study.prepare(file, backend, before())
    return study.run(
        prepared,
        storage=open_storage(folder),
        listeners=(RunWriter(folder), *listeners),
        threads=threads,
    )


class RunWriter:
    """Writes the events that it hears. Raises `RunError` if a file can't be written.

    Args:
        folder: An empty run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._file: WorkloadFile | None = None
        self._description: RunDescription | None = None
        self._waiting: list[dict[str, Any]] = []
        self._rows = 0

    def __call__(self, event: Event) -> None:
        """Write what has happened."""
        match event:
            case Started():
                self._start(event)
            case MeasurementMade():
                self._log(event)
            case BatchFinished(trials=trials):
                self._write_log()
                if len(trials) < _FEW or len(trials) >= _GROWTH * self._rows:
                    self._write_trials(trials, None)
            case ConfirmationFinished():
                self._write_log()
            case Ended(outcome=outcome):
                self._write_log()
                self._finish(outcome)
            case Failed(error=error, trials=trials):
                self._give_up(error, trials)

    def _log(self, made: MeasurementMade) -> None:
        """Write a measurement at once, unless it is one of thousands: those wait for their batch."""
        self._waiting.append(_logged(made).to_dict())
        if made.series:
            self._write_log()

    def _write_log(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._folder.append_json(MEASUREMENTS_FILE, *waiting)

    def _start(self, started: Started) -> None:
        kept = copies(started.file.sources)
        self._file = started.file
        self._description = describe_start(started, kept.references)
        for name, content in kept.contents.items():
            self._folder.write(name, content)
        self._folder.write_json(RUN_FILE, self._description.to_dict())

    def _started(self) -> tuple[WorkloadFile, RunDescription]:
        if self._file is None or self._description is None:
            raise AssertionError("a study tells first that it started")
        return self._file, self._description

    def _write_trials(self, trials: Sequence[Trial], chosen: Recommendation | None) -> None:
        file, _ = self._started()
        why = reasons(trials, chosen, file.objectives)
        rows = tables.trial_rows(trials, why, file.search_space, file.objectives)
        header = tables.trial_columns(file.search_space, file.objectives)
        self._folder.write(TRIALS_FILE, tables.to_csv(header, rows))
        self._rows = len(trials)

    def _finish(self, outcome: Outcome) -> None:
        file, run = self._started()
        chosen = outcome.recommendation
        self._write_trials(outcome.trials, chosen)
        header = tables.front_columns(file.objectives)
        rows = tables.front_rows(chosen.shown, file.objectives)
        self._folder.write(FRONT_FILE, tables.to_csv(header, rows))
        missing = [note for option in chosen.shown for note in self._write_schemes(file, option)]
        findings = Findings(
            file=file,
            backend=run.backend,
            machine=run.machine,
            outcome=outcome,
            why=explain(outcome.trials, chosen, file.search_space, file.objectives),
            notes=(*outcome.notes, *missing),
        )
        self._folder.write(SUMMARY_FILE, summary(findings))
        self._close(outcome.state, outcome.error, outcome.trials, hypervolume=chosen.hypervolume)

    def _write_schemes(self, file: WorkloadFile, option: Recommended) -> list[str]:
        """Write a scheme in every form, and say which forms can't hold it."""
        texts, reasons = scheme_files(option.trial.schemes, file.monitoring, file.operations)
        for suffix, text in texts.items():
            self._folder.write(f"{SCHEMES_FOLDER}/{option.trial.id}{suffix}", text)
        return [
            f"There is no {option.trial.id}{suffix}: {reason}"
            for suffix, reason in reasons.items()
        ]

    def _give_up(self, error: BaseException, trials: tuple[Trial, ...]) -> None:
        """Say in `run.json` that the run failed, unless `run.json` already says how the run ended."""
        if self._description is None or self._description.state is not RunState.RUNNING:
            return
        try:
            self._close(RunState.FAILED, error, trials, hypervolume=None)
        except RunError:
            # Most likely the run failed for this reason; the first error is shown.
            return

    def _close(
        self,
        state: RunState,
        error: BaseException | None,
        trials: tuple[Trial, ...],
        *,
        hypervolume: float | None,
    ) -> None:
        _, run = self._started()
        self._description = replace(
            run,
            state=state,
            error=None if error is None else str(error) or type(error).__name__,
            trials=len(trials),
            failed=count_failed(trials),
            hypervolume=hypervolume,
            ended=now(),
        )
        self._folder.write_json(RUN_FILE, self._description.to_dict())


def _logged(made: MeasurementMade) -> LoggedMeasurement:
    return LoggedMeasurement(
        role=made.role.value,
        trial=made.trial,
        seed=made.seed,
        scheme=scheme_text(made.schemes) if made.schemes else None,
        measurement=made.measurement if made.series else made.measurement.without_series(),
    )

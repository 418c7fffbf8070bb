"""A run while it goes on, on standard error: a moving line on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from autotune.objective.figures import format_figure
from autotune.study.events import (
    BaselineMeasured,
    ConfirmationFinished,
    Event,
    Started,
    TrialFinished,
)
from autotune.trial import Trial, TrialState
from autotune.units import megabytes
from autotune.workload_file.workload_file import WorkloadFile

_LINES = 6
"""How many lines of progress a log gets."""


class ProgressView:
    """A listener of a study; a context manager that leaves the terminal as it was.

    Args:
        out: The run folder, which the view names.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._total: int | None = None
        self._objective = ""
        self._best: float | None = None
        self._better = max

    def __enter__(self) -> ProgressView:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show no more."""
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show what has happened."""
        match event:
            case Started(file=file):
                self._start(file)
            case BaselineMeasured(measurement=baseline):
                self._console.print(
                    f"baseline: {baseline.runtime_s:.1f} s, "
                    f"{megabytes(baseline.rss_mean_bytes)} resident"
                )
            case TrialFinished(trial=trial):
                self._show_trial(trial)
            case ConfirmationFinished(done=done, total=total):
                self._move("confirming", done, total, "")

    def _start(self, file: WorkloadFile) -> None:
        objective = file.objectives.objectives[0]
        self._objective = objective.name
        self._better = max if objective.direction.value == "maximize" else min
        self._total = file.budget.trials
        self._console.print(
            f"{file.name}: search space {file.search_space.name}, sampler "
            f"{file.sampler}, seed {file.seed}, into {self._out}",
            soft_wrap=False,
        )
        self._task = self._progress.add_task("baseline", total=self._total, note="")

    def _show_trial(self, trial: Trial) -> None:
        if trial.state is TrialState.FAILED:
            self._console.print(f"{trial.id} failed: {trial.reason}")
        elif self._best is None:
            self._best = trial.figures[self._objective]
        else:
            self._best = self._better(self._best, trial.figures[self._objective])
        best = (
            ""
            if self._best is None
            else f"best {self._objective} {format_figure(self._objective, self._best)}"
        )
        self._move("trials", trial.number + 1, self._total, best)

    def _move(self, what: str, done: int, total: int | None, note: str) -> None:
        if self._console.is_terminal and self._task is not None:
            self._progress.update(
                self._task, description=what, completed=done, total=total, note=note
            )
            return
        step = max(1, (total or 10) // _LINES)
        if done % step == 0 or done == total:
            self._console.print(
                f"{what}: {done}{f' of {total}' if total else ''}{', ' if note else ''}{note}"
            )
            sys.stderr.flush()

"""How far a command that measures has come, on standard error."""

from __future__ import annotations

from pathlib import Path

from autotune.objective.figures import breaches, format_figure, worst_violation
from autotune.objective.objective import Objectives
from autotune.study.events import (
    BaselineMeasured,
    ConfirmationFinished,
    Event,
    Started,
    TrialFinished,
)
from autotune.trial import Trial, TrialState
from autotune.units import megabytes
from autotune.views.moving_line import MovingLine
from autotune.workload_file.workload_file import WorkloadFile

_FEW = 3
"""So many seeds are measured without a line in a log."""


class ProgressView(MovingLine):
    """A listener of a study.

    Args:
        out: The run folder, which the view names; None if nothing keeps the study.
    """

    def __init__(self, out: Path | None) -> None:
        super().__init__()
        self._out = out
        self._total: int | None = None
        self._best: _Best | None = None

    def __call__(self, event: Event) -> None:
        """Show what has happened."""
        match event:
            case Started(file=file, backend=backend):
                self._start(file, backend)
            case BaselineMeasured(measurement=baseline):
                self.say(
                    f"baseline: {baseline.runtime_s:.1f} s, "
                    f"{megabytes(baseline.rss_mean_bytes)} resident"
                )
            case TrialFinished(trial=trial):
                self._show_trial(trial)
            case ConfirmationFinished(done=done, total=total):
                self.move("confirming", done, total)

    def _start(self, file: WorkloadFile, backend: str) -> None:
        self._best = _Best(file.objectives)
        self._total = file.budget.trials
        if self._out is None:
            where = f"on {backend}, to choose what is tried first where it counts"
        else:
            where = f"into {self._out}"
        self.say(
            f"{file.name}: search space {file.search_space.name}, sampler "
            f"{file.sampler}, seed {file.seed}, {where}"
        )
        self.begin("baseline", self._total)

    def _show_trial(self, trial: Trial) -> None:
        if trial.state is TrialState.FAILED:
            self.say(f"{trial.id} failed: {trial.reason}")
        elif trial.state is TrialState.CENSORED:
            self.say(f"{trial.id} was {trial.reason}")
        elif self._best is not None:
            self._best.add(trial)
        self.move("trials", trial.number + 1, self._total, str(self._best or ""))


class SeedsView(MovingLine):
    """Hears how many seeds of a scheme are measured. A log hears nothing of a few seeds."""

    def __enter__(self) -> SeedsView:
        """Begin to show."""
        super().__enter__()
        self.begin("measuring", None)
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show it."""
        if self.on_terminal or total > _FEW:
            self.move("seeds", done, total)


class _Best:
    """The best first objective so far of a trial that keeps the constraints.

    Its text names, while no trial does, the trial that came nearest.
    """

    def __init__(self, objectives: Objectives) -> None:
        self._objectives = objectives
        self._value: float | None = None
        self._nearest: tuple[float, str] | None = None

    def add(self, trial: Trial) -> None:
        """Take a measured trial into account."""
        objective = self._objectives.objectives[0]
        if broken := breaches(trial.figures, self._objectives):
            off = worst_violation(trial.figures, self._objectives)
            if self._nearest is None or off < self._nearest[0]:
                self._nearest = off, broken
            return
        better = max if objective.direction.value == "maximize" else min
        value = trial.figures[objective.name]
        self._value = value if self._value is None else better(self._value, value)

    def __str__(self) -> str:
        """Give one line; it is empty before the first measured trial."""
        if self._value is not None:
            name = self._objectives.objectives[0].name
            within = " within the constraints" if self._objectives.constraints else ""
            return f"best {name}{within} {format_figure(name, self._value)}"
        if self._nearest is not None:
            return f"none within the constraints yet (closest: {self._nearest[1]})"
        return ""

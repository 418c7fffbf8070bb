"""Events of a run, for whoever shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from autotune.experiment.measurement import Measurement
from autotune.recommendation.front import Recommendation
from autotune.trial import Trial
from autotune.workload_file.workload_file import Workload


class Observer(Protocol):
    """Hears what happens in a run, on the thread that runs it.

    An exception that it raises ends the run.
    """

    def started(self, workload: Workload, out: Path) -> None:
        """The run folder is there; the baseline is measured next."""
        ...

    def baseline_measured(self, baseline: Measurement) -> None:
        """The baseline with the run's own seed is there."""
        ...

    def trial_finished(self, trial: Trial) -> None:
        """A trial was measured, or failed; they come in the order of their numbers."""
        ...

    def confirmation_finished(self, done: int, total: int) -> None:
        """So many measurements of all those that confirm are done, baselines included."""
        ...

    def ended(self, recommendation: Recommendation) -> None:
        """All files are written."""
        ...


class Silent:
    """Shows nothing."""

    def started(self, workload: Workload, out: Path) -> None:
        """Do nothing."""

    def baseline_measured(self, baseline: Measurement) -> None:
        """Do nothing."""

    def trial_finished(self, trial: Trial) -> None:
        """Do nothing."""

    def confirmation_finished(self, done: int, total: int) -> None:
        """Do nothing."""

    def ended(self, recommendation: Recommendation) -> None:
        """Do nothing."""

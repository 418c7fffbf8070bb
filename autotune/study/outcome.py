"""What a study came to."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from autotune.experiment.measurement import Measurement
from autotune.recommendation.front import Recommendation
from autotune.trial import Trial, TrialState


class RunState(enum.Enum):
    """How far a run got."""

    RUNNING = "running"
    """The run goes on, or was killed."""
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    """Ended with Ctrl-C; finished trials count."""
    FAILED = "failed"
    """The run could not go on; finished trials count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a study came to.

    Attributes:
        state: How far the study got.
        error: Why the study could not go on; None if nothing stopped it.
        baseline: With the study's own seed; None if the study ended before it was measured.
        trials: In the order of their numbers.
        published: The measured trials that the search space gave.
        recommendation: The front, and why candidates are not on it.
        starts: How often the workload was started, for whatever purpose.
        missing: Why a metric can't be had from this workload, by the metric's name.
        notes: Sentences about what went wrong.
        reason: The one reason that held back the schemes of all trials, in a sentence without its full
            stop; None if there is none.
    """

    state: RunState
    error: Exception | None = None
    baseline: Measurement | None
    trials: tuple[Trial, ...]
    published: tuple[Trial, ...]
    recommendation: Recommendation
    starts: int
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def failed(self) -> int:
        """How many trials failed."""
        return count_failed(self.trials)

    @property
    def censored(self) -> int:
        """How many trials were ended early."""
        return sum(trial.state is TrialState.CENSORED for trial in self.trials)


def count_failed(trials: tuple[Trial, ...]) -> int:
    """Count the trials that failed."""
    return sum(trial.state is TrialState.FAILED for trial in trials)

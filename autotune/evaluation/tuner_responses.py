"""Recorded responses: the score of a workload by the min age of a scheme, as others measured it.

Each of the published runs had one min age, in whole seconds; so neighbours differ by their noise. A run
that was more than 20 % slower has a score that says only this.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from autotune.backends.starts import Starts
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.testing import measurement

FORBIDDEN = -1000.0
"""The score of a run that was more than 20 % slower."""

_FORBIDDEN_SLOWDOWN = 0.25
_RUNTIME_S = 70.0
"""No recorded age is longer than a run."""
_BASELINE = measurement(runtime_s=_RUNTIME_S, work_done=1.0)

Scores = tuple[float, ...]
"""The score at a min age of 0, 1, 2, ... seconds."""


def read_responses(path: Path) -> Mapping[str, Scores]:
    """Read the recorded scores by workload.

    Raises:
        ValueError: If an age is missing, or there twice.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    scores: dict[str, dict[int, float]] = {}
    for row in rows:
        by_age = scores.setdefault(row["workload"], {})
        age_s = int(row["min_age_s"])
        if age_s in by_age:
            raise ValueError(f"{path}: {row['workload']} has the age {age_s} twice: drop one")
        by_age[age_s] = float(row["score"])
    for name, by_age in scores.items():
        if sorted(by_age) != list(range(len(by_age))):
            raise ValueError(f"{path}: {name} lacks an age: give every second from 0")
    return MappingProxyType(
        {name: tuple(by_age[age] for age in sorted(by_age)) for name, by_age in scores.items()}
    )


def score_at(scores: Scores, min_age_us: float) -> float:
    """Give the recorded score at the nearest whole second.

    >>> score_at((5.0, 7.0, 6.0), 1_400_000)
    7.0
    """
    return scores[min(max(round(min_age_us / 1e6), 0), len(scores) - 1)]


def regret(scores: Scores, min_age_us: float | None) -> float:
    """Give what is lost against the best recorded score; a min age of None is "off", whose score is 0.

    An age in the forbidden zone loses `FORBIDDEN` from the best.

    >>> regret((5.0, 7.0, 6.0), 2_000_000), regret((-3.0, -2.0), None), regret((5.0,), None)
    (1.0, 0.0, 5.0)
    """
    got = 0.0 if min_age_us is None else score_at(scores, min_age_us)
    return max(0.0, *scores) - got


class RecordedResponse:
    """A backend that answers from recorded scores; equal ages give equal answers, whatever the seed.

    The score is 50 times the saving less 50 times the slowdown, as percentages that count half each. Of
    a run that is not forbidden the backend shows a slowdown of 0, and the saving that gives the score.

    Args:
        scores: By min age.
    """

    name = "vm"
    machine = "recorded"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = tuple(scores)
        self._starts = Starts()

    @property
    def starts(self) -> int:
        """How often a workload was started."""
        return self._starts.count

    def check(self, experiment: Experiment) -> None:
        """Accept everything."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:  # noqa: ARG002 - one signature
        """Look the score up.

        Raises:
            TrialError: If there is more than one scheme, or none.
        """
        self._starts.one_more()
        if experiment.monitoring is None:
            return _BASELINE
        if len(experiment.schemes) != 1:
            raise TrialError(f"{len(experiment.schemes)} schemes: only one scheme was recorded")
        score = score_at(self.scores, experiment.schemes[0].pattern.age_us.min)
        slow = _FORBIDDEN_SLOWDOWN if score == FORBIDDEN else 0.0
        saving = 0.0 if score == FORBIDDEN else score / 50.0
        return measurement(
            runtime_s=_RUNTIME_S,
            work_done=1.0,
            rss_mean_bytes=_BASELINE.rss_mean_bytes * (1.0 - saving),
            workload_cpu_s=_BASELINE.workload_cpu_s * (1.0 + slow),
        )

    def stop(self) -> None:
        """Nothing runs."""

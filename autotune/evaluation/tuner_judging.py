"""Judging a scheme by seeds that no method saw."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from autotune.backends.base import Backend
from autotune.errors import TrialError
from autotune.evaluation.kernel_table import Schemes
from autotune.evaluation.tuner_volume import Point
from autotune.experiment.measurement import Measurement
from autotune.objective.figures import Figures, broken, figures
from autotune.workload_file.workload_file import WorkloadFile

FIRST_SEED = 1_000_000
"""Judging seeds begin here; runs that are judged have smaller ones."""

SEEDS = 40
"""How many seeds judge a scheme."""

LEAST_SHARE = 0.95
"""A scheme holds the limits if it keeps them with this share of the judging seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A scheme's figures over the judging seeds.

    Attributes:
        saving: Mean of `memory_saving`.
        slowdown: Mean of `slowdown`.
        within: The share of the seeds with which all constraints hold.
        seeds: The number of seeds.
    """

    saving: float
    slowdown: float
    within: float
    seeds: int

    @property
    def point(self) -> Point:
        """Saving and slowdown."""
        return self.saving, self.slowdown

    @property
    def holds(self) -> bool:
        """Whether the scheme may be recommended: it keeps the limits with nearly all seeds."""
        return self.within >= LEAST_SHARE


class Judge:
    """Judges schemes of one problem.

    Args:
        file: The problem.
        backend: What the methods measured on, or what they would have to measure on.
    """

    def __init__(self, file: WorkloadFile, backend: Backend) -> None:
        self._file = file
        self.backend = backend
        self._baselines: dict[int, Measurement] = {}
        self._known: dict[tuple[Schemes, int], Figures | None] = {}

    def judge(self, schemes: Schemes, seeds: int = SEEDS, *, first: int = FIRST_SEED) -> Judged:
        """Judge by *seeds* judging seeds, at least 1, from *first* on. A failed run keeps no limit."""
        found = [self.measured_once(schemes, first + number) for number in range(seeds)]
        measured = [one for one in found if one is not None]
        kept = sum(not broken(one, self._file.objectives) for one in measured)
        if not measured:
            return Judged(saving=0.0, slowdown=float("inf"), within=0.0, seeds=seeds)
        return Judged(
            saving=statistics.fmean(one["memory_saving"] for one in measured),
            slowdown=statistics.fmean(one["slowdown"] for one in measured),
            within=kept / seeds,
            seeds=seeds,
        )

    def measure(self, schemes: Schemes, seed: int) -> Figures | None:
        """Give the figures of one run; None if it failed."""
        try:
            measured = self.backend.run(self._file.experiment(schemes), seed=seed)
        except TrialError:
            return None
        return figures(
            measured,
            self._baseline(seed),
            self._file.objectives,
            slowdown=self.backend.slowdown_metric,
        )

    def measured_once(self, schemes: Schemes, seed: int) -> Figures | None:
        """As `measure`; asked again, give what was measured first."""
        if (schemes, seed) not in self._known:
            self._known[schemes, seed] = self.measure(schemes, seed)
        return self._known[schemes, seed]

    def _baseline(self, seed: int) -> Measurement:
        if seed not in self._baselines:
            self._baselines[seed] = self.backend.run(self._file.experiment(None), seed=seed)
        return self._baselines[seed]

"""The best that a problem has: a dense search, whose outcome is judged like the outcome of any method.

The search is a quasi-random design, then variations of what is best, with one seed. What may be on the
front is judged with some seeds, then with all judging seeds, and what was learned about how often limits
are kept goes back into the search. So the reference is chosen with the knowledge of the judging seeds,
which no method has: it is what can be reached with luck.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.evaluation.kernel_table import Schemes, schemes_of
from autotune.evaluation.tuner_judging import FIRST_SEED, Judge, Judged
from autotune.evaluation.tuner_volume import best_handful, volume
from autotune.space.space import ParameterSet
from autotune.surrogate.evolution import Evaluated, Evolution
from autotune.surrogate.unit_cube import UnitCube
from autotune.workload_file.workload_file import WorkloadFile

_FAILED_SLOWDOWN = 10.0
_FIRST_SEEDS = 8
_GENERATION = 64
_DIRECTIONS = 24
_EACH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long a reference is searched for.

    Attributes:
        design: Schemes of the quasi-random design.
        varied: Schemes that are variations.
        rounds: How often the best are judged.
        seeds: How many seeds judge the best.
    """

    design: int = 768
    varied: int = 1536
    rounds: int = 3
    seeds: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """A judged scheme of a reference."""

    parameters: ParameterSet
    judged: Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a problem has.

    Attributes:
        handful: At most seven schemes that hold the limits, with the largest volume.
        volume: Their volume.
        whole: The volume of all judged schemes that hold the limits.
        most_saved: The largest saving of a scheme that holds the limits; 0 if none saves anything.
        tried: How many schemes were tried.
        judged: How many were judged by all judging seeds.
    """

    handful: tuple[Best, ...]
    volume: float
    whole: float
    most_saved: float
    tried: int
    judged: int


def slowdown_limit(file: WorkloadFile) -> float:
    """Give the upper bound on the slowdown.

    Raises:
        ValueError: If the problem has none.
    """
    for constraint in file.objectives.constraints:
        if constraint.name == "slowdown" and constraint.upper:
            return constraint.bound
    raise ValueError(f"{file.path}: the volume needs a limit: constrain the slowdown")


class _Dense:
    """The search, and what it knows."""

    def __init__(self, file: WorkloadFile, judge: Judge) -> None:
        self.file = file
        self.judge = judge
        self.limit = slowdown_limit(file)
        self.cube = UnitCube(file.search_space)
        self.sets: list[ParameterSet] = []
        self.schemes: list[Schemes] = []
        self.points: list[tuple[float, float]] = []
        self.judged: dict[int, Judged] = {}
        self._index: dict[Schemes, int] = {}

    def add(self, sets: Iterable[ParameterSet]) -> int:
        """Try what is new and possible, with one seed; say how many that were."""
        added = 0
        for parameters in sets:
            schemes = schemes_of(self.file, parameters)
            if schemes is None or schemes in self._index:
                continue
            self._index[schemes] = len(self.schemes)
            self.schemes.append(schemes)
            self.sets.append(parameters)
            figures = self.judge.measure(schemes, FIRST_SEED)
            self.points.append(
                (0.0, _FAILED_SLOWDOWN)
                if figures is None
                else (figures["memory_saving"], figures["slowdown"])
            )
            added += 1
        return added

    def known(self) -> Evaluated:
        """What is known, with the judged figures where there are some."""
        points = np.array(self.points)
        losses = np.column_stack([-points[:, 0], points[:, 1]])
        excess = points[:, 1] / self.limit - 1.0
        for index, judged in self.judged.items():
            losses[index] = (-judged.saving, judged.slowdown)
            excess[index] = max(judged.slowdown / self.limit - 1.0, 0.95 - judged.within)
        return Evaluated(
            points=np.array([self.cube.point(values) for values in self.sets]),
            losses=losses,
            excess=np.maximum(excess, 0.0),
        )

    def promising(self) -> list[int]:
        """Give the schemes that are best in one of several directions."""
        known = self.known()
        ideal = np.array([min(float(known.losses[:, 0].min()), -1e-3), 0.0])
        scaled = (known.losses - ideal) / (np.array([0.0, self.limit]) - ideal)
        best: set[int] = set()
        for share in np.linspace(0.02, 0.98, _DIRECTIONS):
            weighted = scaled * np.array([share, 1.0 - share])
            score = weighted.max(axis=1) + 0.05 * weighted.sum(axis=1) + 2.0 * known.excess
            best |= set(_lowest(score, _EACH))
        return sorted(best)


def _lowest(score: NDArray[np.float64], count: int) -> list[int]:
    indices: list[int] = np.argsort(score, kind="stable")[:count].tolist()
    return indices


def find_reference(
    file: WorkloadFile, judge: Judge, *, seed: int, effort: Effort | None = None
) -> Reference:
    """Search, and judge what is found. Equal arguments give equal references.

    Raises:
        ValueError: If the problem has no limit on the slowdown.
    """
    effort = effort or Effort()
    dense = _Dense(file, judge)
    proposing = Evolution(dense.cube, (0.0, dense.limit), seed=seed)
    dense.add(file.search_space.initial)
    dense.add(proposing.design(effort.design))
    for _ in range(effort.rounds):
        left = effort.varied // effort.rounds
        for _ in range(left // _GENERATION):
            dense.add(proposing.vary(dense.known(), _GENERATION))
        _judge_promising(dense, effort.seeds)
    return _chosen(dense, effort.seeds)


def _judge_promising(dense: _Dense, seeds: int) -> None:
    """Judge with few seeds first, and with all seeds where these leave it open."""
    for index in dense.promising():
        if index in dense.judged:
            continue
        first = dense.judge.judge(dense.schemes[index], min(_FIRST_SEEDS, seeds))
        hopeless = first.within < 0.5
        dense.judged[index] = first if hopeless else dense.judge.judge(dense.schemes[index], seeds)


def _chosen(dense: _Dense, seeds: int) -> Reference:
    full = [(index, one) for index, one in dense.judged.items() if one.seeds == seeds]
    holding = [(index, one) for index, one in full if one.holds]
    points = [one.point for _, one in holding]
    chosen: Sequence[int] = best_handful(points, dense.limit)
    return Reference(
        handful=tuple(
            Best(parameters=dense.sets[holding[i][0]], judged=holding[i][1]) for i in chosen
        ),
        volume=volume([points[i] for i in chosen], dense.limit),
        whole=volume(points, dense.limit),
        most_saved=max((saving for saving, _ in points), default=0.0),
        tried=len(dense.schemes),
        judged=len(full),
    )

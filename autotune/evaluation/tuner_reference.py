"""The best that a problem has: a dense search, whose outcome is judged like the outcome of any method.

Several lineages each make a quasi-random design and variations of what is best in it, each with its own
seed. Then variations of what is best in all of them follow. What may be on the front is judged with
some seeds, then with all judging seeds, and what was learned about how often limits are kept goes back
into the search. So the reference is chosen with the knowledge of the judging seeds, which no method has:
it is what can be reached with luck.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autotune.evaluation.kernel_table import Schemes, schemes_of
from autotune.evaluation.tuner_judging import FIRST_SEED, LEAST_SHARE, Judge, Judged
from autotune.evaluation.tuner_volume import best_handful, volume
from autotune.space.space import ParameterSet
from autotune.surrogate.evolution import Evaluated, Evolution
from autotune.surrogate.unit_cube import UnitCube
from autotune.workload_file.workload_file import WorkloadFile

_FAILED_SLOWDOWN = 10.0
_FIRST_SEEDS = 8
_HOPELESS = 0.7
_GENERATION = 64
_DIRECTIONS = 16
_EACH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long a reference is searched for.

    Attributes:
        lineages: How many searches begin by themselves.
        design: Schemes of the quasi-random design of each.
        varied: Schemes of each that are variations.
        joint: Variations of what is best in all lineages.
        rounds: In how many rounds these are made, and the best judged.
        seeds: How many seeds judge the best.
        tried: With how many seeds each scheme is tried. Where runs differ much and cost nothing, several
            keep the lucky ones from filling the front.
    """

    lineages: int = 3
    design: int = 512
    varied: int = 768
    joint: int = 1536
    rounds: int = 4
    seeds: int = 40
    tried: int = 1


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

    def __init__(self, file: WorkloadFile, judge: Judge, tried: int) -> None:
        self.file = file
        self.judge = judge
        self.limit = slowdown_limit(file)
        self.cube = UnitCube(file.search_space)
        self.sets: list[ParameterSet] = []
        self.schemes: list[Schemes] = []
        self.judged: list[Judged] = []
        self._tried = tried
        self._index: dict[Schemes, int] = {}

    def add(self, sets: Iterable[ParameterSet], seed: int) -> None:
        """Try what is new and possible, beginning with one of the judging seeds."""
        for parameters in sets:
            schemes = schemes_of(self.file, parameters)
            if schemes is None or schemes in self._index:
                continue
            self._index[schemes] = len(self.schemes)
            self.schemes.append(schemes)
            self.sets.append(parameters)
            self.judged.append(self.judge.judge(schemes, self._tried, first=seed))

    def evolve(self, proposing: Evolution, count: int, seed: int) -> None:
        """Try *count* variations of what is best, in generations."""
        for _ in range(count // _GENERATION):
            self.add(proposing.vary(self.known(), _GENERATION), seed)

    def known(self) -> Evaluated:
        """What is known. A scheme that keeps its limits too seldom breaks them by what is lacking."""
        slow = np.array([min(one.slowdown, _FAILED_SLOWDOWN) for one in self.judged])
        within = np.array([one.within if one.seeds > 1 else 1.0 for one in self.judged])
        return Evaluated(
            points=np.array([self.cube.point(values) for values in self.sets]),
            losses=np.column_stack([[-one.saving for one in self.judged], slow]),
            excess=np.maximum(np.maximum(slow / self.limit - 1.0, LEAST_SHARE - within), 0.0),
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
    return _chosen(_searched(file, judge, seed, effort), effort.seeds)


def promising_sets(
    file: WorkloadFile, judge: Judge, count: int, *, seed: int, effort: Effort
) -> list[ParameterSet]:
    """Search as `find_reference` does; give what is best in one of several directions.

    If that is less than *count*, variations of it follow.

    Raises:
        ValueError: If the problem has no limit on the slowdown.
    """
    dense = _searched(file, judge, seed, effort)
    best = [dense.sets[index] for index in dense.promising()][:count]
    proposing = Evolution(dense.cube, (0.0, dense.limit), seed=seed)
    return [*best, *proposing.vary(dense.known(), count - len(best))]


def _searched(file: WorkloadFile, judge: Judge, seed: int, effort: Effort) -> _Dense:
    dense = _Dense(file, judge, effort.tried)
    corner = (0.0, dense.limit)
    for number in range(effort.lineages):
        one, its_seed = _Dense(file, judge, effort.tried), FIRST_SEED + number
        proposing = Evolution(dense.cube, corner, seed=seed + number)
        one.add(file.search_space.initial, its_seed)
        one.add(proposing.design(effort.design), its_seed)
        one.evolve(proposing, effort.varied, its_seed)
        dense.add(one.sets, its_seed)
    _judge_promising(dense, effort.seeds)
    proposing = Evolution(dense.cube, corner, seed=seed + effort.lineages)
    for _ in range(effort.rounds):
        dense.evolve(proposing, effort.joint // effort.rounds, FIRST_SEED)
        _judge_promising(dense, effort.seeds)
    return dense


def with_found(reference: Reference, found: Iterable[Best], limit: float) -> Reference:
    """Add schemes that methods found and that hold the limits, and choose the best handful anew.

    >>> nothing = Reference(handful=(), volume=0.0, whole=0.0, most_saved=0.0, tried=1, judged=1)
    >>> one = Best(
    ...     parameters={}, judged=Judged(saving=0.5, slowdown=0.01, within=1.0, seeds=40)
    ... )
    >>> with_found(nothing, [one], 0.02).volume
    0.005
    """
    options = [*reference.handful, *(one for one in found if one.judged.holds)]
    points = [one.judged.point for one in options]
    chosen = best_handful(points, limit)
    return replace(
        reference,
        handful=tuple(options[index] for index in chosen),
        volume=volume([points[index] for index in chosen], limit),
        whole=max(reference.whole, volume(points, limit)),
        most_saved=max([reference.most_saved, *(saving for saving, _ in points)]),
    )


def _judge_promising(dense: _Dense, seeds: int) -> None:
    """Judge with few seeds first, and with all seeds where these leave it open."""
    for index in dense.promising():
        for count in (min(_FIRST_SEEDS, seeds), seeds):
            known = dense.judged[index]
            if known.seeds < count and (known.seeds == 1 or known.within >= _HOPELESS):
                dense.judged[index] = dense.judge.judge(dense.schemes[index], count)


def _chosen(dense: _Dense, seeds: int) -> Reference:
    full = [(index, one) for index, one in enumerate(dense.judged) if one.seeds == seeds]
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

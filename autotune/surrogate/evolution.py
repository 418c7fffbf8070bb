"""A search at the speed of a simulator: a quasi-random design, then variations of what was best.

Every variation has a random weight for each objective, and varies the parameter set that is best by
these weights. So the search works on all parts of the front at once, and, since a limit that is broken
costs more than any objective gives, along the limits from within.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from autotune.space.fields import Value
from autotune.space.space import ParameterSet
from autotune.surrogate.unit_cube import UnitCube

_EXCESS = 3.0
"""What a limit broken by its own size costs, where the whole range of an objective is worth 1."""
_SUM = 0.05
"""The share of the weighted sum beside the weighted maximum; it prefers what is not dominated."""
_STEP = (0.02, 0.3)
"""Standard deviations of a step, in shares of a parameter's range; each step draws its own."""
_CROSSED = 0.3
"""The share of variations that are made of two parents."""
_TO_AN_END = 0.05
"""The share of steps that go to an end of the range."""
_NEXT = 0.5
"""The chance to pass over the best by the weights, and the next best, and so on."""
_AMONG = 16
"""So many are the best for a variation that goes from one as two others lie apart."""
_STRETCH = (0.3, 1.1)
"""How far such a variation goes, as a share of how far the two lie apart."""
_MOVED = 0.9
"""The share of coordinates that it moves."""
_SHAKE = 0.005
"""The standard deviation of what is added to each of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What is known of n points.

    Attributes:
        points: In the unit cube, shape ``(n, d)``.
        losses: The objectives' figures, less is better, shape ``(n, k)``.
        excess: The worst violation of a limit, as a share of the limit, shape ``(n,)``; 0 within.
    """

    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    excess: NDArray[np.float64]


class Evolution:
    """Proposes parameter sets. Equal seeds and equal results give equal proposals.

    Args:
        cube: The parameters.
        corner: The losses at which each objective is worth nothing any more, shape ``(k,)``.
        seed: Seed, 0 or more.
        along: The share of variations that go from one of the best as two others of the best lie apart.
        first: The share of variations for which the first objective alone counts: its best within the
            limits adds next to nothing to the volume of a front, and is what many look for.
    """

    def __init__(
        self,
        cube: UnitCube,
        corner: tuple[float, ...],
        *,
        seed: int,
        along: float = 0.0,
        first: float = 0.0,
    ) -> None:
        self._cube = cube
        self._share_along = along
        self._share_first = first
        self._corner = np.array(corner)
        self._numeric = np.array([not cube.choices(row) for row in range(cube.dimensions)])
        self._random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))

    def design(self, count: int) -> list[ParameterSet]:
        """Give *count* parameter sets that fill the space evenly."""
        sampler = qmc.Sobol(self._cube.dimensions, seed=self._random)
        points = sampler.random_base2(max(count - 1, 0).bit_length())[:count]
        sets: list[ParameterSet] = [self._cube.values(point) for point in points]
        return sets

    def vary(self, known: Evaluated, count: int) -> list[ParameterSet]:
        """Give *count* variations of the best points of *known*, which has at least one."""
        scaled = _scaled(known, self._corner)
        return [self._variation(known.points, scaled, known.excess) for _ in range(count)]

    def _variation(
        self,
        points: NDArray[np.float64],
        scaled: NDArray[np.float64],
        excess: NDArray[np.float64],
    ) -> dict[str, Value]:
        if self._share_along > 0.0 and self._random.random() < self._share_along:
            return self._cube.values(self._along(points, scaled, excess))
        point = self._parent(points, scaled, excess).copy()
        if self._random.random() < _CROSSED:
            other = self._parent(points, scaled, excess)
            point = np.where(self._random.random(len(point)) < 0.5, other, point)
        there = np.flatnonzero(self._cube.exists(self._cube.values(point)))
        steps = min(int(self._random.geometric(0.5)), len(there))
        for coordinate in self._random.choice(there, size=steps, replace=False):
            point[coordinate] = self._step(int(coordinate), float(point[coordinate]))
        return self._cube.values(point)

    def _along(
        self,
        points: NDArray[np.float64],
        scaled: NDArray[np.float64],
        excess: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Go as two good points lie apart: where a limit binds, they lie along it.

        Source: differential evolution, Storn and Price, 1997.
        """
        weights = self._weights(scaled.shape[1])
        best = np.argsort(_score(scaled, excess, weights), kind="stable")[:_AMONG]
        rank = min(int(self._random.geometric(1.0 - _NEXT)), len(best)) - 1
        point, (one, other) = points[best[rank]], points[self._random.choice(best, 2)]
        moved = point + self._random.uniform(*_STRETCH) * (one - other)
        moved += self._random.normal(0.0, _SHAKE, size=len(point))
        moves = self._numeric & (self._random.random(len(point)) < _MOVED)
        return np.asarray(np.where(moves, np.clip(moved, 0.0, 1.0), point))

    def _parent(
        self,
        points: NDArray[np.float64],
        scaled: NDArray[np.float64],
        excess: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        weights = self._weights(scaled.shape[1])
        score = _score(scaled, excess, weights)
        rank = min(int(self._random.geometric(1.0 - _NEXT)), len(score)) - 1
        return np.asarray(points[int(np.argpartition(score, rank)[rank])])

    def _weights(self, count: int) -> NDArray[np.float64]:
        if self._share_first > 0.0 and self._random.random() < self._share_first:
            return np.asarray(np.eye(count)[0])
        return np.asarray(self._random.dirichlet(np.ones(count)))

    def _step(self, coordinate: int, now: float) -> float:
        if choices := self._cube.choices(coordinate):
            return float(self._random.choice([c for c in choices if c != now] or choices))
        if self._random.random() < _TO_AN_END:
            return float(self._random.integers(2))
        low, high = np.log(_STEP)
        deviation = np.exp(self._random.uniform(low, high))
        return float(np.clip(now + deviation * self._random.normal(), 0.0, 1.0))


def weighted_scores(
    known: Evaluated, corner: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Say how good each point is by weights of the objectives; less is better.

    Args:
        known: n points.
        corner: The losses at which each objective is worth nothing any more, shape ``(k,)``.
        weights: Shape ``(w, k)``; each row sums up to 1.

    Returns:
        Shape ``(w, n)``.

    Source: the augmented weighted Chebyshev norm, Steuer and Choo, "An interactive weighted Tchebycheff
    procedure for multiple objective programming", 1983.
    """
    scaled = _scaled(known, corner)
    return np.array([_score(scaled, known.excess, row) for row in weights])


def _score(
    scaled: NDArray[np.float64], excess: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    weighted = scaled * weights
    return np.asarray(
        weighted.max(axis=1) + _SUM * weighted.sum(axis=1) + _EXCESS * np.maximum(excess, 0.0)
    )


def _scaled(known: Evaluated, corner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give losses from 0, the best within the limits, to 1, worth nothing."""
    within = known.excess <= 0.0
    ideal = known.losses[within if within.any() else slice(None)].min(axis=0)
    stake = corner - ideal
    return np.asarray((known.losses - ideal) / np.where(stake > 0.0, stake, 1.0))

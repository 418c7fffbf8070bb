"""How tried schemes stand by all figures that are known of each: what competes, and for what.

A scheme that was measured with one seed may be lucky. So schemes that compete for a place on the front
get more seeds, and what a limit leaves room for counts with a margin for the noise that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.objective.figures import Figures, minimised, violation
from autotune.objective.objective import Constraint, Objectives
from autotune.surrogate.evolution import Evaluated, weighted_scores

Floats = NDArray[np.float64]

SURE = 1.645
"""How many standard deviations a scheme keeps from a limit: a normal figure keeps it in 95 % of runs."""

_WEIGHTS = 24
"""How many directions of the front schemes compete in."""

_COMPETE = 24
"""How many schemes compete where there is one direction only; of many, the best two of each compete."""

_LEAST_SPREAD = 0.02
"""The spread of a figure under a limit from seed to seed, as a share of the limit, at first."""

_SIMILAR = 12
"""How many schemes with the nearest figures tell the usual spread."""

_ASSUMED = 4.0
"""How many measurements what similar schemes show counts for, beside a scheme's own spread."""


class Standing:
    """All schemes that were measured, in the order in which they were tried.

    Args:
        objectives: What is sought.
    """

    def __init__(self, objectives: Objectives) -> None:
        self._objectives = objectives
        self._points: list[Floats] = []
        self._losses: list[Floats] = []
        self._over: list[Floats] = []
        self._squares: list[Floats] = []
        self._seeds: list[int] = []

    def __len__(self) -> int:
        """The number of schemes."""
        return len(self._seeds)

    def add(self, point: Floats, figures: Figures) -> None:
        """Take a new scheme at *point* of the unit cube, shape ``(d,)``, with its first figures."""
        self._points.append(point)
        self._losses.append(np.zeros(len(self._objectives.objectives)))
        self._over.append(np.zeros(len(self._objectives.constraints)))
        self._squares.append(np.zeros(len(self._objectives.constraints)))
        self._seeds.append(0)
        self.again(len(self) - 1, figures)

    def again(self, position: int, figures: Figures) -> None:
        """Take the figures of one more seed of a scheme."""
        self._seeds[position] += 1
        share = 1.0 / self._seeds[position]
        losses = np.array(minimised(figures, self._objectives))
        self._losses[position] += share * (losses - self._losses[position])
        over = np.array(
            [_over(figures, constraint) for constraint in self._objectives.constraints]
        )
        before = over - self._over[position]
        self._over[position] += share * before
        self._squares[position] += before * (over - self._over[position])

    @property
    def seeds(self) -> NDArray[np.int64]:
        """With how many seeds each scheme was measured, shape ``(n,)``."""
        return np.array(self._seeds)

    def evaluated(self) -> Evaluated:
        """What a search goes by: means of the losses, and limits with a margin for noise."""
        return Evaluated(
            points=np.array(self._points), losses=np.array(self._losses), excess=self._excess()
        )

    def _excess(self) -> Floats:
        """The worst excess over a limit, as a share of the limit, with `SURE` deviations on top."""
        worst = np.zeros(len(self))
        freedom = self.seeds.astype(np.float64) - 1.0
        for means, squares in zip(np.array(self._over).T, np.array(self._squares).T, strict=True):
            worst = np.maximum(worst, means + SURE * _spreads(means, squares, freedom))
        return worst

    def competitors(self, corner: Sequence[float], count: int) -> list[int]:
        """Give the schemes that are best in some direction and were measured the least often.

        Args:
            corner: The losses at which each objective is worth nothing any more.
            count: At most so many.
        """
        first: dict[int, int] = {}
        for ranked in self._best(corner):
            for place, position in enumerate(ranked):
                first[position] = min(place, first.get(position, place))
        seeds = self.seeds
        order = sorted(first, key=lambda position: (seeds[position], first[position], position))
        return order[:count]

    def finalists(self, corner: Sequence[float]) -> list[int]:
        """Give the schemes that are best in some direction, such that the first ones cover the front.

        Args:
            corner: The losses at which each objective is worth nothing any more.
        """
        ranked = self._best(corner)
        if not ranked:
            return []
        order = _spread_out(directions(len(corner)))
        places = zip(*(ranked[direction] for direction in order), strict=True)
        return list(dict.fromkeys(position for place in places for position in place))

    def _best(self, corner: Sequence[float]) -> list[list[int]]:
        """Give for each direction of the front the schemes that are best in it, the best first."""
        if not len(self):
            return []
        known = self.evaluated()
        weights = directions(known.losses.shape[1])
        scores = weighted_scores(known, np.array(corner), weights)
        best = max(2, _COMPETE // len(weights))
        ranked: list[list[int]] = np.argsort(scores, axis=1, kind="stable")[:, :best].tolist()
        return ranked


def directions(objectives: int) -> Floats:
    """Give weights of the objectives in all directions, shape ``(w, k)``; each sums up to 1."""
    if objectives == 1:
        return np.ones((1, 1))
    if objectives == 2:
        shares = (np.arange(_WEIGHTS) + 0.5) / _WEIGHTS
        return np.column_stack((shares, 1.0 - shares))
    random = np.random.default_rng(0)
    return np.asarray(random.dirichlet(np.ones(objectives), size=2 * _WEIGHTS))


def _spread_out(weights: Floats) -> list[int]:
    """Order directions such that each is the furthest from those before it.

    The first is that in which the first objective counts most.
    """
    order = [int(np.argmax(weights[:, 0]))]
    away = np.full(len(weights), np.inf)
    while len(order) < len(weights):
        away = np.minimum(away, np.abs(weights - weights[order[-1]]).sum(axis=1))
        away[order] = -1.0
        order.append(int(np.argmax(away)))
    return order


def _over(figures: Figures, constraint: Constraint) -> float:
    """By how much a limit is broken, as a share of the limit; below 0 within."""
    return violation(figures, constraint) / (abs(constraint.bound) or 1.0)


def _spreads(means: Floats, squares: Floats, freedom: Floats) -> Floats:
    """Give the standard deviation of one run of each scheme: its own, shrunk towards what is usual.

    What is usual is what the schemes with the nearest figures show.

    Args:
        means: The mean excess of each scheme, as a share of the limit.
        squares: Sums of the squared deviations from the mean.
        freedom: How many measurements there were, less one.
    """
    usual = (_LEAST_SPREAD * np.maximum(np.abs(means + 1.0), 0.1)) ** 2
    again = np.flatnonzero(freedom)
    again = again[np.argsort(means[again], kind="stable")]
    if len(again):
        # Of schemes in the order of their figures, a window lies around each.
        below = np.concatenate(([0.0], np.cumsum(squares[again])))
        runs = np.concatenate(([0.0], np.cumsum(freedom[again])))
        middle = np.searchsorted(means[again], means)
        first = np.clip(middle - _SIMILAR // 2, 0, max(0, len(again) - _SIMILAR))
        behind = np.minimum(first + _SIMILAR, len(again))
        usual = np.maximum(usual, (below[behind] - below[first]) / (runs[behind] - runs[first]))
    return np.asarray(np.sqrt((squares + _ASSUMED * usual) / (freedom + _ASSUMED)))

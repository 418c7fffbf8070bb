"""How far predicted figures agree with measured figures: errors, rankings, and what a choice is worth.

Figures of schemes are arrays of shape ``(schemes, seeds)``; means over the seeds have shape
``(schemes,)``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autotune.objective.pareto import hypervolume, pareto_front

Figures: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How two rankings agree on pairs.

    Attributes:
        score: Pairs in equal order minus pairs in opposite order; a pair with a tie counts for neither.
        pairs: How many pairs were looked at, ties included.
    """

    score: float
    pairs: int

    def __add__(self, other: Ranking) -> Ranking:
        """Pool the pairs of both rankings."""
        return Ranking(score=self.score + other.score, pairs=self.pairs + other.pairs)

    @property
    def tau(self) -> float | None:
        """Kendall's tau over these pairs, -1 to 1; None if there are no pairs.

        >>> Ranking(score=3, pairs=4).tau
        0.75
        """
        return self.score / self.pairs if self.pairs else None


def told_apart(measured: Figures, *, least: float | Figures = 0.0) -> list[Pair]:
    """Give the pairs of schemes that the measurements themselves tell apart.

    A pair is told apart if its means are further apart than the spread of either scheme over the seeds,
    from the smallest to the largest value.

    Args:
        measured: Shape ``(schemes, seeds)``.
        least: The spread that every scheme has at least, or one for each scheme, shape ``(schemes,)``.
            It matters for a single seed, which shows none, and for few, which may be alike by chance.

    >>> told_apart(np.array([[1.0, 1.2], [1.1, 1.3], [3.0, 3.0]]))
    [(0, 2), (1, 2)]
    >>> told_apart(np.array([[1.0], [1.2], [3.0]]), least=np.array([0.1, 0.1, 1.9]))
    [(0, 1), (0, 2)]
    """
    means, spreads = measured.mean(axis=1), np.maximum(np.ptp(measured, axis=1), least)
    return [
        (a, b)
        for a, b in itertools.combinations(range(len(measured)), 2)
        if abs(means[a] - means[b]) > max(spreads[a], spreads[b])
    ]


def ranking(first: Figures, second: Figures, pairs: list[Pair]) -> Ranking:
    """Compare two rankings of schemes over some pairs of them.

    Args:
        first: Shape ``(schemes,)``.
        second: Shape ``(schemes,)``.
        pairs: Indices of schemes.

    >>> ranking(np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0, 7.0]), [(0, 1), (0, 2), (1, 2)])
    Ranking(score=2, pairs=3)
    """
    orders = (np.sign(first[a] - first[b]) * np.sign(second[a] - second[b]) for a, b in pairs)
    return Ranking(score=int(sum(orders)), pairs=len(pairs))


def own_ranking(measured: Figures, pairs: list[Pair]) -> Ranking | None:
    """Compare the measurements with themselves: each seed with the mean of the remaining seeds.

    The score is the average over the seeds. No prediction can be expected to do better. None if there is
    only one seed.

    Args:
        measured: Shape ``(schemes, seeds)``.
        pairs: Indices of schemes.
    """
    seeds = measured.shape[1]
    if seeds < 2:
        return None
    scores = [
        ranking(measured[:, seed], np.delete(measured, seed, axis=1).mean(axis=1), pairs).score
        for seed in range(seeds)
    ]
    return Ranking(score=float(np.mean(scores)), pairs=len(pairs))


def transfer(measured: Figures, predicted: Figures, reference: Figures) -> float | None:
    """The share of the possible gain that a choice by the prediction reaches.

    It is the measured hypervolume of the schemes on the predicted front, divided by the measured
    hypervolume of all schemes.

    Args:
        measured: Values to minimise, shape ``(schemes, figures)``.
        predicted: Values to minimise, shape ``(schemes, figures)``.
        reference: Shape ``(figures,)``.

    Returns:
        From 0 to 1; None if no scheme is better than the reference.

    >>> measured, wrong = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 2.0]])
    >>> transfer(measured, wrong, np.array([2.0, 2.0]))
    0.6666666666666666
    """
    best = hypervolume(measured, reference)
    if best == 0.0:
        return None
    return hypervolume(measured[pareto_front(predicted)], reference) / best


def own_transfer(measured: Figures, reference: Figures) -> float | None:
    """Give the transfer from each seed's front to the means of the remaining seeds, on average.

    Args:
        measured: Values to minimise, shape ``(schemes, seeds, figures)``.
        reference: Shape ``(figures,)``.

    Returns:
        From 0 to 1; None if there is only one seed, or no scheme is better than the reference.
    """
    if measured.shape[1] < 2:
        return None
    found = [
        transfer(np.delete(measured, seed, axis=1).mean(axis=1), measured[:, seed], reference)
        for seed in range(measured.shape[1])
    ]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None

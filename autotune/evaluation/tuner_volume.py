"""What a set of schemes is worth: the hypervolume of saving against slowdown, and the best handful.

The volume counts from no saving and from the limit on the slowdown. A set of points of a straight front
reaches a share of its area that grows with the number of points; so a handful is compared with the best
handful that can be chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

from autotune.objective import pareto

Point: TypeAlias = tuple[float, float]
"""Saving and slowdown, both fractions."""

HANDFUL = 7
"""How many schemes a handful has at most."""


def volume(points: Sequence[Point], limit: float) -> float:
    """Give the volume of schemes: savings above 0, slowdowns below *limit*.

    >>> volume([(0.5, 0.01), (0.25, 0.0), (0.9, 0.03)], 0.02)
    0.0075
    """
    return pareto.hypervolume([(-saving, slow) for saving, slow in points], (0.0, limit))


def best_handful(points: Sequence[Point], limit: float, most: int = HANDFUL) -> list[int]:
    """Choose the points whose volume together is largest, exactly.

    Points on the front are in a row: each chosen point adds a rectangle that depends on itself and on
    the chosen point before it only. So the best choice of c points that ends at a point follows from
    the best choices of c - 1 points.

    Args:
        points: Savings and slowdowns.
        limit: Of the slowdown.
        most: The largest number of points, at least 1.

    Returns:
        Indices, at most *most*, by rising saving; fewer if fewer reach the whole volume.

    >>> best_handful([(0.1, 0.0), (0.2, 0.01), (0.21, 0.0101), (0.3, 0.015)], 0.02, most=2)
    [0, 2]
    """
    front = _front(points, limit)
    if not front:
        return []
    savings = [points[index][0] for index in front]
    left = [limit - points[index][1] for index in front]
    best = [[saving * room for saving, room in zip(savings, left, strict=True)]]
    came_from: list[list[int]] = [[-1] * len(front)]
    for _ in range(1, min(most, len(front))):
        values, origins = [], []
        for here in range(len(front)):
            options = [
                (best[-1][before] + (savings[here] - savings[before]) * left[here], before)
                for before in range(here)
            ]
            value, before = max(options, default=(-1.0, -1))
            values.append(value)
            origins.append(before)
        best.append(values)
        came_from.append(origins)
    count, here = max(
        itertools.product(range(len(best)), range(len(front))),
        key=lambda at: (best[at[0]][at[1]], -at[0]),
    )
    chosen = []
    for of_count in range(count, -1, -1):
        chosen.append(front[here])
        here = came_from[of_count][here]
    return chosen[::-1]


def _front(points: Sequence[Point], limit: float) -> list[int]:
    """Give the indices of the points that count and that no other point dominates, by rising saving."""
    counting = [i for i, (saving, slow) in enumerate(points) if saving > 0.0 and slow < limit]
    counting.sort(key=lambda i: (points[i][1], -points[i][0]))
    front: list[int] = []
    for index in counting:
        if not front or points[index][0] > points[front[-1]][0]:
            front.append(index)
    return front

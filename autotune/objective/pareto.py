"""Sets of points of which less is better in every coordinate: fronts, and figures for comparing them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


def _points(values: ArrayLike) -> Points:
    points = np.asarray(values, dtype=np.float64)
    if points.size == 0:
        return points.reshape(0, points.shape[-1] if points.ndim == 2 else 0)
    if points.ndim != 2:
        raise ValueError(f"points of shape {points.shape}: it must be (n, m)")
    if not np.isfinite(points).all():
        raise ValueError("a coordinate is not a finite number")
    return points


def _point(values: ArrayLike) -> Points:
    point = np.asarray(values, dtype=np.float64)
    return _points(point[None, :]).reshape(-1)


def dominates(a: ArrayLike, b: ArrayLike) -> bool:
    """Say whether the point *a* is nowhere worse than *b* and somewhere better.

    >>> dominates([1.0, 2.0], [1.0, 3.0]), dominates([1.0, 2.0], [1.0, 2.0])
    (True, False)
    """
    first, second = _point(a), _point(b)
    return bool((first <= second).all() and (first < second).any())


def pareto_front(points: ArrayLike) -> NDArray[np.bool_]:
    """Mark the points that no other point dominates.

    Args:
        points: Values to minimise, shape ``(n, m)``, finite.

    Returns:
        A mask of shape ``(n,)``. Equal points are either all on the front or all off it.

    Raises:
        ValueError: If the points have another shape, or a value is not finite.

    >>> pareto_front([[1.0, 3.0], [2.0, 2.0], [2.0, 4.0]])
    array([ True,  True, False])
    """
    array = _points(points)
    mask = np.ones(len(array), dtype=np.bool_)
    for index, point in enumerate(array):
        better = (array <= point).all(axis=1) & (array < point).any(axis=1)
        mask[index] = not better.any()
    return mask


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume of what the points dominate within a reference point: more is better.

    Exact for any number of coordinates: slices along the last one (Zitzler 2001, "HSO").

    Args:
        points: Values to minimise, shape ``(n, m)``, finite. What lies at or beyond the reference in any
            coordinate contributes nothing.
        reference: Shape ``(m,)``.

    Raises:
        ValueError: If the shapes don't fit, or a value is not finite.

    >>> hypervolume([[0.0, 2.0], [1.0, 1.0], [5.0, 5.0]], reference=[3.0, 3.0])
    5.0
    """
    corner = _point(reference)
    array = _points(points)
    if not len(array):
        return 0.0
    if array.shape[1] != len(corner):
        raise ValueError(
            f"points have {array.shape[1]} coordinates, the reference has {len(corner)}"
        )
    array = array[(array < corner).all(axis=1)]
    return _volume(np.unique(array, axis=0), corner)


def _volume(points: Points, corner: Points) -> float:
    """The volume of points that all lie below *corner*."""
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(corner[0] - points.min())
    front = points[pareto_front(points)]
    front = front[np.argsort(front[:, -1], kind="stable")]
    depths = np.diff(front[:, -1], append=corner[-1])
    slices = (
        _volume(front[: count + 1, :-1], corner[:-1]) * depth
        for count, depth in enumerate(depths.tolist())
        if depth > 0.0
    )
    return float(sum(slices))


def knee(points: ArrayLike, limit: ArrayLike | None = None) -> int:
    """Give the index of the balanced point: the one nearest to the best of everything at once.

    Each coordinate is scaled to [0, 1] between the ideal point (its smallest value) and *limit*, which
    is where it is worth nothing any more. The knee is the point with the smallest distance to the ideal
    point; of equals the first. A coordinate that is the same everywhere doesn't count. (The largest
    coordinate alone would take any price in the others for the last bit of the first.)

    Args:
        points: A front: values to minimise, shape ``(n, m)``, n at least 1.
        limit: Shape ``(m,)``. By default, and in coordinates in which it is not above the ideal point,
            the nadir point (the largest values of the front).

    Raises:
        ValueError: If there is no point, the shape is another, or a value is not finite.

    Source: the compromise solution of Yu, "A class of solutions for group decision problems", 1973, by
    the Euclidean norm.

    >>> front = [[0.0, 10.0], [1.0, 1.0], [10.0, 0.0]]
    >>> knee(front), knee(front, limit=[10.0, 1000.0])
    (1, 0)
    """
    array = _points(points)
    if not len(array):
        raise ValueError("there is no point to choose from")
    ideal = array.min(axis=0)
    spread = array.max(axis=0) - ideal
    if limit is not None:
        worst = _point(limit)
        if worst.shape != ideal.shape:
            raise ValueError(f"points have {len(ideal)} coordinates, the limit has {len(worst)}")
        stake = worst - ideal
        spread = np.where(stake > 0.0, stake, spread)
    scaled = (array - ideal) / np.where(spread > 0.0, spread, 1.0)
    return int(np.argmin((scaled**2).sum(axis=1)))


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Points, Points]:
    first, second = _points(a), _points(b)
    if not len(first) or not len(second):
        raise ValueError("a set without points can't be compared")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"points of {first.shape[1]} and of {second.shape[1]} coordinates")
    return first, second


def coverage(a: ArrayLike, b: ArrayLike) -> float:
    """Share of the points of *b* that some point of *a* equals or dominates.

    Args:
        a: Values to minimise, shape ``(n, m)``, n at least 1.
        b: The same for the other set.

    Returns:
        From 0 to 1. ``coverage(b, a)`` is a figure of its own.

    Raises:
        ValueError: If a set is empty, or the shapes don't fit.

    Source: Zitzler and Thiele, "Multiobjective optimization using evolutionary algorithms - a
    comparative case study", 1998: "coverage of two sets".

    >>> coverage([[1.0, 1.0]], [[1.0, 1.0], [2.0, 1.0], [0.0, 3.0], [3.0, 0.0]])
    0.5
    """
    first, second = _pair(a, b)
    covered = (first[:, None, :] <= second[None, :, :]).all(axis=2).any(axis=0)
    return float(covered.mean())


def epsilon(a: ArrayLike, b: ArrayLike) -> float:
    """Give the least by which all of *a* must be lowered so that it equals or dominates all of *b*.

    Args:
        a: Values to minimise, shape ``(n, m)``, n at least 1.
        b: The same for the other set.

    Returns:
        In the unit of the coordinates; below 0 where *a* is better by that much already.

    Raises:
        ValueError: If a set is empty, or the shapes don't fit.

    Source: Zitzler et al., "Performance assessment of multiobjective optimizers", 2003: the additive
    epsilon indicator.

    >>> epsilon([[1.0, 1.0]], [[0.5, 2.0]])
    0.5
    """
    first, second = _pair(a, b)
    shifts = (first[:, None, :] - second[None, :, :]).max(axis=2)
    return float(shifts.min(axis=0).max())

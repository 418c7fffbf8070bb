"""Fronts of points, and figures that compare fronts. In every coordinate of a point, less is better."""

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
        A mask of shape ``(n,)``. Equal points are all on the front, or all off it.

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
    """Give the volume that the points dominate, up to a reference point: more is better.

    The volume is exact for any number of coordinates: it is summed over slices along the last coordinate
    (Zitzler 2001, "HSO").

    Args:
        points: Values to minimise, shape ``(n, m)``, finite. A point at or beyond the reference in any
            coordinate contributes nothing.
        reference: The reference point, shape ``(m,)``.

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
    """Give the volume that points dominate up to *corner*; they all lie below it."""
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
    """Give the index of the knee: the point nearest to the ideal point.

    The ideal point has the smallest value of every coordinate. Each coordinate is scaled to [0, 1]
    between the ideal point and *limit*, at which the coordinate is worth nothing any more. The distance
    is Euclidean. If several points are nearest, the knee is the first of them. A coordinate with one
    value for all points doesn't count. (By the largest coordinate alone, a tiny gain in one coordinate
    could cost any loss in another coordinate.)

    Args:
        points: A front: values to minimise, shape ``(n, m)``, n at least 1.
        limit: The limit, shape ``(m,)``. By default it is the nadir point (the largest values of the
            front). A coordinate of *limit* that is not above the ideal point is also taken from there.

    Raises:
        ValueError: If there is no point, a shape is wrong, or a value is not finite.

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
    """Give the share of the points of *b* that some point of *a* equals or dominates.

    Args:
        a: Values to minimise, shape ``(n, m)``, n at least 1.
        b: Values to minimise, shape ``(k, m)``, k at least 1.

    Returns:
        A share from 0 to 1. It does not follow from ``coverage(b, a)``.

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
    """Give how much each value of *a* must fall so that each point of *b* is equalled or dominated.

    Args:
        a: Values to minimise, shape ``(n, m)``, n at least 1.
        b: Values to minimise, shape ``(k, m)``, k at least 1.

    Returns:
        The smallest such number, in the unit of the coordinates; below 0 if *a* is better by so much.

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

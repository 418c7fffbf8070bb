"""How much a scheme would add to a front, averaged over what is believed of it.

The volume that a front dominates is counted on points that are spread evenly below the corner at which
every objective is worth nothing. A draw of the model gives figures of all candidates and of all schemes
that were measured. So the front itself is uncertain, too, and a scheme that was measured once and was
lucky is worth measuring again. A figure that breaks a limit dominates nothing.

Source: Daulton, Balandat and Bakshy, "Parallel Bayesian optimization of multiple noisy objectives with
expected hypervolume improvement", 2021; the volume by counting points instead of boxes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

Floats = NDArray[np.float64]

_COUNTING_POINTS = 512
_BEST_POINTS = 128


def counting_points(ideal: Floats, corner: Floats, *, count: int = _COUNTING_POINTS) -> Floats:
    """Spread points evenly over the box from *ideal* to *corner*, both of shape ``(k,)``.

    Returns:
        Shape ``(count, k)``. Equal arguments give equal points.
    """
    shares = qmc.Sobol(len(ideal), scramble=False).random_base2((count - 1).bit_length())[:count]
    return np.asarray(ideal + (shares + 0.5 / count) * (corner - ideal))


def best_points(ideal: Floats, corner: Floats, *, count: int = _BEST_POINTS) -> Floats:
    """Spread points where the first objective alone counts: the others are at the corner.

    Beside the points of the box they make the best scheme by the first objective worth something of its
    own: near a limit it adds next to nothing to the volume.

    Returns:
        Shape ``(count, k)``.
    """
    points = np.tile(corner, (count, 1))
    points[:, 0] = ideal[0] + (np.arange(count) + 0.5) / count * (corner[0] - ideal[0])
    return points


def improvement(
    front: Floats,
    front_within: NDArray[np.bool_],
    new: Floats,
    new_within: NDArray[np.bool_],
    points: Floats,
) -> Floats:
    """Give what each new scheme adds, as a share of the box of the counting points.

    Args:
        front: Drawn losses of the schemes that are had, shape ``(s, n, k)`` for s draws.
        front_within: Whether these keep all limits, shape ``(s, n)``.
        new: Drawn losses of the new schemes, shape ``(s, m, k)``.
        new_within: Whether these keep all limits, shape ``(s, m)``.
        points: Counting points, shape ``(p, k)``.

    Returns:
        The mean over the draws, shape ``(m,)``.
    """
    added = np.zeros(new.shape[1])
    for had, keeps, more, keep in zip(front, front_within, new, new_within, strict=True):
        covered = covers(had[keeps], points).any(axis=0)
        added += covers(more, points[~covered]).sum(axis=1) * keep
    return added / (len(new) * len(points))


def covers(losses: Floats, points: Floats) -> NDArray[np.bool_]:
    """Say which losses, shape ``(m, k)``, dominate which points, shape ``(p, k)``: ``(m, p)``."""
    found = np.ones((len(losses), len(points)), dtype=np.bool_)
    for one, other in zip(losses.T, points.T, strict=True):
        found &= one[:, None] <= other
    return found

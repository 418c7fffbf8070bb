"""Which of many schemes are worth a closer look, and the box in which the volume counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotune.objective.objective import Direction
from autotune.surrogate.evolution import Evaluated
from autotune.surrogate.sought import Sought

Floats = NDArray[np.float64]

_WEIGHTS = 40
"""So many parts of the front are looked at;"""
_OF_EACH = 3
"""so many schemes are taken for each."""
_SUM, _EXCESS = 0.05, 3.0
"""As in `autotune.surrogate.evolution`."""
_HARDLY = 0.05
"""A scheme that keeps the limits with less than this probability does not count for the box."""


def evaluated(sought: Sought, points: Floats, means: Floats, noise: Floats) -> Evaluated:
    """Give schemes as `Evolution` takes them; what is not sure to keep a limit counts as beyond it.

    Args:
        sought: The figures.
        points: In the unit cube, shape ``(n, d)``.
        means: The figures on their scales, shape ``(n, f)``.
        noise: The standard deviation of one run, of the same shape.
    """
    room = sought.room(means) - sought.margin * sought.of_constraints(noise)
    return Evaluated(
        points=points,
        losses=sought.losses(means),
        excess=np.asarray(np.max(-room, axis=-1, initial=0.0)),
    )


def shortlist(sought: Sought, means: Floats, deviations: Floats, noise: Floats) -> list[int]:
    """Give the schemes that may be the best of some part of the front.

    Some are the best by what is expected, and some would be if they were a deviation better.

    Args:
        sought: The figures.
        means: The figures on their scales, shape ``(n, f)``.
        deviations: How uncertain these are.
        noise: The standard deviation of one run.
    """
    found: dict[int, None] = {}
    for scores, taken in (
        (_scores(sought, means, deviations, noise, hope=0.0), _OF_EACH),
        (_scores(sought, means, deviations, noise, hope=1.0), 1),
    ):
        for score in scores:
            found.update(dict.fromkeys(np.argsort(score, kind="stable")[:taken].tolist()))
    return list(found)


def foremost(
    sought: Sought, means: Floats, deviations: Floats, noise: Floats, count: int
) -> list[int]:
    """Give the *count* schemes that come nearest to being the best of some part of the front.

    The arguments are those of `shortlist`.
    """
    hopes = (0.0, 1.0)
    ranks = [
        np.argsort(
            np.argsort(_scores(sought, means, deviations, noise, hope=hope), axis=1), axis=1
        )
        for hope in hopes
    ]
    best = np.concatenate(ranks).min(axis=0)
    return sorted(np.argsort(best, kind="stable")[:count].tolist())


def _scores(
    sought: Sought, means: Floats, deviations: Floats, noise: Floats, *, hope: float
) -> Floats:
    """Give how good schemes are by each of several weights of the objectives: less is better.

    What is uncertain counts as better than expected by *hope* deviations.

    Returns:
        Shape ``(_WEIGHTS, n)``.
    """
    count = len(sought.objectives.objectives)
    weights = np.random.default_rng(0).dirichlet(np.ones(count), size=_WEIGHTS)
    room = sought.room(means) + hope * sought.of_constraints(deviations)
    room = room - sought.margin * sought.of_constraints(noise)
    excess = np.max(-room, axis=-1, initial=0.0)
    losses = sought.losses(hoped(sought, means, hope * deviations))
    low, high = _box(losses, excess <= 0.0, sought.corner)
    weighted = (losses - low) / (high - low) * weights[:, None, :]
    return np.asarray(weighted.max(axis=2) + _SUM * weighted.sum(axis=2) + _EXCESS * excess)


def hoped(sought: Sought, means: Floats, deviations: Floats) -> Floats:
    """Give figures that are better than expected by *deviations*; figures of constraints stay."""
    better = means.copy()
    for at, objective in enumerate(sought.objectives.objectives):
        sign = 1.0 if objective.direction is Direction.MAXIMIZE else -1.0
        better[:, at] += sign * deviations[:, at]
    return better


def box(
    sought: Sought, means: Floats, deviations: Floats, noise: Floats
) -> tuple[Floats, Floats] | None:
    """Give the ideal and the corner between which the volume counts: losses, both of shape ``(k,)``.

    Returns:
        None if nothing can be had: no scheme is likely to be within the limits and better than the
        corner.
    """
    within = sought.within(means, np.hypot(deviations, noise)) > _HARDLY
    losses = sought.losses(hoped(sought, means, deviations))[within]
    losses = losses[(losses < sought.corner).all(axis=1)]
    return (losses.min(axis=0), sought.corner) if len(losses) else None


def _box(losses: Floats, within: NDArray[np.bool_], corner: Floats) -> tuple[Floats, Floats]:
    low = losses[within].min(axis=0) if within.any() else losses.min(axis=0)
    return low, np.where(corner > low, corner, low + 1.0)

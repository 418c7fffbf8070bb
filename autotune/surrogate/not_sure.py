"""What to run as long as no scheme is sure to keep the limits, where no prior knows the workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.surrogate.recommendable import Believed
from autotune.surrogate.sought import Sought

Floats = NDArray[np.float64]

_LITTLE = 0.01
"""A run that adds less than this share of the box is worth less than a run that makes something sure."""
_HOPELESS = 0.001
"""Schemes are tried as long as one keeps the limits with this probability."""
_DOUBTFUL = 0.5
"""What keeps the limits less probably is not run again to be sure of it."""


def first_repeats(sought: Sought, shown: Floats, count: int) -> list[int]:
    """Choose the first schemes to run again: they tell the noise of all.

    Args:
        sought: The figures.
        shown: What m schemes have shown, on the figures' scales, shape ``(m, f)``.
        count: How many at most.

    Returns:
        Of the schemes that kept the limits and are better than the corner: the one that is safest, then
        those that are best by the first objective.
    """
    losses, room = sought.losses(shown), np.min(sought.room(shown), axis=-1, initial=np.inf)
    keeps = _better(sought, shown) & (room >= 0.0)
    safest = np.argsort(np.where(keeps, -room, np.inf), kind="stable")[:1].tolist()
    best = np.argsort(losses[:, 0], kind="stable").tolist()
    return [at for at in dict.fromkeys((*safest, *best)) if keeps[at]][:count]


def least_daring(
    sought: Sought, means: Floats, deviations: Floats, count: int
) -> dict[int, float]:
    """Choose the schemes that most probably keep the limits, where none is likely to.

    Args:
        sought: The figures.
        means: What is expected of m schemes, on the figures' scales, shape ``(m, f)``.
        deviations: How far a run may be from that.
        count: How many at most.

    Returns:
        The probability of each, the most probable first; nothing if there is no hope.
    """
    within = sought.within(means, deviations)
    order = np.argsort(-within, kind="stable")[:count].tolist()
    return {at: float(within[at]) for at in order if within[at] >= _HOPELESS}


def until_sure(
    believed: Believed,
    worth: Mapping[int, float],
    again: Sequence[int],
    fresh: Sequence[int],
) -> Mapping[int, float]:
    """Give what runs are worth where nothing is sure yet.

    If none is worth much, the run counts that most probably makes something sure: a repeat of what would
    be sure if it was known as well as can be, else a new scheme, else a repeat that may show less noise.

    Args:
        believed: What is believed.
        worth: What runs are worth by what they change.
        again: The schemes that can be run again.
        fresh: The schemes that were not run.
    """
    if max(worth.values(), default=0.0) >= _LITTLE:
        return worth
    sought = believed.sought
    better = _better(sought, believed.means)
    may_be = sought.within(believed.means, believed.noise)
    likely = believed.likely()
    can = [at for at in again if better[at] and may_be[at] >= sought.sure]
    can = can or [at for at in fresh if better[at] and likely[at] >= _HOPELESS]
    can = can or [at for at in again if better[at] and may_be[at] >= _DOUBTFUL]
    if not can:
        return worth
    best = max(can, key=lambda at: (likely[at], -at))
    return {**worth, best: max(_LITTLE, float(likely[best]))}


def _better(sought: Sought, scaled: Floats) -> NDArray[np.bool_]:
    return np.asarray((sought.losses(scaled) < sought.corner).all(axis=-1))

"""What a run is worth: of a new scheme, or once more of a scheme that was run.

A scheme that is not sure to keep the limits is worth what it would add if all were known of it, its
noise too, shared among the runs that it takes to be sure. A new scheme adds it to all that were run,
sure or not; a repeat adds it to what is sure. Without a prior that knows the workload, a new scheme is
worth what its own runs are expected to add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.surrogate.improvement import improvement
from autotune.surrogate.recommendable import Believed

Floats = NDArray[np.float64]

_DRAWS = 64
_WEIGHED = 16
"""So many new schemes, and so many repeats, are weighed by what their run would change."""
_SEVERAL = (1, 3)
"""A run is weighed alone and as one of three: one alone may not be enough to tell anything."""
_NEEDED = 4
"""The most repeats of a scheme that are thought of at a time."""
_LITTLE_HOPE = 0.2
"""The share that counts of what a new scheme may add at best, without a prior: most may be anything."""
_LATER = 0.5
"""What a repeat is worth while there may be new schemes, as a share: it can still be made later."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What runs are worth, as shares of the box that can be had.

    Attributes:
        each: Of each scheme that was weighed, for each start of the workload that its run takes.
        hope: What the scheme that would add most adds if all were known of it.
    """

    each: dict[int, float]
    hope: float


def worth(
    believed: Believed,
    had: Sequence[int],
    fresh: Sequence[int],
    prices: Sequence[int | None],
    random: np.random.Generator,
    *,
    trusted: bool = True,
) -> Worth:
    """Weigh runs.

    Args:
        believed: What is believed of all schemes.
        had: The schemes that were run or will be.
        fresh: The schemes that may be run for the first time.
        prices: How many starts of the workload a repeat takes, of each of the first schemes; None of one
            that can't be repeated.
        random: Draws what may be the case.
        trusted: Whether what is believed of new schemes comes from a prior that knows the workload.
    """
    drawn = believed.draw(_DRAWS, random)
    noise = believed.draw_noise(_DRAWS, random)
    each: dict[int, float] = {}
    sure = believed.sure(had)
    front = [at for at, is_sure in zip(had, sure, strict=True) if is_sure]
    hopes = _added(believed, drawn, noise, had, fresh)
    shared = hopes / believed.runs_needed(fresh, _NEEDED)
    for at in np.argsort(-shared, kind="stable")[:_WEIGHED].tolist():
        shown = 0.0 if trusted else _of_runs(believed, fresh[at], had)
        each[fresh[at]] = max(shown, (1.0 if trusted else _LITTLE_HOPE) * float(shared[at]))
    later = _LATER if len(fresh) else 1.0
    # A repeat tells how large the noise is, too; the more is known of it, the less so.
    for at in believed.doubtful(len(prices))[:_WEIGHED]:
        if (price := prices[at]) is not None:
            each[at] = later * _of_runs(believed, at, had) / price
    doubtful = [at for at, price in enumerate(prices) if price is not None and at not in front]
    again = _added(believed, drawn, noise, front, doubtful)
    needed = believed.runs_needed(doubtful, _NEEDED)
    for at, added, runs in zip(doubtful, again.tolist(), needed.tolist(), strict=True):
        price = prices[at] or 1
        each[at] = max(each.get(at, 0.0), later * added / (price * runs))
    return Worth(each, max((*hopes.tolist(), *again.tolist(), *each.values()), default=0.0))


def _of_runs(believed: Believed, at: int, had: Sequence[int]) -> float:
    """Give what a run of a scheme is worth: alone, or as one of several, if that is more."""
    return max(max(believed.gain(at, had, runs=runs), 0.0) / runs for runs in _SEVERAL)


def _added(
    believed: Believed, drawn: Floats, noise: Floats, front: Sequence[int], more: Sequence[int]
) -> Floats:
    """Give by how much each of *more* would improve a front if all were known exactly."""
    if not len(more):
        return np.zeros(0)
    sought = believed.sought
    room = sought.room(drawn) - sought.margin * sought.of_constraints(noise)
    within = np.asarray((room >= 0.0).all(axis=-1))
    losses = sought.losses(drawn)
    had, other = list(front), list(more)
    return improvement(
        losses[:, had], within[:, had], losses[:, other], within[:, other], believed.points
    )

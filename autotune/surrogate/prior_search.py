"""Looking for the front of what a prior says.

A design that fills the space comes first, then variations of what is best so far. A set that looks best
was asked about with few seeds and may be lucky: it is asked about with more, and so is what looks best
after that, until what looks best was asked about often enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.space.space import ParameterSet
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.improvement import counting_points, covers
from autotune.surrogate.prior import Surface
from autotune.surrogate.shortlist import evaluated, shortlist
from autotune.surrogate.sought import Sought

Floats = NDArray[np.float64]

_SHARE_OF_DESIGN = 5
"""The design is so large a part of all parameter sets."""
_BATCH = 48
"""So many variations are made at a time."""
_AT_ONCE = 3
"""With so many seeds each set is asked about: of many, some are lucky with one."""
_RACED = (6, 8)
"""With so many seeds, in turn, what looks best is asked about after each batch."""
_PATIENCE, _GAIN = 8, 0.01
"""After so many batches in which the volume grew by no larger share, the search ends; where nothing
keeps the limits, after three times as many."""
_COUNTED = 1024
_MOST_PASSES = 24


def search_prior(
    surface: Surface,
    sought: Sought,
    evolution: Evolution,
    count: int,
    seeds: int,
    also: Iterable[ParameterSet],
) -> None:
    """Ask a prior about parameter sets.

    Args:
        surface: What is known; it grows.
        sought: The figures.
        evolution: Proposes.
        count: The most parameter sets.
        seeds: How often what is best in the end is asked about.
        also: Parameter sets to ask about beside those that are found.
    """
    surface.add(also)
    surface.add(evolution.design(count // _SHARE_OF_DESIGN), limit=count)
    best, waited = 0.0, 0
    while 0 < len(surface) < count and waited < (_PATIENCE if best else 3 * _PATIENCE):
        surface.repeat(range(len(surface)), _AT_ONCE)
        for raced in _RACED:
            surface.repeat(_foremost(surface, sought), raced)
        volume = _volume(surface, sought)
        waited = 0 if volume > best * (1.0 + _GAIN) else waited + 1
        best = max(best, volume)
        points = surface.points(np.arange(len(surface)))
        known = evaluated(sought, points, surface.mean, surface.spread)
        before = len(surface)
        surface.add(evolution.vary(known, _BATCH), limit=count - before)
        if len(surface) == before:
            waited += 1
    for passed in passes(seeds):
        if not len(surface):
            return
        short = _foremost(surface, sought)
        surface.repeat(short, passed)
        if passed == seeds and all(surface.asked(row) >= seeds for row in short):
            return


def passes(seeds: int) -> Sequence[int]:
    """Give with how many seeds to ask in turn, so that the lucky fall back at little cost."""
    few = [3, 3, 3, 3, 6, 6, 6, 6]
    return [*(n for n in few if n < seeds), *[seeds] * (_MOST_PASSES - len(few))]


def _foremost(surface: Surface, sought: Sought) -> list[int]:
    return shortlist(sought, surface.mean, np.zeros_like(surface.mean), surface.spread)


def _volume(surface: Surface, sought: Sought) -> float:
    """Give the volume of what keeps the limits, from where an objective is worth nothing."""
    points = surface.points(np.arange(len(surface)))
    known, corner = evaluated(sought, points, surface.mean, surface.spread), sought.corner
    often = np.array([surface.asked(row) >= _RACED[-1] for row in range(len(surface))])
    losses = known.losses[(known.excess <= 0.0) & often]
    losses = losses[(losses < corner).all(axis=1)]
    if not len(losses):
        return 0.0
    ideal = losses.min(axis=0)
    share = covers(losses, counting_points(ideal, corner, count=_COUNTED)).any(axis=0).mean()
    return float(share * np.prod(corner - ideal))

"""Where within DAMON's regions the accesses were, as far as all of a recording tells.

A region of DAMON may hold hot and cold memory. In other aggregations its borders lie elsewhere, and of
each mapping the windows of references say how much of it is used. What most likely lies behind that
decides where in a region its accesses are played.

Source: L. A. Shepp and Y. Vardi, "Maximum likelihood reconstruction for emission tomography", IEEE TMI 1
(1982): the same problem, of counts over overlapping regions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.recording import Recording, Snapshot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEARNING_STEPS = 1
"""More steps find structure in what is chance."""
_STEPS = 4
"""Then all that fits is shared out."""
_MOST_SNAPSHOTS = 400
"""So many snapshots, evenly spread, are enough to learn from."""
_FLOOR = 1e-3
"""Nothing is so cold that it is out of the question, against the mean."""


class Segments(NamedTuple):
    """Neighbouring pages, of which some are resident at some time; in the order of addresses.

    Attributes:
        low: The first page, an address divided by `PAGE_BYTES`; shape ``(n_segments,)``.
        high: The page behind the last.
        piece: The number of the piece that holds it.
        resident: How many of its pages are ever resident.
    """

    low: Ints
    high: Ints
    piece: Ints
    resident: Ints


class Cells(NamedTuple):
    """The accessed parts of segments in one aggregation, in the order of addresses.

    Attributes:
        low: The first page; shape ``(n_cells,)``.
        high: The page behind the last.
        segment: The segment that holds the cell.
        chance: The share of its pages that is used in a sampling interval.
        hits: How many samples of DAMON that rests on.
    """

    low: Ints
    high: Ints
    segment: Ints
    chance: Floats
    hits: Floats


class _Counts(NamedTuple):
    """What a snapshot counted: knots of addresses, in pages, and what was touched between them."""

    low: Ints
    high: Ints
    touched: Floats


def _counts(snapshot: Snapshot, most: int) -> _Counts:
    found = np.array([region[:3] for region in snapshot.regions], dtype=np.int64).reshape(-1, 3)
    low, high = found[:, 0] // PAGE_BYTES, -(-found[:, 1] // PAGE_BYTES)
    return _Counts(low, high, found[:, 2] / most * (high - low))


def _knots(low: Ints, high: Ints, height: Floats) -> tuple[Floats, Floats]:
    """Ends of stretches, and the integral of *height* up to each of them."""
    places = np.column_stack((low, high)).ravel().astype(np.float64)
    area = np.column_stack((np.zeros(len(low)), height * (high - low))).ravel()
    return places, np.cumsum(area)


def locate(recording: Recording, segments: Segments, prior: Floats) -> tuple[Floats, list[Cells]]:
    """Say how hot each segment is, and for each snapshot which pages of which segments were accessed.

    Args:
        recording: The recording.
        segments: Where memory is.
        prior: How hot each segment is thought to be before DAMON's counts are looked at, in any unit.
    """
    counts = [_counts(snapshot, recording.max_accesses) for snapshot in recording.snapshots]
    if not len(segments.low):
        return prior, [_no_cells() for _ in counts]
    heat = _learn(counts[:: max(1, len(counts) // _MOST_SNAPSHOTS)], segments, prior)
    return heat, [_cells(one, segments, heat, recording.max_accesses) for one in counts]


def _no_cells() -> Cells:
    none = np.zeros(0, dtype=np.int64)
    return Cells(none, none, none, np.zeros(0), np.zeros(0))


def _learn(counts: list[_Counts], segments: Segments, prior: Floats) -> Floats:
    low, high = segments.low.astype(np.float64), segments.high.astype(np.float64)
    heat = np.maximum(prior, _FLOOR * prior.mean())
    for _ in range(_LEARNING_STEPS):
        found, looked = np.zeros(len(low)), np.zeros(len(low))
        for one in counts:
            if not len(one.low):
                continue
            places, mass = _knots(segments.low, segments.high, heat)
            own = np.interp(one.high, places, mass) - np.interp(one.low, places, mass)
            ratio = np.divide(one.touched, own, out=np.zeros(len(own)), where=own > 0.0)
            places, mass = _knots(one.low, one.high, ratio)
            found += heat * (np.interp(high, places, mass) - np.interp(low, places, mass))
            places, mass = _knots(one.low, one.high, np.ones(len(ratio)))
            looked += np.interp(high, places, mass) - np.interp(low, places, mass)
        learned = np.divide(found, looked, out=heat.copy(), where=looked > 0.0)
        heat = np.maximum(learned, _FLOOR * learned.mean())
    return heat


def _cells(counts: _Counts, segments: Segments, heat: Floats, most: int) -> Cells:
    """Cut segments at the borders of accessed regions, and share out what was touched."""
    hot = counts.touched > 0.0
    low, high, touched = counts.low[hot], counts.high[hot], counts.touched[hot]
    if not len(low):
        return _no_cells()
    bounds = np.unique(np.concatenate((low, high, segments.low, segments.high)))
    starts, ends = bounds[:-1], bounds[1:]
    region = np.searchsorted(low, starts, side="right") - 1
    segment = np.searchsorted(segments.low, starts, side="right") - 1
    held = (
        (region >= 0) & (ends <= high[region]) & (segment >= 0) & (ends <= segments.high[segment])
    )
    starts, ends, region, segment = starts[held], ends[held], region[held], segment[held]
    size, chance, full = (ends - starts).astype(np.float64), heat[segment], np.zeros(len(starts))
    for _ in range(_STEPS):  # what does not fit where it is hottest goes to the rest
        filled = np.bincount(region, size * full, len(low))
        mass = np.bincount(region, size * chance * (1.0 - full), len(low))
        wanted = np.maximum(0.0, touched - filled)
        factor = np.divide(wanted, mass, out=np.zeros(len(low)), where=mass > 0.0)
        chance = np.where(full > 0.0, 1.0, chance * factor[region])
        full = (chance >= 1.0).astype(np.float64)
        chance = np.minimum(1.0, chance)
    hits = size * chance / (high - low)[region] * most
    return Cells(starts, ends, segment, chance, hits)

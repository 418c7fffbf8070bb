"""How soon pages are used again, fitted to what a program referenced within windows of time.

DAMON's counts say where and when memory is used, and which share of it at a time. The windows say how
many pages were used at least once. What the counts leave unexplained of that are pages that DAMON did
not meet: some are used all the time, some at random times, some in turn, and the rest never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.references import ReferencedWindow

Floats = NDArray[np.float64]

RATES_HZ: Final = (4.0, 2.0, 1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
"""How often a page that is used at random times may be used."""
PERIODS_S: Final = (0.8, 1.6, 3.2, 6.4, 12.8, 25.6)
"""How long it may take until pages that are used in turn have all been used."""
WIDENINGS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0)
"""How many times as many pages may be used in an aggregation as are in a sampling interval."""

_KINDS = 2 + len(RATES_HZ) + len(PERIODS_S)
_FEW_PAGES = 32
"""Fewer pages are no sign that a program does something else."""
_SUM_WEIGHT = 10.0
"""How much it matters that the shares sum to one, against one window."""
_AS_GOOD = 0.1
"""How far off a fit may be, in the mean, and count as good as the best one."""


class Zone(NamedTuple):
    """Addresses of which windows say what was referenced: one mapping, or several that replaced it.

    Attributes:
        start: First address.
        end: Address behind the last.
        begin_us: When the windows began, shape ``(n_windows,)``.
        end_us: When they ended.
        resident: Pages that were resident at their ends.
        referenced: Pages that were used within the windows, but for those that were new.
    """

    start: int
    end: int
    begin_us: Floats
    end_us: Floats
    resident: Floats
    referenced: Floats


class Pass(NamedTuple):
    """Pages that are used once, one after the other.

    Attributes:
        begin_us: When that begins.
        end_us: When that ends.
        share: The share of the zone's pages.
    """

    begin_us: float
    end_us: float
    share: float


class Reuse(NamedTuple):
    """How the pages of a zone are used.

    Attributes:
        widening: How many times as many pages are used in an aggregation as in a sampling interval.
        always: The share of the pages that is used in every aggregation.
        drawn: The shares of the pages that are used at random times, one for each of `RATES_HZ`.
        swept: The shares of the pages that are used in turn, one for each of `PERIODS_S`.
        passes: What is used once.
    """

    widening: float
    always: float
    drawn: tuple[float, ...]
    swept: tuple[float, ...]
    passes: tuple[Pass, ...] = ()


def zones(windows: Iterable[ReferencedWindow]) -> list[Zone]:
    """Sort what windows say by addresses; mappings that overlap in different windows are one zone."""
    windows = sorted(windows, key=lambda window: window.end_us)
    spans: list[list[int]] = []
    for start, end in sorted({area[:2] for window in windows for area in window.areas}):
        if spans and start < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([start, end])
    starts = [start for start, _ in spans]
    found: list[list[tuple[int, int, int, int]]] = [[] for _ in spans]
    for window in windows:
        sums: dict[int, list[int]] = {}
        for area in window.areas:
            if area.resident_bytes < PAGE_BYTES:
                continue
            number = int(np.searchsorted(starts, area.start, side="right")) - 1
            own = sums.setdefault(number, [0, 0])
            own[0] += area.resident_bytes
            own[1] += area.referenced_bytes
        for number, (resident, referenced) in sums.items():
            found[number].append((window.begin_us, window.end_us, resident, referenced))
    return [_zone(span[0], span[1], rows) for span, rows in zip(spans, found, strict=True) if rows]


def _zone(start: int, end: int, rows: list[tuple[int, int, int, int]]) -> Zone:
    begin_us, end_us, resident, referenced = np.array(rows, dtype=np.float64).T
    grown = np.maximum(0.0, resident - np.interp(begin_us, end_us, resident))
    return Zone(
        start,
        end,
        begin_us,
        end_us,
        resident / PAGE_BYTES,
        np.maximum(0.0, referenced - grown) / PAGE_BYTES,
    )


def fit(zones_of: Sequence[Zone], seen: Sequence[Floats]) -> list[Reuse]:
    """Say of each zone how its pages are used.

    Args:
        zones_of: The zones.
        seen: For each zone the share of its pages that DAMON's counts explain, shape
            ``(len(WIDENINGS), n_windows)``.
    """
    return [_fit(zone, explained) for zone, explained in zip(zones_of, seen, strict=True)]


def _fit(zone: Zone, seen: Floats) -> Reuse:
    window_s = (zone.end_us - zone.begin_us) / 1e6
    share = zone.referenced / zone.resident
    steady = _steady(zone)
    weights = 1.0 / np.sqrt(share[steady] + 0.01)
    rows = np.vstack((_basis(window_s[steady]) * weights[:, None], np.full(_KINDS, _SUM_WEIGHT)))
    errors, shares = [], []
    for one in seen:
        left = (share - one)[steady] / np.maximum(1.0 - one[steady], 0.05)
        found, error = nnls(rows, np.append(left * weights, _SUM_WEIGHT))
        errors.append(error * error / len(left))
        shares.append(found)
    # Of what fits about as well as the best, take what leaves least to chance.
    size = float(np.mean((share[steady] * weights) ** 2))
    good = np.flatnonzero(np.array(errors) <= min(errors) + _AS_GOOD**2 * size)
    chosen = int(good[np.argmin([shares[number][:-1].sum() for number in good])])
    kinds = shares[chosen]
    explained = seen[chosen] + (1.0 - seen[chosen]) * np.minimum(1.0, _basis(window_s) @ kinds)
    return Reuse(
        widening=WIDENINGS[chosen],
        always=float(kinds[0]),
        drawn=tuple(kinds[1 : 1 + len(RATES_HZ)].tolist()),
        swept=tuple(kinds[1 + len(RATES_HZ) : -1].tolist()),
        passes=tuple(_passes(zone, explained * zone.resident)),
    )


def _steady(zone: Zone) -> NDArray[np.bool_]:
    """Say which windows show how the program goes on.

    While a program goes on as it did, ever fewer of the pages that it uses are new to a window. Where a
    window finds new pages faster than before, the program has done something else, once.

    Source: P. J. Denning, "The working set model for program behavior", CACM 11 (1968): the mean working
    set is a concave function of the window.
    """
    steady = np.ones(len(zone.begin_us), dtype=bool)
    for _, own in _rounds(zone):
        slowest = np.inf
        time_us, pages = zone.begin_us[own[0]], 0.0
        for number in own:
            taken_us = zone.end_us[number] - time_us
            new = zone.referenced[number] - pages
            if new > 2.0 * slowest * taken_us + _FEW_PAGES:
                steady[own[own >= number]] = False
                break
            slowest = min(slowest, max(0.0, new) / taken_us)
            time_us, pages = zone.end_us[number], zone.referenced[number]
    return steady


def _rounds(zone: Zone) -> Iterator[tuple[float, NDArray[np.int64]]]:
    """The windows that begin at one time, in the order of their ends."""
    for begin_us in np.unique(zone.begin_us):
        yield float(begin_us), np.flatnonzero(zone.begin_us == begin_us)


def _passes(zone: Zone, explained: Floats) -> Iterator[Pass]:
    """What the windows found beyond what is explained."""
    for begin_us, own in _rounds(zone):
        time_us, passed = begin_us, 0.0
        for number in own:
            more = zone.referenced[number] - explained[number] - passed
            if more > _FEW_PAGES + 0.25 * explained[number]:
                yield Pass(time_us, float(zone.end_us[number]), more / zone.resident[number])
                passed += more
            time_us = float(zone.end_us[number])


def _basis(window_s: Floats) -> Floats:
    """What share of the pages of each kind is used within windows; the last kind is never used."""
    window = window_s[:, None]
    return np.hstack(
        (
            np.ones_like(window),
            1.0 - np.exp(-window * np.array(RATES_HZ)),
            np.minimum(1.0, window / np.array(PERIODS_S)),
            np.zeros_like(window),
        )
    )

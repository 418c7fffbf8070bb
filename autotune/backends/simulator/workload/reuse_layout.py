"""A recording with windows of references, laid out: what each slice touches, and what pools touch.

DAMON's counts are placed where memory is and is used (`located`). What they leave unexplained of the
windows is played by pools: pages that are touched in every slice, at random times, or in turn (`reuse`).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.workload.located import Cells, Segments, locate
from autotune.backends.simulator.workload.replay import ALWAYS, DRAWN, IN_TURN, ONCE
from autotune.backends.simulator.workload.reuse import (
    PERIODS_S,
    RATES_HZ,
    WIDENINGS,
    Reuse,
    Zone,
    fit,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.recording import MappedArea, Recording
from autotune.damon.spans import Span, common, merged, without

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_CELLS = 2_000_000
_FEWEST_SEGMENTS, _MOST_SEGMENTS = 100, 1000
"""Memory is cut into so many segments, in long recordings into fewer."""

_FAR_MORE = 3.0
_MUCH = 0.05
"""A program passes over a zone if it uses so many times as much as usual, and such a share of all."""
_FEW_HITS = 3.0
"""So few samples may have met by chance what they met."""


_ALL_ALIKE = 1e-9
"""Heat that all memory has: where DAMON found no access at all, any page may be the one."""
_SOON_S = 1.0
"""What is used again as soon as this is in most aggregations' counts."""
_STEPS = 4


class Piece(Protocol):
    """A range of addresses within which no mapping begins or ends."""

    @property
    def start(self) -> int:
        """First address."""

    @property
    def end(self) -> int:
        """Address behind the last."""

    @property
    def mappings(self) -> list[MappedArea]:
        """The areas that cover it, in the order of time."""


class Row(NamedTuple):
    """A stretch that is touched in a slice.

    Attributes:
        start: First address.
        end: Address behind the last.
        piece: The number of the piece that holds it.
        chance: The share of its pages that is touched in a sampling interval.
        reach: The share of its pages that is touched in the slice.
        fills: Whether touches make pages resident that never were.
    """

    start: int
    end: int
    piece: int
    chance: float
    reach: float
    fills: bool


class Growth(NamedTuple):
    """Pages that become resident.

    Attributes:
        time_us: When.
        piece: The number of their piece.
        span: Their addresses.
    """

    time_us: int
    piece: int
    span: Span


class Pool(NamedTuple):
    """Pages of a piece that are touched in one way.

    Attributes:
        piece: The number of the piece.
        pages: The pages, counted within the piece.
        gap_us: Mean time between two touches of any of them.
        kind: ALWAYS, DRAWN, IN_TURN or ONCE.
        begin_us: When the first touch comes, of pages that are touched once.
    """

    piece: int
    pages: Ints
    gap_us: float
    kind: int
    begin_us: float = 0.0


class ReuseLayout(NamedTuple):
    """What a recording with windows touches.

    Attributes:
        rows: By slice.
        growth: In the order of time.
        pools: The pools.
    """

    rows: list[list[Row]]
    growth: list[Growth]
    pools: list[Pool]


def lay_out_reuse(
    recording: Recording, known: Sequence[Zone], pieces: Sequence[Piece]
) -> ReuseLayout:
    """Lay out a recording of which windows say how *known*, one zone or more, were used."""
    starts = [zone.start for zone in known]
    zone_of = []
    for piece in pieces:
        number = bisect.bisect_right(starts, piece.start) - 1
        is_held = number >= 0 and piece.start < known[number].end
        zone_of.append(number if is_held else -1)
    resident = [_resident(piece) for piece in pieces]
    growth = list(_growth(known, zone_of, pieces, resident))
    for grown in growth:
        resident[grown.piece] = merged([*resident[grown.piece], grown.span])
    for number, piece in enumerate(pieces):
        if zone_of[number] < 0 and not _looked_at(piece, recording):
            resident[number] = [(piece.start, piece.end)]
    segments = _segments(resident, len(recording.snapshots))
    zone_of_segment = np.array(zone_of, dtype=np.int64)[segments.piece]
    heat, cells = locate(recording, segments, _prior(known, zone_of_segment))
    density = (segments.high - segments.low) / segments.resident
    seen = _seen(recording, known, segments, zone_of_segment, cells, density)
    reuses = fit(known, seen)
    widening = np.array([*(reuse.widening for reuse in reuses), 1.0])[zone_of_segment]
    sweeps = _sweeps(recording, known, segments, zone_of_segment, cells)
    rows = [
        [
            Row(low * PAGE_BYTES, high * PAGE_BYTES, piece, chance, min(1.0, reach), fills)
            for low, high, piece, chance, reach, fills in zip(
                one.low.tolist(),
                one.high.tolist(),
                segments.piece[one.segment].tolist(),
                one.chance.tolist(),
                (
                    one.chance
                    * density[one.segment]
                    * np.where(
                        sweep[zone_of_segment[one.segment]],
                        recording.max_accesses,
                        widening[one.segment],
                    )
                ).tolist(),
                (zone_of_segment[one.segment] < 0).tolist(),
                strict=True,
            )
        ]
        for one, sweep in zip(cells, sweeps, strict=True)
    ]
    pages = [_pages(piece, spans) for piece, spans in zip(pieces, resident, strict=True)]
    pools: list[Pool] = []
    for number, reuse in enumerate(reuses):
        own = np.flatnonzero(zone_of_segment == number)
        mine = Segments(*(column[own] for column in segments))
        pools += _pools(number, reuse, mine, pages, pieces, heat[own])
    return ReuseLayout(rows, growth, pools)


def _pages(piece: Piece, spans: list[Span]) -> Ints:
    """The pages of *spans*, counted within their piece."""
    first = piece.start // PAGE_BYTES
    found = [np.arange(start // PAGE_BYTES, end // PAGE_BYTES) - first for start, end in spans]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def _looked_at(piece: Piece, recording: Recording) -> bool:
    """Whether a window ended while the piece was mapped: if it had memory, the window shows it."""
    return any(
        area.from_us <= window.end_us <= area.until_us
        for area in piece.mappings
        for window in recording.references
    )


def _resident(piece: Piece) -> list[Span]:
    whole = [(piece.start, piece.end)]
    return merged(span for area in piece.mappings for span in common(merged(area.resident), whole))


def _growth(
    known: Sequence[Zone],
    zone_of: Sequence[int],
    pieces: Sequence[Piece],
    resident: Sequence[list[Span]],
) -> Iterator[Growth]:
    """Say which pages came when, by how many were resident at the windows' ends: the lowest first."""
    grown: list[Growth] = []
    of_zone: list[list[int]] = [[] for _ in known]
    for number, zone in enumerate(zone_of):
        if zone >= 0:
            of_zone[zone].append(number)
    for one, own in zip(known, of_zone, strict=True):
        there = {number: resident[number] for number in own}
        for end_us, pages in zip(one.end_us.tolist(), one.resident.tolist(), strict=True):
            mapped = [
                number
                for number in own
                if any(area.from_us <= end_us <= area.until_us for area in pieces[number].mappings)
            ]
            now = sum(end - start for number in mapped for start, end in there[number])
            missing = int(pages) * PAGE_BYTES - now
            for number in mapped:
                free = without([(pieces[number].start, pieces[number].end)], there[number])
                for start, end in free:
                    taken = min(missing, end - start)
                    if taken > 0:
                        grown.append(Growth(int(end_us), number, (start, start + taken)))
                        missing -= taken
                there[number] = merged(
                    [*there[number], *(new.span for new in grown if new.piece == number)]
                )
    yield from sorted(grown)


def _segments(resident: Sequence[list[Span]], snapshots: int) -> Segments:
    most = min(_MOST_SEGMENTS, max(_FEWEST_SEGMENTS, _MOST_CELLS // snapshots))
    flat = [
        (start // PAGE_BYTES, end // PAGE_BYTES, number)
        for number, spans in enumerate(resident)
        for start, end in spans
    ]
    step = max(1, -(-sum(high - low for low, high, _ in flat) // most))
    rows: dict[tuple[int, int], list[int]] = {}
    for low, high, number in flat:
        for first in range(low // step, -(-high // step)):
            one, other = max(low, first * step), min(high, (first + 1) * step)
            row = rows.setdefault((number, first), [one, other, number, 0])
            row[1] = other
            row[3] += other - one
    found = np.array(list(rows.values()), dtype=np.int64).reshape(-1, 4)
    return Segments(*found.T)


def _prior(known: Sequence[Zone], zone_of_segment: Ints) -> Floats:
    """How hot each segment is by the shortest windows of its zone, and half a page more."""
    hot = [
        float(((zone.referenced + 0.5) / (zone.resident + 1.0))[_shortest(zone)]) for zone in known
    ]
    shares = np.array([*hot, float(np.mean(hot))])
    return shares[zone_of_segment]


def _shortest(zone: Zone) -> int:
    return int(np.argmin(zone.end_us - zone.begin_us))


def _seen(
    recording: Recording,
    known: Sequence[Zone],
    segments: Segments,
    zone_of_segment: Ints,
    cells: Sequence[Cells],
    density: Floats,
) -> list[Floats]:
    """For each zone: the share of its pages that the slices of each window touch, by widening."""
    ends = np.array([snapshot.end_us for snapshot in recording.snapshots], dtype=np.float64)
    middles = ends - np.diff(ends, prepend=0.0) / 2
    touched = np.zeros((len(cells), len(segments.low)))
    for row, one in zip(touched, cells, strict=True):
        size = (one.high - one.low) / (segments.high - segments.low)[one.segment]
        row[:] = np.bincount(one.segment, one.chance * size * density[one.segment], len(row))
    widenings = np.array(WIDENINGS)[:, None]
    found = []
    for number, zone in enumerate(known):
        own = np.flatnonzero(zone_of_segment == number)
        pages = segments.resident[own]
        shares = np.zeros((len(WIDENINGS), len(zone.end_us)))
        for window in range(len(zone.end_us) if len(own) else 0):
            first = np.searchsorted(middles, zone.begin_us[window])
            behind = max(first + 1, np.searchsorted(middles, zone.end_us[window]))
            if first < len(cells):
                hottest = touched[first:behind, own].max(axis=0)
                reached = np.minimum(1.0, widenings * hottest) @ pages
                shares[:, window] = reached / pages.sum()
        found.append(shares)
    return found


def _sweeps(
    recording: Recording,
    known: Sequence[Zone],
    segments: Segments,
    zone_of_segment: Ints,
    cells: Sequence[Cells],
) -> NDArray[np.bool_]:
    """Say in which snapshots the program passes over a zone: shape ``(n_snapshots, n_zones + 1)``.

    That is where no window looks, and many times as much is used as where windows look: a program that
    ends frees its memory.
    """
    used, hits = np.zeros((2, len(cells), len(known) + 1))
    for row, of_row, one in zip(used, hits, cells, strict=True):
        zone = zone_of_segment[one.segment] % len(row)
        row[:] = np.bincount(zone, one.chance * (one.high - one.low), len(row))
        of_row[:] = np.bincount(zone, one.hits, len(row))
    ends = np.array([snapshot.end_us for snapshot in recording.snapshots])
    looked = np.zeros(len(cells), dtype=bool)
    for window in recording.references:
        looked |= (ends > window.begin_us) & (ends <= window.end_us)
    usual = used[looked].max(axis=0, initial=0.0)
    pages = np.bincount(zone_of_segment % used.shape[1], segments.resident, used.shape[1])
    sweeps = (
        ~looked[:, None] & (used > _FAR_MORE * usual) & (used > _MUCH * pages) & (hits > _FEW_HITS)
    )
    sweeps[:, -1] = False
    return sweeps


def _pools(
    number: int,
    reuse: Reuse,
    segments: Segments,
    pages: Sequence[Ints],
    pieces: Sequence[Piece],
    heat: Floats,
) -> Iterator[Pool]:
    """Say which pages of zone *number* are used how: each page is used in one way at most.

    What is used again soon most likely lies where DAMON found most accesses. Of what is used seldom,
    DAMON can't tell where it lies.
    """
    kinds = [
        (ALWAYS, reuse.always, 0.0),
        *((DRAWN, share, 1 / hz) for share, hz in zip(reuse.drawn, RATES_HZ, strict=True)),
        *((IN_TURN, share, gap) for share, gap in zip(reuse.swept, PERIODS_S, strict=True)),
    ]
    kinds.sort(key=lambda kind: kind[2])
    soon = sum(share for _, share, gap_s in kinds if gap_s <= _SOON_S)
    late = sum(share for _, share, gap_s in kinds if gap_s > _SOON_S)
    shares = _shared_out(min(1.0, soon), segments.resident, heat)
    for piece in np.unique(segments.piece).tolist():
        own, start = pages[piece], pieces[piece].start // PAGE_BYTES
        segment = np.searchsorted(segments.low, own + start, side="right") - 1
        draws = np.random.default_rng([number, piece])  # alike in all runs
        drawn, before = draws.random(len(own)), np.zeros(len(own))
        for kind, share, gap_s in kinds:
            if share == 0.0:
                continue
            of_soon = shares[segment] / soon if gap_s <= _SOON_S else 0.0
            width = share * (
                of_soon if gap_s <= _SOON_S else (1.0 - shares[segment]) / max(1.0 - soon, late)
            )
            mine = own[(drawn >= before) & (drawn < before + width)]
            before = before + width
            if len(mine):
                yield Pool(piece, mine, gap_s * 1e6 / len(mine), kind)
        for one in reuse.passes:
            mine = own[draws.random(len(own)) < one.share]
            if len(mine):
                gap_us = (one.end_us - one.begin_us) / len(mine)
                yield Pool(piece, mine, gap_us, ONCE, one.begin_us)


def _shared_out(share: float, resident: Ints, heat: Floats) -> Floats:
    """Shares of the segments' pages, in proportion to heat and at most 1; *share* of all pages."""
    wanted, shares = share * resident.sum(), np.zeros(len(heat))
    heat = heat + _ALL_ALIKE
    for _ in range(_STEPS):
        full = shares >= 1.0
        mass = (heat * resident)[~full].sum()
        if mass <= 0.0:
            break
        factor = max(0.0, wanted - resident[full].sum()) / mass
        shares = np.where(full, 1.0, np.minimum(1.0, heat * factor))
    return shares

"""A recording as a grid of access rates, with rows of memory and columns of time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.recording import Recording, Snapshot
from autotune.damon.spans import Span, common, merged

_MOST_STRETCHES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """A row of the grid: some memory, over time.

    Attributes:
        spans: The memory, in order of addresses.
        after_gap: Whether a wide gap lies between this row and the row before.
        rates: For each column, the mean share of samples that found the memory accessed, from 0 to 1;
            None if the memory was not monitored then.
    """

    spans: tuple[Span, ...]
    after_gap: bool
    rates: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """The grid.

    Attributes:
        edges_us: Times at which columns begin, and the time at which the last column ends.
        rows: The rows, in order of addresses.
        left_out_bytes: Size of the memory without a row: small stretches.
    """

    edges_us: tuple[int, ...]
    rows: tuple[HeatRow, ...]
    left_out_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "time_s": [edge / 1e6 for edge in self.edges_us],
            "rows": [
                {
                    "start": row.spans[0][0],
                    "end": row.spans[-1][1],
                    "bytes": _size(row.spans),
                    "rates": [None if rate is None else round(rate, 6) for rate in row.rates],
                }
                for row in self.rows
            ],
            "left_out_bytes": self.left_out_bytes,
        }


def heat(recording: Recording, *, columns: int, rows: int) -> Heat:
    """Put a recording on a grid. Addresses that were neither resident nor accessed are left out.

    All columns have one length. A gap is wide if it is wider than all memory that is shown. Wide gaps
    divide the memory into stretches. A stretch has rows of equal size. If there are too many stretches,
    only the largest have rows.

    Args:
        recording: The recording.
        columns: Largest number of columns. There are never more columns than snapshots.
        rows: About how many rows there are.
    """
    columns = max(1, min(columns, len(recording.snapshots)))
    edges_us = tuple(recording.duration_us * edge // columns for edge in range(columns + 1))
    stretches = _stretches(_used(recording))
    largest = sorted(stretches, key=_size, reverse=True)[:_MOST_STRETCHES]
    shown = [stretch for stretch in stretches if stretch in largest]
    total = sum(map(_size, shown))
    pieces = [
        (piece, number == 0 and index > 0)
        for index, stretch in enumerate(shown)
        for number, piece in enumerate(_cut(stretch, max(1, round(rows * _size(stretch) / total))))
    ]
    sums = _sums(recording, [piece for piece, _ in pieces], edges_us)
    return Heat(
        edges_us=edges_us,
        rows=tuple(
            HeatRow(
                spans=tuple(piece),
                after_gap=after_gap,
                rates=tuple(
                    seen / weight if weight else None for seen, weight in zip(*row, strict=True)
                ),
            )
            for (piece, after_gap), row in zip(pieces, sums, strict=True)
        ),
        left_out_bytes=sum(map(_size, stretches)) - total,
    )


def _size(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)


def _used(recording: Recording) -> list[Span]:
    """Give the mapped memory that was monitored, and was resident when first seen or accessed later."""
    mapped = merged((area.start, area.end) for area in recording.areas)
    monitored = merged(region[:2] for one in recording.snapshots for region in one.regions)
    accessed = merged(
        region[:2] for one in recording.snapshots for region in one.regions if region.accesses
    )
    resident = merged(span for area in recording.areas for span in area.resident)
    used = common(common(merged([*accessed, *resident]), mapped), monitored)
    return used or monitored


def _stretches(spans: Sequence[Span]) -> list[list[Span]]:
    widest = _size(spans)
    found: list[list[Span]] = []
    for span in spans:
        if found and span[0] - found[-1][-1][1] <= widest:
            found[-1].append(span)
        else:
            found.append([span])
    return found


def _cut(spans: Sequence[Span], pieces: int) -> Iterator[list[Span]]:
    """Cut *spans* at ends of pages, into at most *pieces* pieces of about equal size."""
    each = math.ceil(_size(spans) / pieces / PAGE_BYTES) * PAGE_BYTES
    piece: list[Span] = []
    room = each
    for start, end in spans:
        at = start
        while at < end:
            until = min(end, at + room)
            piece.append((at, until))
            room -= until - at
            at = until
            if room == 0:
                yield piece
                piece, room = [], each
    if piece:
        yield piece


def _sums(
    recording: Recording, pieces: Sequence[Sequence[Span]], edges_us: Sequence[int]
) -> list[tuple[list[float], list[float]]]:
    """Give for each piece and column the sum of weighted rates, and the sum of the weights.

    A weight is bytes times microseconds.
    """
    columns = len(edges_us) - 1
    sums = [([0.0] * columns, [0.0] * columns) for _ in pieces]
    flat = [(*span, row) for row, piece in enumerate(pieces) for span in piece]
    begin_us = max(0, recording.snapshots[0].end_us - recording.intervals.aggregation_us)
    for snapshot in recording.snapshots:
        seen = _by_row(snapshot, flat, len(pieces))
        column = begin_us * columns // recording.duration_us
        while column < columns and edges_us[column] < snapshot.end_us:
            low = max(begin_us, edges_us[column])
            length_us = min(snapshot.end_us, edges_us[column + 1]) - low
            for row, (accesses, size) in seen.items():
                sums[row][0][column] += accesses * length_us / recording.max_accesses
                sums[row][1][column] += size * length_us
            column += 1
        begin_us = snapshot.end_us
    return sums


def _by_row(
    snapshot: Snapshot, flat: Sequence[tuple[int, int, int]], rows: int
) -> dict[int, tuple[int, int]]:
    """Give for each row, of its monitored part, the sum of accesses times bytes, and its bytes."""
    found = [(0, 0)] * rows
    at = 0
    for start, end, accesses, _ in snapshot.regions:
        while at < len(flat) and flat[at][1] <= start:
            at += 1
        here = at
        while here < len(flat) and flat[here][0] < end:
            low, high, row = flat[here]
            size = min(end, high) - max(start, low)
            weighed, sizes = found[row]
            found[row] = (weighed + accesses * size, sizes + size)
            if high > end:
                break
            here += 1
        at = here
    return {row: sums for row, sums in enumerate(found) if sums[1]}

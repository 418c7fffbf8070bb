"""A recording laid out for the simulator: addresses cut into areas, snapshots into accessed rows."""

from __future__ import annotations

import bisect
import statistics
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.draws import Draws
from autotune.backends.simulator.compiled.structs import Structs
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.pages import (
    ABSENT,
    RESIDENT,
    SHARED,
    Area,
    Memory,
    make_memory,
)
from autotune.backends.simulator.workload.replay import (
    Replay,
    begin_pools,
    change_mappings,
    make_parts,
    make_replay,
    sum_up,
)
from autotune.backends.simulator.workload.reuse import zones
from autotune.backends.simulator.workload.reuse_layout import (
    Growth,
    ReuseLayout,
    Row,
    lay_out_reuse,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.recording import MappedArea, Recording, Snapshot

_UNKNOWN_COMPRESSED = 1 / 3
"""The fraction that a program's memory is assumed to be compressed to: zram often reaches about this."""


_AROUND = 2
"""How many snapshots before one, and behind it, also say how long a sampling interval took."""


_SURELY = 0.1
"""Counts nearer to none or to all vary little in any case."""
_FEW_PAIRS = 30
_OF_TWO_PARTS = 0.63
"""Merged counts vary less: this is the mean square of the shares of two parts, cut at a random tenth,
of their whole.
"""


class _Piece(NamedTuple):
    """A range of addresses within which no mapping begins or ends.

    Attributes:
        start: First address.
        end: Address behind the last.
        mappings: The areas that cover the piece at some time, in the order of time.
    """

    start: int
    end: int
    mappings: list[MappedArea]


def _pieces(areas: tuple[MappedArea, ...]) -> list[_Piece]:
    bounds = sorted({bound for area in areas for bound in (area.start, area.end)})
    covering: list[list[MappedArea]] = [[] for _ in bounds]
    for area in sorted(areas, key=lambda area: area.from_us):
        first, behind = (bisect.bisect_left(bounds, b) for b in (area.start, area.end))
        for number in range(first, behind):
            covering[number].append(area)
    return [
        _Piece(start, end, over)
        for (start, end), over in zip(pairwise(bounds), covering, strict=False)
        if over
    ]


class _Change(NamedTuple):
    time_us: int
    mapped: bool
    piece: int
    resident: list[tuple[int, int, int]]


def _resident(piece: _Piece, area: MappedArea) -> list[tuple[int, int, int]]:
    """The resident pages of a piece when the area comes: stretches of the piece's pages, and states.

    Shared pages come first: a stretch of RESIDENT pages takes only the pages that are not there yet.
    """
    stretches = []
    for spans, state in ((area.shared, SHARED), (area.resident, RESIDENT)):
        for span in spans:
            low, high = max(span[0], piece.start), min(span[1], piece.end)
            if low < high:
                first = (low - piece.start) // PAGE_BYTES
                stretches.append((first, (high - piece.start) // PAGE_BYTES, state))
    return stretches


def _changes(pieces: list[_Piece], duration_us: int) -> list[_Change]:
    changes = []
    for number, piece in enumerate(pieces):
        until_us = -1
        for area in piece.mappings:
            if area.from_us > until_us:
                if until_us >= 0:
                    changes.append(_Change(until_us, False, number, []))
                changes.append(_Change(area.from_us, True, number, _resident(piece, area)))
            until_us = max(until_us, area.until_us)
        if 0 <= until_us < duration_us:
            changes.append(_Change(until_us, False, number, []))
    return sorted(changes, key=lambda change: (change.time_us, change.mapped, change.piece))


def _rows(snapshot: Snapshot, most: int, pieces: list[_Piece], ends: list[int]) -> list[Row]:
    """Accessed stretches, as far as DAMON's counts tell.

    A sample that met a hole of its region found no access, so mapped pages get a higher chance.
    """
    rows: list[Row] = []
    for region in snapshot.regions:
        if region.accesses == 0:
            continue
        number = bisect.bisect_right(ends, region.start)
        parts = []
        while number < len(pieces) and pieces[number].start < region.end:
            start = max(region.start, pieces[number].start)
            parts.append((start, min(region.end, pieces[number].end), number))
            number += 1
        mapped = sum(end - start for start, end, _ in parts)
        if mapped > 0:
            chance = region.accesses / most * (region.end - region.start) / mapped
            rows += (Row(*part, min(1.0, chance), min(1.0, chance), True) for part in parts)
    return rows


class Recorded(NamedTuple):
    """A recording, laid out for a machine; no run changes it.

    Attributes:
        areas: The areas of its memory.
        rows: `_ROW` structs: accessed stretches of areas, by slice and then by address.
        slices: `_SLICE` structs, in the order of time.
        changes: `_CHANGE` structs of mappings, in the order of time.
        stretches: `_STRETCH` structs: the resident pages of mappings that come.
        pools: `_POOL` structs: pages that are touched besides.
        pages: The pages of the pools, counted within their areas.
        recording: The recording that was laid out.
        machine: The machine that it was laid out for.
    """

    areas: list[Area]
    rows: Structs
    slices: Structs
    changes: Structs
    stretches: Structs
    pools: Structs
    pages: NDArray[np.int64]
    recording: Recording
    machine: Machine


def lay_out_recording(recording: Recording, machine: Machine) -> Recorded:
    """Lay out a recording. A long recording takes a while; all runs share the result."""
    compressed = recording.compressed_fraction
    compressed = _UNKNOWN_COMPRESSED if compressed is None else min(1.0, compressed)
    pieces = _pieces(recording.areas)
    areas = [
        Area(p.start, (p.end - p.start) // PAGE_BYTES, ABSENT, compressed, mapped=False)
        for p in pieces
    ]
    changes = _changes(pieces, recording.duration_us)
    if known := zones(recording.references):
        reuse = lay_out_reuse(recording, known, pieces)
        changes += (_grown(one, pieces[one.piece]) for one in reuse.growth)
        changes.sort(key=lambda change: (change.time_us, change.mapped, change.piece))
    else:
        reuse = ReuseLayout(_all_rows(recording, pieces), [], [])
    by_snapshot = reuse.rows
    flat = [row for part in by_snapshot for row in part]
    resident = [stretch for change in changes for stretch in change.resident]
    rows, slices, staged, stretches, pools = make_parts(
        *(len(flat), len(by_snapshot), len(changes), len(resident)),
        len(reuse.pools),
    )
    if flat:
        for name, column in zip(
            ("start", "end", "area", "chance", "reach", "fills"),
            zip(*flat, strict=True),
            strict=True,
        ):
            rows[name] = column
        starts = np.array([piece.start for piece in pieces])[rows.area]
        rows.low, rows.high = (
            (rows.start - starts) // PAGE_BYTES,
            -(-(rows.end - starts) // PAGE_BYTES),
        )
    slices.behind = np.cumsum([len(own) for own in by_snapshot])
    slices.first = slices.behind - [len(own) for own in by_snapshot]
    pace = _pace(recording)
    slices.end_us = [pace * snapshot.end_us for snapshot in recording.snapshots]
    slices[-1].end_us = pace * recording.duration_us
    slices.beyond_us = _beyond_sleep_us(recording)
    if changes:
        staged.time_us = [pace * change.time_us for change in changes]
        staged.area = [change.piece for change in changes]
        staged.mapped = [change.mapped for change in changes]
        staged.behind = np.cumsum([len(change.resident) for change in changes])
        staged.first = staged.behind - [len(change.resident) for change in changes]
    if resident:
        stretches.low, stretches.high, stretches.state = map(np.array, zip(*resident, strict=True))
    sum_up(rows, slices)
    for item, pool in zip(pools, reuse.pools, strict=True):
        item.area, item.kind, item.gap_us = pool.piece, pool.kind, pace * pool.gap_us
        item.next_us = pace * pool.begin_us
    pools.behind = np.cumsum([len(pool.pages) for pool in reuse.pools])
    pools.next_page = pools.first = pools.behind - [len(pool.pages) for pool in reuse.pools]
    pages = np.concatenate([np.zeros(0, dtype=np.int64), *(pool.pages for pool in reuse.pools)])
    return Recorded(*(areas, rows, slices, staged, stretches, pools, pages, recording, machine))


def _all_rows(recording: Recording, pieces: list[_Piece]) -> list[list[Row]]:
    ends = [piece.end for piece in pieces]
    return [
        _rows(snapshot, recording.max_accesses, pieces, ends) for snapshot in recording.snapshots
    ]


def _grown(one: Growth, piece: _Piece) -> _Change:
    low, high = ((address - piece.start) // PAGE_BYTES for address in one.span)
    return _Change(one.time_us, True, one.piece, [(low, high, RESIDENT)])


def _pace(recording: Recording) -> float:
    """The factor that turns the recording's times into times without monitoring."""
    return 1.0 - recording.held_up_us / recording.duration_us


def _by_chance(recording: Recording) -> float:
    """How much counts vary, of how much they would if each sample found an access by chance; at most 1.

    Pages that are touched in turn, or at set times, are found accessed as often in each aggregation.
    """
    seen = chance = 0.0
    pairs, most = 0, recording.max_accesses
    for before, snapshot in pairwise(recording.snapshots):
        counts = {(region.start, region.end): region.accesses for region in before.regions}
        for region in snapshot.regions:
            if (earlier := counts.get((region.start, region.end))) is None:
                continue
            share = (earlier + region.accesses) / 2 / most
            if _SURELY <= share <= 1.0 - _SURELY:
                pairs += 1
                seen += (earlier - region.accesses) ** 2 / 2
                chance += most * share * (1.0 - share)
    return min(1.0, seen / (chance * _OF_TWO_PARTS)) if pairs >= _FEW_PAIRS else 1.0


def _held_up_share(recording: Recording, machine: Machine) -> float:
    """The share of the kdamond's work that held the recorded workload up, its clients included."""
    regions = sum(len(snapshot.regions) for snapshot in recording.snapshots)
    ticks = len(recording.snapshots) * recording.intervals.samples
    work_us = ticks * machine.tick_us + regions * recording.intervals.samples * machine.check_us
    return min(1.0, recording.held_up_us / work_us)


def _beyond_sleep_us(recording: Recording) -> list[float]:
    """How much longer than its sleep a sampling interval took, by snapshot.

    Before the first one, DAMON had to be turned on. Where a snapshot is missing, the next one seems to
    have taken twice as long: what those around took stands for it.
    """
    intervals = recording.intervals
    ends = [0, *(snapshot.end_us for snapshot in recording.snapshots)]
    took_us = [(end_us - before_us) / intervals.samples for before_us, end_us in pairwise(ends)]
    if len(took_us) == 1:
        return [0.0]
    typical_us = [
        statistics.median(took_us[max(0, number - _AROUND) : number + _AROUND + 1])
        for number in range(len(took_us))
    ]
    return [
        max(0.0, (took if took < 2.0 * typical else typical) - intervals.sampling_us)
        for took, typical in zip(took_us, typical_us, strict=True)
    ]


def begin_recording(recorded: Recorded, draws: Draws) -> tuple[Memory, Replay]:
    """Start a replay at the begin of the measured part, with the program's mappings at that time.

    Args:
        recorded: What is replayed.
        draws: The stream of random numbers for what DAMON did not see.
    """
    recording, machine = recorded.recording, recorded.machine
    memory = make_memory(recorded.areas, machine)
    replay = make_replay(*recorded[1:7], draws)
    state = replay.state[0]
    state.duration_us = _pace(recording) * recording.duration_us
    state.first_touch_us = machine.first_touch_us
    state.by_chance = _by_chance(recording)
    state.cpu_share = 1.0
    if recording.cpu_us is not None:
        state.cpu_share = min(1.0, recording.cpu_us / state.duration_us)
    state.busy = max(state.cpu_share, _held_up_share(recording, machine))
    change_mappings(replay, memory)
    begin_pools(replay)
    return memory, replay

"""How much a recording can tell: which accesses DAMON can have missed while it recorded, and why."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from itertools import accumulate

from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.recording import Recording, Snapshot
from autotune.damon.spans import Span, merged

LEAST_AGGREGATIONS = 20
"""With fewer aggregations each age and each rate rests on a few looks."""

SAVING_POINTS = 2.7
SLOWDOWN_TIMES_WITH_WINDOWS = (0.5, 1.7)
SLOWDOWN_TIMES = 2
SLOWDOWN_TIMES_OF_A_TENTH = 12
"""How far real programs fared from what their recordings told: the median difference of savings, in
percentage points, without windows of references (1.9 with them); the kernel's slowdown over the
simulated one, for eight schemes in ten with windows, and without them in the median and in the worst
tenth.

Source: benchmarks/programs.py --times [--without-windows], thirteen programs under eight schemes;
docs/simulator.md.
"""

_MOST_SHARE = 0.1
"""A larger share of the memory matters."""

_LOOKED_AT = 12
"""So many snapshots, evenly spread, stand for all of them."""

_FEW_LOOKS = 0.2
"""Recordings with two thirds of a look at a page have played as the program ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What a recording can't tell.

    Attributes:
        looks_per_page: How often DAMON looked at a resident page over the whole recording, in the mean.
        unseen_share: The share of the resident memory that lies in regions so sparse that DAMON looked
            at less than one resident page of the region in an aggregation. Accesses there are missed.
        aggregations: How many aggregations were recorded.
        passing_share: The share of memory times time in mappings that came or went during the
            recording, of all that was seen resident.
        grown_share: The share of the largest resident set that was not there when the measured part
            began; 0 if the largest was not measured.
        unwatched_share: The share of memory times time of processes that DAMON did not watch.
    """

    looks_per_page: float
    unseen_share: float
    aggregations: int
    passing_share: float
    grown_share: float
    unwatched_share: float

    @property
    def reasons(self) -> tuple[str, ...]:
        """One clause for each thing that makes the recording a doubtful source; empty if none does."""
        found = []
        if self.unseen_share > _MOST_SHARE:
            found.append(
                f"{100 * self.unseen_share:.0f} % of the memory lies so sparsely that DAMON can have "
                "missed nearly all accesses to it"
            )
        elif self.looks_per_page < _FEW_LOOKS:
            found.append(
                f"DAMON looked at a page {self.looks_per_page:.2g} times in the mean, and can have "
                "missed most accesses"
            )
        if self.aggregations < LEAST_AGGREGATIONS:
            found.append(f"it has {self.aggregations} aggregations")
        if self.passing_share > _MOST_SHARE:
            found.append(
                f"{100 * self.passing_share:.0f} % of the memory is in mappings that came or went"
            )
        if self.grown_share > _MOST_SHARE:
            found.append(
                f"{100 * self.grown_share:.0f} % of the memory came later, at times that were not seen"
            )
        if self.unwatched_share > _MOST_SHARE:
            found.append(f"{100 * self.unwatched_share:.0f} % of the memory was not watched")
        return tuple(found)


def accuracy_note(recording: Recording) -> str:
    """Say in a line how far figures of this recording can be trusted, why, and what helps."""
    reasons = doubts(recording).reasons
    times = (
        "{:g} to {:g} times the simulated one under eight schemes in ten".format(
            *SLOWDOWN_TIMES_WITH_WINDOWS
        )
        if recording.references
        else f"{SLOWDOWN_TIMES:g} times the simulated one in the median, and over "
        f"{SLOWDOWN_TIMES_OF_A_TENTH} times under one scheme in ten"
    )
    known = (
        f"of real programs, recordings told savings to {SAVING_POINTS:g} points in the median; the "
        f"kernel's slowdown was {times}: measure what you choose with backend: vm"
    )
    if reasons:
        return f"this recording tells less than most: {'; '.join(reasons)}; {known}"
    if recording.references:
        return f"a recording is not the program: {known}"
    return f"a recording without windows of references misses rare accesses: {known}"


def doubts(recording: Recording) -> Doubts:
    """Say what a recording can't tell.

    >>> from autotune.damon.monitoring import Intervals
    >>> from autotune.damon.recording import MappedArea, RecordedRegion
    >>> area = MappedArea(start=0, end=8192, from_us=0, until_us=200_000, resident=((0, 8192),))
    >>> dense = RecordedRegion(0, 8192, 0, None)
    >>> found = doubts(
    ...     Recording(
    ...         name="dense",
    ...         intervals=Intervals(),
    ...         duration_us=200_000,
    ...         snapshots=(Snapshot(end_us=100_000, regions=(dense,)),),
    ...         areas=(area,),
    ...     )
    ... )
    >>> found.looks_per_page, found.unseen_share
    (10.0, 0.0)
    >>> found.reasons
    ('it has 1 aggregations',)
    """
    resident = _Resident(
        merged(span for area in recording.areas if area.from_us == 0 for span in area.resident)
    )
    step = max(1, len(recording.snapshots) // _LOOKED_AT)
    chosen = recording.snapshots[::step]
    parts = [_looks(snapshot, resident, recording.max_accesses) for snapshot in chosen]
    looks = sum(one for one, _ in parts) / len(parts) * len(recording.snapshots)
    total = resident.total_bytes
    peak = recording.resident_peak_bytes
    return Doubts(
        looks_per_page=looks / (total / PAGE_BYTES) if total else 0.0,
        unseen_share=sum(one for _, one in parts) / len(parts) / total if total else 0.0,
        aggregations=len(recording.snapshots),
        passing_share=_passing_share(recording),
        grown_share=max(0.0, 1.0 - total / peak) if peak else 0.0,
        unwatched_share=recording.unwatched_share or 0.0,
    )


class _Resident:
    """Resident memory, of which the size between two addresses is found quickly."""

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans
        self._starts = [start for start, _ in spans]
        self._before = [0, *accumulate(end - start for start, end in spans)]

    @property
    def total_bytes(self) -> int:
        return self._before[-1]

    def _below(self, address: int) -> int:
        number = bisect.bisect_right(self._starts, address)
        if number == 0:
            return 0
        start, end = self._spans[number - 1]
        return self._before[number - 1] + min(end, address) - start

    def between(self, start: int, end: int) -> int:
        return self._below(end) - self._below(start)


def _looks(snapshot: Snapshot, resident: _Resident, samples: int) -> tuple[float, int]:
    """How many resident pages DAMON looked at in an aggregation, and how many bytes it did not see."""
    looks, unseen = 0.0, 0
    for region in snapshot.regions:
        inside = resident.between(region.start, region.end)
        expected = samples * inside / (region.end - region.start)
        looks += expected
        if expected < 1.0:
            unseen += inside
    return looks, unseen


def _passing_share(recording: Recording) -> float:
    passing = whole = 0
    for area in recording.areas:
        size = sum(end - start for start, end in area.resident)
        weight = size * (area.until_us - area.from_us)
        whole += weight
        if area.from_us > 0 or area.until_us < recording.duration_us:
            passing += weight
    return passing / whole if whole else 0.0

"""One record of damo, as it stands in the file, and what follows from it.

With old kernels and old versions of damo, intervals and ages are missing. Missing intervals are
inferred, if they can be.

Source: damo 3.4.3, read and tried, and files that it wrote.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.monitoring import Intervals
from autotune.damon.recording import (
    MappedArea,
    RecordedProcess,
    RecordedRegion,
    Recording,
    Snapshot,
)
from autotune.damon.references import ReferencedWindow
from autotune.damon.spans import merged
from autotune.formats.damo_notation import whole_time_us
from autotune.formats.damo_record.numbers import percentage, size, time_ns, whole
from autotune.formats.damo_record.own import own_areas, own_process, own_references, with_own
from autotune.formats.damo_record.placed import PlacedError, within
from autotune.formats.damo_record.writer import OWN_KEY

_USUAL_SAMPLES = 20
"""Samples in an aggregation, unless a file says otherwise: damo's default."""
_FILLER = frozenset({0, "0", "0 B"})
"""Start and end of the only region of a snapshot that damo adds to give the snapshot before an end."""


@dataclass(frozen=True, slots=True)
class _RawRegion:
    """A region whose count may be a percentage of samples not known yet."""

    start: int
    end: int
    samples: int | None
    percent: float | None
    age: int | None
    age_us: int | None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> _RawRegion:
        start, end = size(value["start"]), size(value["end"])
        accesses, age = value["nr_accesses"], value["age"]
        samples, percent = accesses.get("samples"), accesses.get("percent")
        aggregations, age_us = age.get("aggr_intervals"), age.get("usec")
        if samples is None and percent is None:
            raise PlacedError("nr_accesses", "has neither samples nor percent: give one of them")
        return cls(
            start,
            end,
            None if samples is None else whole(samples),
            None if percent is None else percentage(percent),
            None if aggregations is None else whole(aggregations),
            None if age_us is None else whole_time_us(age_us),
        )

    def counted(self, intervals: Intervals) -> RecordedRegion:
        """Count in samples of *intervals*, at most all: kernels before 6.7 may count one more."""
        most = intervals.samples
        samples, age = self.samples, self.age
        if samples is None:
            samples = round((self.percent or 0.0) * most / 100)
        if age is None and self.age_us is not None:
            age = self.age_us // intervals.aggregation_us
        return RecordedRegion(self.start, self.end, min(samples, most), age)


@dataclass(frozen=True, slots=True)
class _RawSnapshot:
    start_ns: int
    end_ns: int
    regions: list[_RawRegion]

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> _RawSnapshot | None:
        """Read a snapshot; give None for the snapshot that damo adds to give a single one an end."""
        regions = value["regions"]
        if not isinstance(regions, list):
            raise PlacedError("regions", "must be a list, in [ ]")
        if len(regions) == 1 and {regions[0]["start"], regions[0]["end"]} <= _FILLER:
            return None
        read = list[_RawRegion]()
        for number, region in enumerate(regions):
            try:
                read.append(_RawRegion.read(region))
            except (ValueError, TypeError, AttributeError, KeyError):
                within(f"regions[{number}]", _RawRegion.read, region)  # again, for its message
                raise
        return cls(time_ns(value["start_time"]), time_ns(value["end_time"]), read)


class Record:
    """One of damo's records, as it stands in the file.

    Args:
        value: The record.
        place: Where it stands in the file, for messages.

    Raises:
        PlacedError: If something in it is not as damo writes it.
        KeyError: If a key is missing.
    """

    def __init__(self, value: Mapping[str, Any], place: str) -> None:
        self.place = place
        snapshots = value["snapshots"]
        if not isinstance(snapshots, list):
            raise PlacedError("snapshots", "must be a list, in [ ]")
        read = (
            within(f"snapshots[{number}]", _RawSnapshot.read, one)
            for number, one in enumerate(snapshots)
        )
        self.snapshots = [one for one in read if one is not None]
        given = value.get("intervals")
        self._intervals = None if given is None else within("intervals", _intervals, given)
        self._own: Mapping[str, Any] | None = value.get(OWN_KEY)
        self.group = tuple(value.get(key) for key in ("kdamond_idx", "context_idx", "scheme_idx"))

    @property
    def has_own(self) -> bool:
        """Whether the record says what damo has no place for."""
        return self._own is not None

    def begin_ns(self, intervals: Intervals) -> int:
        """When the recording began, by the record's clock."""
        if self._own is not None:
            return 0
        first = self.snapshots[0]
        if first.start_ns < first.end_ns:
            return first.start_ns
        # Damo invents the start of the first snapshot.
        return first.end_ns - intervals.aggregation_us * 1000

    def shifted(self, intervals: Intervals, begin_ns: int, number: int) -> list[Snapshot]:
        """The snapshots, at the addresses of process *number*."""
        base = number * PROCESS_BYTES
        return [
            Snapshot(
                end_us=one.end_us,
                regions=tuple(
                    region._replace(start=region.start + base, end=region.end + base)
                    for region in one.regions
                ),
            )
            for one in self._counted(intervals, begin_ns)
        ]

    def areas(self, intervals: Intervals, begin_ns: int) -> tuple[MappedArea, ...]:
        """What was mapped, at the process's own addresses."""
        if self._own is not None:
            return own_areas(self._own)
        snapshots = tuple(self._counted(intervals, begin_ns))
        return _seen_areas(snapshots, snapshots[-1].end_us)

    def references(self) -> tuple[ReferencedWindow, ...]:
        """What was referenced in windows, at the process's own addresses."""
        return () if self._own is None else own_references(self._own)

    def process(self, duration_us: int) -> RecordedProcess:
        """The process, as far as it is known."""
        if self._own is not None and "process" in self._own:
            return own_process(self._own["process"])
        return RecordedProcess(name="", from_us=0, until_us=duration_us)

    def accessed_bytes(self) -> int:
        """Sizes of accessed regions, summed over aggregations."""
        return sum(
            region.end - region.start
            for snapshot in self.snapshots
            for region in snapshot.regions
            if region.samples or region.percent
        )

    def recording(self, name: str) -> Recording:
        """Make a recording of the record; *name* is the name if the record has none."""
        intervals = self._intervals or _inferred(self.snapshots)
        if self._own is not None:
            snapshots = tuple(self._counted(intervals, 0))
            return within(OWN_KEY, with_own, self._own, intervals, snapshots)
        snapshots = tuple(self._counted(intervals, self.begin_ns(intervals)))
        duration_us = snapshots[-1].end_us
        return Recording(
            name=name,
            intervals=intervals,
            duration_us=duration_us,
            snapshots=snapshots,
            areas=_seen_areas(snapshots, duration_us),
        )

    def _counted(self, intervals: Intervals, begin_ns: int) -> Iterator[Snapshot]:
        for number, raw in enumerate(self.snapshots):
            regions = tuple(region.counted(intervals) for region in raw.regions)
            end_us = (raw.end_ns - begin_ns) // 1000
            try:
                yield Snapshot(end_us=end_us, regions=regions)
            except ValueError as error:
                raise PlacedError(f"snapshots[{number}]", str(error)) from error


def _intervals(value: Mapping[str, Any]) -> Intervals:
    return Intervals(
        sampling_us=whole_time_us(value["sample_us"]),
        aggregation_us=whole_time_us(value["aggr_us"]),
        update_us=whole_time_us(value["ops_update_us"]),
    )


def _inferred(snapshots: list[_RawSnapshot]) -> Intervals:
    """Infer the intervals from how long aggregations took, and from the largest count.

    An aggregation takes a little longer than its interval. So its length is rounded to two digits.
    """
    lengths_us = [(one.end_ns - one.start_ns) // 1000 for one in snapshots]
    # Damo invents the start of the first snapshot.
    length_us = int(statistics.median(lengths_us[1:] or lengths_us))
    most = max(
        (region.samples for one in snapshots for region in one.regions if region.samples),
        default=0,
    )
    if most > _USUAL_SAMPLES and most % 10 == 1:
        most -= 1
    samples = max(_USUAL_SAMPLES, most)
    aggregation_us = max(samples, int(float(f"{length_us:.1e}")))
    return Intervals(
        sampling_us=aggregation_us // samples,
        aggregation_us=aggregation_us // samples * samples,
        update_us=max(aggregation_us, Intervals().update_us),
    )


def _seen_areas(snapshots: tuple[Snapshot, ...], duration_us: int) -> tuple[MappedArea, ...]:
    """Take what was monitored for mapped and resident, from its first snapshot to its last."""
    spans = merged(region[:2] for snapshot in snapshots for region in snapshot.regions)
    seen: list[tuple[int, int] | None] = [None] * len(spans)
    begin_us = 0
    for snapshot in snapshots:
        at = 0
        for region in snapshot.regions:
            while spans[at][1] <= region.start:
                at += 1
            first = seen[at]
            seen[at] = (begin_us if first is None else first[0], snapshot.end_us)
        begin_us = snapshot.end_us
    return tuple(
        MappedArea(
            start=span[0],
            end=span[1],
            from_us=times[0],
            until_us=duration_us if times[1] == snapshots[-1].end_us else times[1],
            resident=(span,),
        )
        for span, times in zip(spans, seen, strict=True)
        if times is not None
    )

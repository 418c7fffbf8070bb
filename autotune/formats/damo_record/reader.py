"""Reads recordings from files of `autotune record` and of `damo record`.

Damo writes numbers as text, with commas, or with units. With old kernels and old versions of damo,
intervals and ages are missing. Missing intervals are inferred, if they can be.

Source: damo 3.4.3, read and tried, and files that it wrote.
"""

from __future__ import annotations

import json
import statistics
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from autotune import document
from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.monitoring import Intervals
from autotune.damon.recording import (
    MOST_PROCESSES,
    MappedArea,
    RecordedProcess,
    RecordedRegion,
    Recording,
    Snapshot,
    shifted_area,
)
from autotune.damon.references import ReferencedArea, ReferencedWindow, shifted_window
from autotune.damon.spans import merged
from autotune.errors import InputError, Where
from autotune.formats.damo_notation import count, whole_size, whole_time_us
from autotune.formats.damo_record.writer import OWN_KEY

T = TypeVar("T")

_MOST_BYTES = 4 << 30
"""Largest size of the JSON: a file that unpacks to more is no recording."""
_PERF = b"PERFILE2"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How a zlib stream begins, by the level that its header names (RFC 1950)."""
_USUAL_SAMPLES = 20
"""Samples in an aggregation, unless a file says otherwise: damo's default."""
_CONVERT = "write it with damo record --output_type json_compressed"
_FILLER = frozenset({0, "0", "0 B"})
"""Start and end of the only region of a snapshot that damo adds to give the snapshot before an end."""


def load(path: Path) -> Recording:
    """Read a file.

    Raises:
        InputError: If the file can't be read, is no recording, or is damaged.
    """
    return parse(document.read_bytes(path), path)


def parse(content: bytes, source: Path) -> Recording:
    """Read the content of a file.

    Args:
        content: Compressed JSON, or JSON.
        source: The file, for messages. A recording without a name gets the file's name without suffixes.

    Raises:
        InputError: If the content is no recording, or is damaged.
    """
    try:
        return _recording(_records(_text(content)), source.name.split(".")[0] or source.name)
    except ValueError as error:
        raise InputError(str(error), Where(source)) from error


def is_compressed(content: bytes) -> bool:
    """Say whether *content* begins as zlib's streams do, and so as damo's recordings do.

    Text may begin with the same first byte, an x.

    >>> is_compressed(zlib.compress(b"[]")), is_compressed(b"x, 10485760")
    (True, False)
    """
    return content.startswith(_ZLIB)


def _text(content: bytes) -> bytes:
    if content.startswith(_PERF):
        raise ValueError(f"is perf's own form, not JSON: {_CONVERT}")
    if content.lstrip()[:1] == b"[":
        return content
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(content, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"is no recording: it is not compressed JSON: {_CONVERT}") from error
    if unpacking.unconsumed_tail:
        raise ValueError(f"unpacks to more than {_MOST_BYTES} bytes: record for less time")
    if not unpacking.eof:
        raise ValueError("is cut off: copy it again, or record again")
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _records(text: bytes) -> list[Any]:
    try:
        records = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("is no recording: nested too deeply") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is no recording: not JSON: {error}") from error
    if not isinstance(records, list) or not records:
        raise ValueError("is no recording: it must be a list of records, in [ ]")
    return records


def _recording(records: list[Any], name: str) -> Recording:
    read = [
        _within(f"[{number}]", _Record, one, f"[{number}]") for number, one in enumerate(records)
    ]
    filled = [one for one in read if one.snapshots]
    if not filled:
        raise ValueError("holds no snapshot: record for longer")
    most = max(filled, key=_Record.accessed_bytes) if len(filled) > 1 else filled[0]
    if read[0].has_own:
        return _joined(read, name)
    # A scheme's own records show again what the targets' records show.
    return _joined([one for one in read if one.group == most.group and one.snapshots], name)


def _joined(records: list[_Record], name: str) -> Recording:
    """Make a recording of the records of all targets of one context."""
    first = _within(records[0].place, records[0].recording, name)
    if len(records) == 1:
        return first
    if len(records) > MOST_PROCESSES:
        raise ValueError(f"{len(records)} targets: a recording holds up to {MOST_PROCESSES}")
    begin_ns = min(one.begin_ns(first.intervals) for one in records)
    parts = sorted(
        (snapshot.end_us, number, snapshot.regions)
        for number, one in enumerate(records)
        for snapshot in _within(one.place, one.shifted, first.intervals, begin_ns, number)
    )
    snapshots = tuple(_together(parts, first.intervals.aggregation_us))
    areas = tuple(
        shifted_area(area, number)
        for number, one in enumerate(records)
        for area in _within(one.place, one.areas, first.intervals, begin_ns)
    )
    duration_us = first.duration_us if records[0].has_own else snapshots[-1].end_us
    return replace(
        first,
        duration_us=duration_us,
        snapshots=snapshots,
        areas=tuple(replace(area, until_us=min(area.until_us, duration_us)) for area in areas),
        processes=tuple(_within(one.place, one.process, duration_us) for one in records),
        references=tuple(
            shifted_window(window, number * PROCESS_BYTES)
            for number, one in enumerate(records)
            for window in _within(one.place, one.references)
        ),
    )


def _together(
    parts: list[tuple[int, int, tuple[RecordedRegion, ...]]], aggregation_us: int
) -> Iterator[Snapshot]:
    """Join what targets showed at the ends of the same aggregations; *parts* are in order of time."""
    waiting: dict[int, tuple[RecordedRegion, ...]] = {}
    end_us = 0

    def joined() -> Snapshot:
        regions = (region for _, own in sorted(waiting.items()) for region in own)
        return Snapshot(end_us=end_us, regions=tuple(regions))

    for time_us, number, regions in parts:
        if waiting and (number in waiting or time_us - end_us > aggregation_us // 2):
            yield joined()
            waiting = {}
        if not waiting:
            end_us = time_us
        waiting[number] = regions
    yield joined()


class _PlacedError(ValueError):
    """Something is wrong at a place in the file."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what

    def within(self, outer: str) -> _PlacedError:
        """Give this error with *outer* in front of its place."""
        separator = "" if self.place.startswith("[") else "."
        return _PlacedError(f"{outer}{separator}{self.place}", self.what)


def _within(place: str, make: Callable[..., T], *arguments: Any) -> T:
    """Give what *make* makes; an error gets *place* in front of its place."""
    try:
        return make(*arguments)
    except _PlacedError as error:
        raise error.within(place) from error
    except ValueError as error:
        raise _PlacedError(place, str(error)) from error
    except (TypeError, AttributeError, KeyError) as error:
        raise _PlacedError(place, f"is not as damo writes it: {error}") from error


def _whole(value: Any) -> int:
    """Read a whole number: a JSON number, or digits with commas."""
    if type(value) is int:
        return value
    if isinstance(value, str) and (digits := value.replace(",", "")).isdecimal():
        return int(digits)
    return count(value)


def _size(value: Any) -> int:
    # There may be millions of sizes, and most are plain numbers: so these are read first.
    if type(value) is int:
        return value
    if isinstance(value, str) and (digits := value.replace(",", "")).isdecimal():
        return int(digits)
    return whole_size(value)


def _time_ns(value: Any) -> int:
    if isinstance(value, str) and not value.replace(",", "").isdecimal():
        return whole_time_us(value) * 1000
    return _whole(value)


def _percent(value: Any) -> float:
    if isinstance(value, str):
        value = float(value.removesuffix("%"))
    if not isinstance(value, int | float) or not 0 <= value < 1000:
        raise ValueError(f"{value} is no percentage")
    return float(value)


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
        start, end = _size(value["start"]), _size(value["end"])
        accesses, age = value["nr_accesses"], value["age"]
        samples, percent = accesses.get("samples"), accesses.get("percent")
        aggregations, age_us = age.get("aggr_intervals"), age.get("usec")
        if samples is None and percent is None:
            raise _PlacedError("nr_accesses", "has neither samples nor percent: give one of them")
        return cls(
            start,
            end,
            None if samples is None else _whole(samples),
            None if percent is None else _percent(percent),
            None if aggregations is None else _whole(aggregations),
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
            raise _PlacedError("regions", "must be a list, in [ ]")
        if len(regions) == 1 and {regions[0]["start"], regions[0]["end"]} <= _FILLER:
            return None
        read = list[_RawRegion]()
        for number, region in enumerate(regions):
            try:
                read.append(_RawRegion.read(region))
            except (ValueError, TypeError, AttributeError, KeyError):
                _within(f"regions[{number}]", _RawRegion.read, region)  # again, for its message
                raise
        return cls(_time_ns(value["start_time"]), _time_ns(value["end_time"]), read)


class _Record:
    """One of damo's records, as it stands in the file."""

    def __init__(self, value: Mapping[str, Any], place: str) -> None:
        self.place = place
        snapshots = value["snapshots"]
        if not isinstance(snapshots, list):
            raise _PlacedError("snapshots", "must be a list, in [ ]")
        read = (
            _within(f"snapshots[{number}]", _RawSnapshot.read, one)
            for number, one in enumerate(snapshots)
        )
        self.snapshots = [one for one in read if one is not None]
        given = value.get("intervals")
        self._intervals = None if given is None else _within("intervals", _intervals, given)
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
            return _own_areas(self._own)
        snapshots = tuple(self._counted(intervals, begin_ns))
        return _seen_areas(snapshots, snapshots[-1].end_us)

    def references(self) -> tuple[ReferencedWindow, ...]:
        """What was referenced in windows, at the process's own addresses."""
        return () if self._own is None else _own_references(self._own)

    def process(self, duration_us: int) -> RecordedProcess:
        """The process, as far as it is known."""
        if self._own is not None and "process" in self._own:
            return _own_process(self._own["process"])
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
            return _within(OWN_KEY, _with_own, self._own, intervals, snapshots)
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
                raise _PlacedError(f"snapshots[{number}]", str(error)) from error


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


def _with_own(
    own: Mapping[str, Any], intervals: Intervals, snapshots: tuple[Snapshot, ...]
) -> Recording:
    for key in ("cpu_us", "work_done", "compressed_fraction", "unwatched_share"):
        value = own.get(key) if key == "unwatched_share" else own[key]
        if not isinstance(value, int | float | None):
            raise _PlacedError(key, f"'{value}' is no number")
    peak = own.get("resident_peak_bytes")
    return Recording(
        name=str(own["name"]),
        intervals=intervals,
        duration_us=_whole(own["duration_us"]),
        held_up_us=_whole(own.get("held_up_us", 0)),
        snapshots=snapshots,
        areas=_own_areas(own),
        processes=(_own_process(own["process"]),) if "process" in own else (),
        unwatched_share=own.get("unwatched_share"),
        unwatched_names=tuple(map(str, own.get("unwatched_names", ()))),
        cpu_us=own["cpu_us"],
        work_done=own["work_done"],
        compressed_fraction=own["compressed_fraction"],
        resident_peak_bytes=None if peak is None else _whole(peak),
        references=_own_references(own),
    )


def _own_areas(own: Mapping[str, Any]) -> tuple[MappedArea, ...]:
    return tuple(
        _within(f"areas[{number}]", _area, area) for number, area in enumerate(own["areas"])
    )


def _own_references(own: Mapping[str, Any]) -> tuple[ReferencedWindow, ...]:
    return tuple(
        _within(f"references[{number}]", _window, window)
        for number, window in enumerate(own.get("references", ()))
    )


def _window(value: Mapping[str, Any]) -> ReferencedWindow:
    return ReferencedWindow(
        begin_us=_whole(value["begin_us"]),
        end_us=_whole(value["end_us"]),
        areas=tuple(ReferencedArea(*map(_whole, area)) for area in value["areas"]),
    )


def _own_process(value: Mapping[str, Any]) -> RecordedProcess:
    return RecordedProcess(
        name=str(value["name"]),
        from_us=_whole(value["from_us"]),
        until_us=_whole(value["until_us"]),
    )


def _area(value: Mapping[str, Any]) -> MappedArea:
    return MappedArea(
        start=_whole(value["start"]),
        end=_whole(value["end"]),
        from_us=_whole(value["from_us"]),
        until_us=_whole(value["until_us"]),
        resident=tuple((_whole(start), _whole(end)) for start, end in value["resident"]),
        shared=tuple((_whole(start), _whole(end)) for start, end in value.get("shared", ())),
        repeated=tuple((_whole(start), _whole(end)) for start, end in value.get("repeated", ())),
    )

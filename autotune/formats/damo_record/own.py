"""What `autotune record` writes beside what damo knows, under the key `OWN_KEY` of each record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import MappedArea, RecordedProcess, Recording, Snapshot
from autotune.damon.references import ReferencedArea, ReferencedWindow
from autotune.formats.damo_record.numbers import whole
from autotune.formats.damo_record.placed import PlacedError, within


def with_own(
    own: Mapping[str, Any], intervals: Intervals, snapshots: tuple[Snapshot, ...]
) -> Recording:
    """Make a recording of one record with its own key.

    Args:
        own: The value of the key.
        intervals: DAMON's intervals.
        snapshots: The record's snapshots, at times since the measured part began.

    Raises:
        PlacedError: If a value is not as `autotune record` writes it.
        KeyError: If a value is missing.
        ValueError: If the values don't fit together.
    """
    for key in ("cpu_us", "work_done", "compressed_fraction", "unwatched_share"):
        value = own.get(key) if key == "unwatched_share" else own[key]
        if not isinstance(value, int | float | None):
            raise PlacedError(key, f"'{value}' is no number")
    peak = own.get("resident_peak_bytes")
    return Recording(
        name=str(own["name"]),
        intervals=intervals,
        duration_us=whole(own["duration_us"]),
        held_up_us=whole(own.get("held_up_us", 0)),
        snapshots=snapshots,
        areas=own_areas(own),
        processes=(own_process(own["process"]),) if "process" in own else (),
        unwatched_share=own.get("unwatched_share"),
        unwatched_names=tuple(map(str, own.get("unwatched_names", ()))),
        cpu_us=own["cpu_us"],
        work_done=own["work_done"],
        compressed_fraction=own["compressed_fraction"],
        resident_peak_bytes=None if peak is None else whole(peak),
        references=own_references(own),
    )


def own_areas(own: Mapping[str, Any]) -> tuple[MappedArea, ...]:
    """Give what was mapped, at the process's own addresses.

    Raises:
        PlacedError: If an area is not as `autotune record` writes it.
    """
    return tuple(
        within(f"areas[{number}]", _area, area) for number, area in enumerate(own["areas"])
    )


def own_references(own: Mapping[str, Any]) -> tuple[ReferencedWindow, ...]:
    """Give the windows of references, at the process's own addresses; none in older recordings.

    Raises:
        PlacedError: If a window is not as `autotune record` writes it.
    """
    return tuple(
        within(f"references[{number}]", _window, window)
        for number, window in enumerate(own.get("references", ()))
    )


def _window(value: Mapping[str, Any]) -> ReferencedWindow:
    return ReferencedWindow(
        begin_us=whole(value["begin_us"]),
        end_us=whole(value["end_us"]),
        areas=tuple(ReferencedArea(*map(whole, area)) for area in value["areas"]),
    )


def own_process(value: Mapping[str, Any]) -> RecordedProcess:
    """Read the process of a record.

    Raises:
        KeyError: If a value is missing.
        ValueError: If a value is no number.
    """
    return RecordedProcess(
        name=str(value["name"]),
        from_us=whole(value["from_us"]),
        until_us=whole(value["until_us"]),
    )


def _area(value: Mapping[str, Any]) -> MappedArea:
    return MappedArea(
        start=whole(value["start"]),
        end=whole(value["end"]),
        from_us=whole(value["from_us"]),
        until_us=whole(value["until_us"]),
        resident=tuple((whole(start), whole(end)) for start, end in value["resident"]),
        shared=tuple((whole(start), whole(end)) for start, end in value.get("shared", ())),
        repeated=tuple((whole(start), whole(end)) for start, end in value.get("repeated", ())),
    )

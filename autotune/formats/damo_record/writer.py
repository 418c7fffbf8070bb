"""Writes recordings as files that damo can read, too: compressed JSON, with one key that damo skips.

Each process has a record, with its own addresses. What damo knows is where damo looks for it. What was
mapped is under `OWN_KEY` in the record of each process. How long the measured part was and what the
whole workload used is there in the first record.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import MappedArea, RecordedRegion, Recording
from autotune.damon.references import shifted_window
from autotune.damon.spans import Span
from autotune.errors import InputError, RunError, Where

OWN_KEY: Final = "autotune"
"""The key of what damo does not know."""

_LEVEL = 6


def write(recording: Recording) -> bytes:
    """Give the content of a file. Equal recordings give equal bytes.

    Times of snapshots are nanoseconds since the measured part began; all other numbers are in damo's
    units.

    Source: damo 3.4.3, read and tried. Its reader knows compressed JSON by the first bytes, and does not
    read JSON that is not compressed.
    """
    count = max(1, len(recording.processes))
    records = [_record(recording, number, count) for number in range(count)]
    text = json.dumps(records, separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), _LEVEL)


def _record(recording: Recording, number: int, count: int) -> dict[str, Any]:
    """Give the record of process *number* of *count*; a single process may lie at any addresses."""
    intervals = recording.intervals
    base = number * PROCESS_BYTES
    end = base + PROCESS_BYTES if count > 1 else None
    areas = [_area(area, base) for area in recording.areas if _lies(area.start, base, end)]
    own: dict[str, Any] = {}
    if number == 0:
        own = {
            "name": recording.name,
            "duration_us": recording.duration_us,
            "held_up_us": recording.held_up_us,
            "cpu_us": recording.cpu_us,
            "work_done": recording.work_done,
            "compressed_fraction": recording.compressed_fraction,
            "resident_peak_bytes": recording.resident_peak_bytes,
            "unwatched_share": recording.unwatched_share,
            "unwatched_names": list(recording.unwatched_names),
        }
    if recording.processes:
        own["process"] = dataclasses.asdict(recording.processes[number])
    return {
        "kdamond_idx": 0,
        "context_idx": 0,
        "intervals": {
            "sample_us": intervals.sampling_us,
            "aggr_us": intervals.aggregation_us,
            "ops_update_us": intervals.update_us,
        },
        "scheme_idx": None,
        "target_id": number,
        "scheme_filters": [],
        "snapshots": list(_snapshots(recording, base, end)),
        OWN_KEY: {**own, "areas": areas, "references": list(_windows(recording, base, end))},
    }


def _lies(start: int, low: int, high: int | None) -> bool:
    return high is None or low <= start < high


def _area(area: MappedArea, base: int) -> dict[str, Any]:
    def spans(of: tuple[Span, ...]) -> list[list[int]]:
        return [[start - base, end - base] for start, end in of]

    return {
        "start": area.start - base,
        "end": area.end - base,
        "from_us": area.from_us,
        "until_us": area.until_us,
        "resident": spans(area.resident),
        "shared": spans(area.shared),
        "repeated": spans(area.repeated),
    }


def _windows(recording: Recording, base: int, end: int | None) -> Iterator[dict[str, Any]]:
    for window in recording.references:
        if _lies(window.areas[0].start, base, end):
            yield {
                "begin_us": window.begin_us,
                "end_us": window.end_us,
                "areas": [list(area) for area in shifted_window(window, -base).areas],
            }


def _snapshots(recording: Recording, base: int, end: int | None) -> Iterator[dict[str, Any]]:
    begin_us = max(0, recording.snapshots[0].end_us - recording.intervals.aggregation_us)
    for snapshot in recording.snapshots:
        mine = tuple(region for region in snapshot.regions if _lies(region.start, base, end))
        if mine or base == 0:
            yield {
                "start_time": begin_us * 1000,
                "end_time": snapshot.end_us * 1000,
                "regions": _regions(mine, base),
            }
        begin_us = snapshot.end_us


def _regions(regions: tuple[RecordedRegion, ...], base: int) -> list[dict[str, Any]]:
    return [
        {
            "start": start - base,
            "end": end - base,
            "nr_accesses": {"samples": accesses, "percent": None},
            "age": {"usec": None, "aggr_intervals": age},
        }
        for start, end, accesses, age in regions
    ]


def check_new(path: Path) -> None:
    """Check that a recording can be written to *path*.

    Raises:
        InputError: If *path* exists already, or its folder does not.
    """
    if path.exists() or path.is_symlink():
        raise InputError("is there already: name another file with --out", Where(path))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"can't be made, since '{path.parent}' is no folder that can be written to: name another "
            "place with --out",
            Where(path),
        )


def save(recording: Recording, path: Path) -> None:
    """Write a recording to a new file, whole or not at all.

    Raises:
        InputError: If *path* exists already, or its folder does not.
        RunError: If the disk is full or fails.
    """
    check_new(path)
    content = write(recording)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{path}: can't be written: {error.strerror}: free some space") from error

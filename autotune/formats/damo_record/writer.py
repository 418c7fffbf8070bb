"""Writes recordings as files that damo can read, too: compressed JSON, with one key that damo skips.

What damo knows is where damo looks for it. What was mapped, how long the measured part was and what it
used is under `OWN_KEY`, in the file's only record.
"""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from autotune.damon.recording import Recording, Snapshot
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
    intervals = recording.intervals
    record = {
        "kdamond_idx": 0,
        "context_idx": 0,
        "intervals": {
            "sample_us": intervals.sampling_us,
            "aggr_us": intervals.aggregation_us,
            "ops_update_us": intervals.update_us,
        },
        "scheme_idx": None,
        "target_id": 0,
        "scheme_filters": [],
        "snapshots": list(_snapshots(recording)),
        OWN_KEY: {
            "name": recording.name,
            "duration_us": recording.duration_us,
            "held_up_us": recording.held_up_us,
            "cpu_us": recording.cpu_us,
            "work_done": recording.work_done,
            "compressed_fraction": recording.compressed_fraction,
            "resident_peak_bytes": recording.resident_peak_bytes,
            "areas": [
                {
                    "start": area.start,
                    "end": area.end,
                    "from_us": area.from_us,
                    "until_us": area.until_us,
                    "resident": [list(span) for span in area.resident],
                    "shared": [list(span) for span in area.shared],
                }
                for area in recording.areas
            ],
        },
    }
    text = json.dumps([record], separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), _LEVEL)


def _snapshots(recording: Recording) -> Iterator[dict[str, Any]]:
    begin_us = max(0, recording.snapshots[0].end_us - recording.intervals.aggregation_us)
    for snapshot in recording.snapshots:
        yield {
            "start_time": begin_us * 1000,
            "end_time": snapshot.end_us * 1000,
            "regions": _regions(snapshot),
        }
        begin_us = snapshot.end_us


def _regions(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "start": start,
            "end": end,
            "nr_accesses": {"samples": accesses, "percent": None},
            "age": {"usec": None, "aggr_intervals": age},
        }
        for start, end, accesses, age in snapshot.regions
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

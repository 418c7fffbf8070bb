"""Reads recordings from files of `autotune record` and of `damo record`.

A file is JSON, mostly compressed: a list of records, one for each target of DAMON.

Source: damo 3.4.3, read and tried, and files that it wrote.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from autotune import document
from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import (
    MOST_PROCESSES,
    RecordedRegion,
    Recording,
    Snapshot,
    shifted_area,
)
from autotune.damon.references import shifted_window
from autotune.errors import InputError, Where
from autotune.formats.damo_record.placed import within
from autotune.formats.damo_record.records import Record
from autotune.formats.file_kinds import PERF, RECORDING, ZLIB, told_kind

_MOST_BYTES = 4 << 30
"""Largest size of the JSON: a file that unpacks to more is no recording."""
_CUT_OFF = "is cut off: copy it again, or record again"
_CONVERT = "write it with damo record --output_type json_compressed"


def load(path: Path) -> Recording:
    """Read a file.

    Raises:
        InputError: If the file can't be read, is no recording, or is damaged.
    """
    content = document.read_bytes(path)
    kind = told_kind(content)
    if kind is not None and kind is not RECORDING:
        raise InputError(
            f"is {kind.noun}, not a recording: autotune record WORKLOAD makes one", Where(path)
        )
    return parse(content, path)


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
    return content.startswith(ZLIB)


def _text(content: bytes) -> bytes:
    if not content:
        raise ValueError("is empty: copy it again, or record again")
    if content.startswith(PERF):
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
        raise ValueError(_CUT_OFF)
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _records(text: bytes) -> list[Any]:
    try:
        records = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("is no recording: nested too deeply") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        if text.lstrip().startswith(b"[") and not text.rstrip().endswith(b"]"):
            raise ValueError(_CUT_OFF) from error
        raise ValueError(f"is no recording: not JSON: {error}: record again") from error
    if not isinstance(records, list) or not records:
        raise ValueError("is no recording: it must be a list of records, in [ ]")
    return records


def _recording(records: list[Any], name: str) -> Recording:
    read = [
        within(f"[{number}]", Record, one, f"[{number}]") for number, one in enumerate(records)
    ]
    filled = [one for one in read if one.snapshots]
    if not filled:
        raise ValueError("holds no snapshot: record for longer")
    most = max(filled, key=Record.accessed_bytes) if len(filled) > 1 else filled[0]
    if read[0].has_own:
        return _joined(read, name)
    # A scheme's own records show again what the targets' records show.
    return _joined([one for one in read if one.group == most.group and one.snapshots], name)


def _joined(records: list[Record], name: str) -> Recording:
    """Make a recording of the records of all targets of one context."""
    first = within(records[0].place, records[0].recording, name)
    if len(records) == 1:
        return first
    if len(records) > MOST_PROCESSES:
        raise ValueError(f"{len(records)} targets: a recording holds up to {MOST_PROCESSES}")
    begin_ns = min(one.begin_ns(first.intervals) for one in records)
    parts = sorted(
        (snapshot.end_us, number, snapshot.regions)
        for number, one in enumerate(records)
        for snapshot in within(one.place, one.shifted, first.intervals, begin_ns, number)
    )
    snapshots = tuple(_together(parts, first.intervals.aggregation_us))
    areas = tuple(
        shifted_area(area, number)
        for number, one in enumerate(records)
        for area in within(one.place, one.areas, first.intervals, begin_ns)
    )
    duration_us = first.duration_us if records[0].has_own else snapshots[-1].end_us
    return replace(
        first,
        duration_us=duration_us,
        snapshots=snapshots,
        areas=tuple(replace(area, until_us=min(area.until_us, duration_us)) for area in areas),
        processes=tuple(within(one.place, one.process, duration_us) for one in records),
        references=tuple(
            shifted_window(window, number * PROCESS_BYTES)
            for number, one in enumerate(records)
            for window in within(one.place, one.references)
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

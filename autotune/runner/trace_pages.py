"""Reads snapshots of regions from the raw pages of the kernel's trace buffer.

Source: include/linux/ring_buffer.h, kernel/trace/ring_buffer.c and include/trace/events/damon.h of
Linux 6.12, for 64-bit kernels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import starmap
from typing import NamedTuple

from autotune.damon.recording import RecordedRegion
from autotune.errors import BackendUnavailableError, TrialError

PAGE_HEAD_BYTES = 16
"""A page's head: the time of its first event in nanoseconds, the length of what follows, and flags."""

_PAGE_HEAD = struct.Struct("=QQ")
_WORD = struct.Struct("=I")
_LENGTH_MASK = (1 << 20) - 1
_LOST = 1 << 31
_PADDING, _TIME_EXTEND, _TIME_STAMP = 29, 30, 31
"""Kinds of entries that are no events. A kind of 1 to 28 is an event of so many words; an entry of kind
0 is an event whose length follows."""
_DELTA_BITS = 27
_STAMP_BITS = 59
"""Bits of an absolute time that an entry holds. The bits above come from the page's head."""

_FIELD = re.compile(r"field:[^;]*?(\w+);\s*offset:(\d+);\s*size:(\d+);")
_ID = re.compile(r"^ID: (\d+)$", re.MULTILINE)
_LETTERS = {"1": "B", "2": "H", "4": "I", "8": "Q"}
_NEEDED = ("common_type", "target_id", "nr_regions", "start", "end", "nr_accesses")


@dataclass(frozen=True, slots=True)
class EventLayout:
    """The layout of the event damon_aggregated in the buffer.

    Attributes:
        number: The event's number.
        fields: Reads common_type, target_id, nr_regions, start, end, nr_accesses, and age if `has_age`.
        has_age: Whether the kernel writes ages.
    """

    number: int
    fields: struct.Struct
    has_age: bool


def read_layout(text: str) -> EventLayout:
    """Read the event's file ``format``.

    Raises:
        BackendUnavailableError: If the text has another form.
    """
    found = {name: (int(offset), size) for name, offset, size in _FIELD.findall(text)}
    number = _ID.search(text)
    if number is None or any(name not in found for name in _NEEDED):
        raise BackendUnavailableError(
            "the trace event damon_aggregated has an unknown layout: use another kernel"
        )
    names = [*_NEEDED, *(["age"] if "age" in found else [])]
    order = sorted(names, key=lambda name: found[name][0])
    if order != names:
        raise BackendUnavailableError(
            "the trace event damon_aggregated has its fields in an unknown order: use another kernel"
        )
    parts, at = ["="], 0
    for name in names:
        offset, size = found[name]
        parts.append(f"{offset - at}x{_LETTERS[size]}")
        at = offset + int(size)
    return EventLayout(int(number[1]), struct.Struct("".join(parts)), "age" in found)


class _Event(NamedTuple):
    """One region in one aggregation."""

    time_ns: int
    target: int
    regions: int
    region: RecordedRegion


class TargetSnapshot(NamedTuple):
    """All regions of a target at the end of one aggregation.

    Attributes:
        target: The target's number.
        time_us: The end of the aggregation.
        regions: The regions, in the order of addresses.
    """

    target: int
    time_us: int
    regions: tuple[RecordedRegion, ...]


def read_snapshots(
    layout: EventLayout, buffers: tuple[bytes, ...], *, begin_ns: int
) -> Iterator[TargetSnapshot]:
    """Read the snapshots of all targets, in the order in which the kernel wrote them.

    Args:
        layout: Layout of the event.
        buffers: For each CPU its pages, one behind the other, each cut off at the end of its content.
        begin_ns: When the measured part began, by the buffer's clock.

    Raises:
        TrialError: If the kernel had no room for some of the events.
    """
    waiting: list[_Event] = []
    for event in merge(*(_events(layout, pages) for pages in buffers)):
        # A snapshot that the beginning or the end of the recording has cut is left out.
        if waiting and (
            event.target != waiting[0].target
            or event.regions != waiting[0].regions
            or event.region.start < waiting[-1].region.end
        ):
            waiting.clear()
        waiting.append(event)
        if len(waiting) == event.regions:
            yield TargetSnapshot(
                event.target,
                (waiting[0].time_ns - begin_ns) // 1000,
                tuple(one.region for one in waiting),
            )
            waiting.clear()


def _events(layout: EventLayout, pages: bytes) -> Iterator[_Event]:
    at = 0
    while at < len(pages):
        time_ns, length = _PAGE_HEAD.unpack_from(pages, at)
        if length & _LOST:
            raise TrialError(
                "the kernel lost a part of the recording, since it was read too late: lower "
                "monitoring.max_regions, or raise monitoring.aggregation_interval"
            )
        at += PAGE_HEAD_BYTES
        end = at + (length & _LENGTH_MASK)
        yield from starmap(_Event, _events_of_page(layout, pages, at, end, time_ns))
        at = end


def _events_of_page(
    layout: EventLayout, pages: bytes, at: int, end: int, time_ns: int
) -> Iterator[tuple[int, int, int, RecordedRegion]]:
    read, number = layout.fields.unpack_from, layout.number
    while at < end:
        (head,) = _WORD.unpack_from(pages, at)
        kind, delta = head & 31, head >> 5
        at += 4
        if kind in (_TIME_EXTEND, _TIME_STAMP):
            (high,) = _WORD.unpack_from(pages, at)
            time = (high << _DELTA_BITS) + delta
            if kind == _TIME_STAMP:
                time_ns = (time_ns >> _STAMP_BITS << _STAMP_BITS) + time
            else:
                time_ns += time
            at += 4
            continue
        if kind == _PADDING:
            if delta == 0:  # up to the end of the page
                return
            (size,) = _WORD.unpack_from(pages, at)
            at += size
            time_ns += delta
            continue
        time_ns += delta
        size = 4 * kind
        begin = at
        if kind == 0:
            (size,) = _WORD.unpack_from(pages, at)
            begin += 4
        if read(pages, begin)[0] == number:
            _, target, regions, start, stop, accesses, *age = read(pages, begin)
            region = RecordedRegion(start, stop, accesses, age[0] if age else None)
            yield time_ns, target, regions, region
        at += size

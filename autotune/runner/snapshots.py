"""A few snapshots of DAMON's regions during a measurement: what schemes could have matched.

The kernel's trace of regions is turned on for about an aggregation interval after 1 s, 3 s, 9 s and so
on, and once more when everything is measured. It is read when DAMON is off.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import RecordedRegion
from autotune.errors import TrialError
from autotune.runner.trace_pages import read_layout, read_snapshots
from autotune.runner.tracing import TraceBuffer

_FIRST_S: Final = 1.0
_FACTOR: Final = 3.0
"""The time of a snapshot is so many times the time of the one before."""
_AGGREGATIONS: Final = 1.5
"""How many aggregation intervals a snapshot takes, so that one ends in this time."""
_LONGEST_S: Final = 10.0
"""For the last snapshot nobody waits longer than this."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the snapshots hold.

    Attributes:
        aggregations: How many aggregation intervals were looked at.
        regions: The regions in them; a region of several intervals is in here as often.
        during: Those of `regions` that DAMON found before the measured part ended.
    """

    aggregations: int
    regions: Sequence[RecordedRegion]
    during: Sequence[RecordedRegion]


class Snapshots:
    """Takes snapshots.

    Args:
        trace: A buffer that takes nothing yet.
        intervals: DAMON's intervals.
    """

    def __init__(self, trace: TraceBuffer, intervals: Intervals) -> None:
        self._trace = trace
        self._takes_s = _AGGREGATIONS * intervals.aggregation_us / 1e6
        self._next_s = _FIRST_S
        self._since_s: float | None = None
        self._end_ns: int | None = None

    def look(self, now_s: float) -> None:
        """Begin or end a snapshot if it is time to.

        Args:
            now_s: The time since DAMON was turned on, in seconds.
        """
        if self._since_s is not None:
            if now_s - self._since_s >= self._takes_s:
                self._trace.take(False)
                self._since_s = None
        elif now_s >= self._next_s:
            self._trace.take(True)
            self._since_s = now_s
            while self._next_s <= now_s:
                self._next_s *= _FACTOR

    def take_last(self) -> None:
        """Take a snapshot when everything is measured. The processes may have ended by now."""
        self._end_ns = time.monotonic_ns()
        if self._takes_s <= _LONGEST_S:
            self._trace.take(True)
            time.sleep(self._takes_s)
        self._trace.take(False)

    def seen(self) -> Seen | None:
        """Read the snapshots. DAMON must be off. None if the kernel had no room for a part of them."""
        self._trace.drain()
        layout = read_layout(self._trace.layout_text)
        try:
            found = list(read_snapshots(layout, self._trace.pages(), begin_ns=0))
        except TrialError:
            return None
        end_us = None if self._end_ns is None else self._end_ns // 1000
        return Seen(
            aggregations=len({one.time_us for one in found if one.target == found[0].target}),
            regions=[region for one in found for region in one.regions],
            during=[
                region
                for one in found
                if end_us is None or one.time_us <= end_us
                for region in one.regions
            ],
        )

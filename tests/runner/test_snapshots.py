from __future__ import annotations

import time
from typing import cast

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import RecordedRegion
from autotune.runner.snapshots import Seen, Snapshots
from autotune.runner.tracing import TraceBuffer
from tests.runner.test_trace_pages import FORMAT, HIGH, LOST, LOW, entry, event, page

INTERVALS = Intervals(sampling_us=1_000, aggregation_us=20_000)


class Buffer:
    """A trace buffer that notes when it was to take events."""

    layout_text = FORMAT

    def __init__(self) -> None:
        self.takes: list[bool] = []
        self.content: list[bytes] = []

    def take(self, takes: bool) -> None:
        self.takes.append(takes)

    def drain(self) -> None:
        """All is read already."""

    def pages(self) -> tuple[bytes, ...]:
        return (b"".join(self.content),)

    def write(self, *regions: RecordedRegion, flags: int = 0) -> None:
        """Write an aggregation as it ends now."""
        entries = (entry(0, event(len(regions), region)) for region in regions)
        self.content.append(page(time.monotonic_ns(), *entries, flags=flags))


def snapshots(buffer: Buffer) -> Snapshots:
    return Snapshots(cast("TraceBuffer", buffer), INTERVALS)


def test_the_trace_is_on_for_an_aggregation_ever_less_often() -> None:
    buffer = Buffer()
    taken = snapshots(buffer)
    times: list[tuple[float, bool]] = []

    for tenth in range(301):
        before = len(buffer.takes)
        taken.look(tenth / 10)
        times += [(tenth / 10, takes) for takes in buffer.takes[before:]]

    assert [now_s for now_s, takes in times if takes] == [1.0, 3.0, 9.0, 27.0]
    assert [now_s for now_s, takes in times if not takes] == [1.1, 3.1, 9.1, 27.1]


def test_what_comes_behind_the_last_reading_is_told_apart() -> None:
    buffer = Buffer()
    taken = snapshots(buffer)
    buffer.write(LOW, HIGH)

    taken.take_last()
    buffer.write(HIGH)

    assert buffer.takes == [True, False]
    assert taken.seen() == Seen(aggregations=2, regions=[LOW, HIGH, HIGH], during=[LOW, HIGH])


def test_a_trace_that_lost_a_part_says_nothing() -> None:
    buffer = Buffer()
    buffer.write(LOW, HIGH, flags=LOST)

    assert snapshots(buffer).seen() is None


def test_nobody_waits_for_a_last_snapshot_of_a_long_interval() -> None:
    buffer = Buffer()
    taken = Snapshots(
        cast("TraceBuffer", buffer), Intervals(sampling_us=1_000_000, aggregation_us=60_000_000)
    )

    taken.take_last()

    assert buffer.takes == [False]
    assert taken.seen() == Seen(aggregations=0, regions=[], during=[])

from __future__ import annotations

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import RecordedRegion
from autotune.runner.recorded_processes import RawProcess, joined
from autotune.runner.trace_pages import TargetSnapshot

END_US = 1_000_000


def region(start: int, accesses: int = 1) -> RecordedRegion:
    return RecordedRegion(start, start + 4096, accesses, 0)


def test_targets_of_one_aggregation_make_one_snapshot() -> None:
    processes = (RawProcess("a", 0, -5, END_US), RawProcess("b", 1, -5, END_US))
    written = [
        TargetSnapshot(target, time_us + target, (region(4096, number),))
        for number, time_us in enumerate((100_000, 200_000))
        for target in (0, 1)
    ]

    found = list(joined(written, processes))

    assert [one.end_us for one in found] == [100_000, 200_000]
    assert [[(r.start, r.accesses) for r in one.regions] for one in found] == [
        [(4096, number), (PROCESS_BYTES + 4096, number)] for number in (0, 1)
    ]


def test_a_place_belongs_to_one_process_after_another() -> None:
    """Between the two, and while it is empty, what stands there is nobody's."""
    processes = (
        RawProcess("parent", 0, 0, END_US),
        RawProcess("early", 1, 0, 250_000),
        RawProcess("late", 1, 450_000, END_US),
    )
    written = [
        TargetSnapshot(target, number * 100_000 + target, (region(0),))
        for number in range(1, 6)
        for target in (0, 1)
    ]

    found = list(joined(written, processes))

    assert [[r.start // PROCESS_BYTES for r in one.regions] for one in found] == [
        *([0, 1], [0, 1], [0], [0], [0, 2])
    ]


def test_a_process_with_a_lower_place_may_come_later() -> None:
    processes = (RawProcess("first", 1, 0, END_US), RawProcess("second", 0, 150_000, END_US))
    written = [
        TargetSnapshot(0, 200_000, (region(0),)),
        TargetSnapshot(1, 200_001, (region(4096),)),
    ]

    [found] = joined(written, processes)

    assert [r.start for r in found.regions] == [4096, PROCESS_BYTES]

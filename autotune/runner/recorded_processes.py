"""Puts what DAMON saw of several processes into one recording's row of addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import RecordedProcess, RecordedRegion, Snapshot
from autotune.runner.trace_pages import TargetSnapshot


class RawProcess(NamedTuple):
    """A process that was DAMON's target.

    Attributes:
        name: The name of its program.
        place: The target's number.
        from_us: From when it was this target; below 0 if that was before the measured part.
        until_us: Until when.
    """

    name: str
    place: int
    from_us: int
    until_us: int

    def recorded(self, duration_us: int) -> RecordedProcess:
        """Give the process as a recording of *duration_us* has it."""
        from_us = min(max(0, self.from_us), duration_us)
        until_us = min(max(from_us, self.until_us), duration_us)
        return RecordedProcess(name=self.name, from_us=from_us, until_us=until_us)


def joined(
    snapshots: Iterable[TargetSnapshot], processes: tuple[RawProcess, ...]
) -> Iterator[Snapshot]:
    """Join the snapshots of all targets of an aggregation, which the kernel writes target by target.

    Snapshots of a time at which their target was none of the processes are left out.
    """
    last = -1
    end_us = 0
    waiting: list[tuple[int, tuple[RecordedRegion, ...]]] = []
    for target, time_us, regions in snapshots:
        if target <= last and waiting:
            yield _snapshot(end_us, waiting)
            waiting = []
        last = target
        number = _process(processes, target, time_us)
        if number is None:
            continue
        if not waiting:
            end_us = time_us
        waiting.append((number, regions))
    if waiting:
        yield _snapshot(end_us, waiting)


def _process(processes: tuple[RawProcess, ...], target: int, time_us: int) -> int | None:
    for number, process in enumerate(processes):
        if process.place == target and process.from_us <= time_us <= process.until_us:
            return number
    return None


def _snapshot(end_us: int, parts: list[tuple[int, tuple[RecordedRegion, ...]]]) -> Snapshot:
    return Snapshot(
        end_us=end_us,
        regions=tuple(
            RecordedRegion(
                region.start + number * PROCESS_BYTES,
                region.end + number * PROCESS_BYTES,
                region.accesses,
                region.age,
            )
            if number
            else region
            for number, regions in sorted(parts)
            for region in regions
        ),
    )

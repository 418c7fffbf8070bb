"""What DAMON saw of one workload: regions over time, what was mapped, and a few figures of the run.

Addresses are bytes of virtual address spaces. The processes of a workload lie in one row of addresses,
each with `PROCESS_BYTES` of its own: process number *n* lies *n* times `PROCESS_BYTES` higher than it
really does. Times count from the beginning of the measured part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.monitoring import Intervals
from autotune.damon.references import ReferencedWindow
from autotune.damon.spans import Span, merged, without

MOST_PROCESSES: Final = 1 << 15
"""With more processes, addresses would not fit into 63 bits."""


class RecordedRegion(NamedTuple):
    """A region in one aggregation. A recording has hundreds of thousands of them.

    Attributes:
        start: First address.
        end: Address behind the last.
        accesses: How many samples of the aggregation found the region accessed.
        age: For how many aggregations its accesses stayed about equal; None if the kernel or the file
            did not say.
    """

    start: int
    end: int
    accesses: int
    age: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All regions at the end of one aggregation.

    Attributes:
        end_us: The end of the aggregation.
        regions: The regions, in the order of addresses, without overlaps.

    Raises:
        ValueError: If regions are empty, out of order or overlap, or a count is below 0.
    """

    end_us: int
    regions: tuple[RecordedRegion, ...]

    def __post_init__(self) -> None:
        """Check the regions."""
        before = 0
        for start, end, accesses, age in self.regions:
            if not before <= start < end:
                raise ValueError(f"region {start}-{end} is empty, or not behind the one before it")
            if accesses < 0 or (age is not None and age < 0):
                raise ValueError(f"region {start}-{end} counts below 0")
            before = end


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedArea:
    """Addresses that the program had mapped for a while.

    If an area grows, the new part is an area of its own.

    Attributes:
        start: First address.
        end: Address behind the last.
        from_us: When the area was first seen; 0 if it was there when the measured part began.
        until_us: When the area was gone, or the measured part ended.
        resident: Parts that were in memory when the area was first seen, in the order of addresses.
        shared: Resident parts that were also mapped elsewhere, in the order of addresses. Paging this
            program out does not take them.
        repeated: Parts of `shared` whose pages are already in another area of the recording. They take
            no memory of their own.

    Raises:
        ValueError: If the area is empty or ends before it begins, or a part lies outside of the area.
    """

    start: int
    end: int
    from_us: int
    until_us: int
    resident: tuple[Span, ...]
    shared: tuple[Span, ...] = ()
    repeated: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not 0 <= self.start < self.end:
            raise ValueError(f"area {self.start}-{self.end} is empty")
        if not 0 <= self.from_us <= self.until_us:
            raise ValueError(f"area {self.start}-{self.end} ends before it begins")
        for spans in (self.resident, self.shared, self.repeated):
            before = self.start
            for start, end in spans:
                if not before <= start < end <= self.end:
                    raise ValueError(
                        f"resident {start}-{end} does not lie in area {self.start}-{self.end}, behind "
                        "the one before it"
                    )
                before = end


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProcess:
    """A process that DAMON watched.

    Attributes:
        name: The name of its program; "" if it is not known.
        from_us: From when DAMON watched it.
        until_us: Until when.
    """

    name: str
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The access pattern of a program over one run, with all of its processes.

    Attributes:
        name: Name for people.
        intervals: DAMON's intervals.
        duration_us: Length of the measured part.
        held_up_us: How long the workload waited, in the measured part, for a CPU that monitoring and
            measuring used. Without them it would not have waited.
        snapshots: One or more snapshots, in the order of time.
        areas: What was mapped. No two areas overlap in both address and time.
        cpu_us: CPU time of the workload in the measured part; None if it was not measured.
        work_done: What a workload of fixed duration got done, in its own unit; None for fixed work.
        compressed_fraction: Size of this program's memory in compressed swap, as a fraction of its size
            before compression; None if it was not measured.
        resident_peak_bytes: Maximum of the workload's resident set in the measured part; None if it was
            not measured.
        processes: The processes, in the order of addresses; empty if the recording is of one process of
            which nothing else is known.
        unwatched_share: Resident memory times time of processes while DAMON did not watch them, as a
            fraction of that of all processes; None if it was not measured.
        unwatched_names: Names of the programs with most of that.
        references: How much of each mapping was accessed within windows of time; each window is of one
            process. Empty if it was not measured.

    Raises:
        ValueError: If times run backwards or beyond the end, addresses lie beyond the processes, or a
            count is above the samples of an
            aggregation.
    """

    name: str
    intervals: Intervals
    duration_us: int
    snapshots: tuple[Snapshot, ...]
    areas: tuple[MappedArea, ...]
    held_up_us: int = 0
    cpu_us: int | None = None
    work_done: float | None = None
    compressed_fraction: float | None = None
    resident_peak_bytes: int | None = None
    processes: tuple[RecordedProcess, ...] = ()
    unwatched_share: float | None = None
    unwatched_names: tuple[str, ...] = ()
    references: tuple[ReferencedWindow, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not self.snapshots:
            raise ValueError("no aggregation ended while it was recorded: record for longer")
        if not 0 <= self.held_up_us < self.duration_us:
            raise ValueError(
                f"held_up_us is {self.held_up_us}: it must be 0 or more, and below {self.duration_us}"
            )
        before, most = 0, self.max_accesses
        for snapshot in self.snapshots:
            if not before < snapshot.end_us <= self.duration_us:
                raise ValueError(
                    f"a snapshot at {snapshot.end_us} us is not behind the one before it, or behind "
                    f"the end ({self.duration_us} us)"
                )
            before = snapshot.end_us
            for region in snapshot.regions:
                if region.accesses > most:
                    raise ValueError(
                        f"region {region.start}-{region.end} has {region.accesses} accesses, and an "
                        f"aggregation has {most} samples"
                    )
        self._check_areas()
        self._check_processes()
        for name in (
            *("cpu_us", "work_done", "compressed_fraction", "resident_peak_bytes"),
            "unwatched_share",
        ):
            if (value := getattr(self, name)) is not None and not value >= 0:
                raise ValueError(f"{name} is {value}: it must be 0 or more")

    def _check_areas(self) -> None:
        for area in self.areas:
            if area.until_us > self.duration_us:
                raise ValueError(f"area {area.start}-{area.end} outlives the recording")
        if any(window.end_us > self.duration_us for window in self.references):
            raise ValueError("a window of references ends behind the recording")

    def _check_processes(self) -> None:
        for process in self.processes:
            if not 0 <= process.from_us <= process.until_us <= self.duration_us:
                raise ValueError(
                    f"process '{process.name}' ends before it begins, or behind the end"
                )
        count = len(self.processes)
        if count > MOST_PROCESSES:
            raise ValueError(f"{count} processes: a recording holds up to {MOST_PROCESSES}")
        if count < 2:  # one process may lie anywhere
            return
        ends = [area.end for area in self.areas]
        ends += [one.regions[-1].end for one in self.snapshots if one.regions]
        if ends and max(ends) > count * PROCESS_BYTES:
            raise ValueError(f"addresses up to {max(ends)} lie beyond those of {count} processes")

    def resident_bytes(self, number: int) -> int:
        """Give the memory of process *number* that was resident when it was first seen.

        What another process of the recording has, too, counts only there.
        """
        low, high = number * PROCESS_BYTES, (number + 1) * PROCESS_BYTES
        mine = [area for area in self.areas if low <= area.start < high]
        resident = merged(span for area in mine for span in area.resident)
        repeated = merged(span for area in mine for span in area.repeated)
        return sum(end - start for start, end in without(resident, repeated))

    @property
    def max_accesses(self) -> int:
        """Samples in an aggregation: the largest count of accesses of a region."""
        return self.intervals.samples


def shifted_area(area: MappedArea, number: int) -> MappedArea:
    """Move an area of process *number* to the addresses of that process in a recording."""
    base = number * PROCESS_BYTES

    def moved(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple((start + base, end + base) for start, end in spans)

    return replace(
        area,
        start=area.start + base,
        end=area.end + base,
        resident=moved(area.resident),
        shared=moved(area.shared),
        repeated=moved(area.repeated),
    )

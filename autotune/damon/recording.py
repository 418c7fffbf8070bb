"""What DAMON saw of one program: regions over time, what was mapped, and a few figures of the run.

Addresses are bytes of one process's virtual address space. Times count from the beginning of the
measured part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autotune.damon.monitoring import Intervals
from autotune.damon.spans import Span


class RecordedRegion(NamedTuple):
    """A region in one aggregation; a recording has hundreds of thousands.

    Attributes:
        start: Its first byte.
        end: Behind its last byte.
        accesses: Samples of the aggregation that found it accessed.
        age: Aggregations for which its accesses stayed about the same; None where the kernel or the file
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
        end_us: When that was.
        regions: In the order of their addresses, not overlapping.

    Raises:
        ValueError: If they are not like that.
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

    An area that grows is followed by another one for what it grew by.

    Attributes:
        start: Its first byte.
        end: Behind its last byte.
        from_us: When it was first seen; 0 if it was there when the measured part began.
        until_us: When it was gone, or the measured part ended.
        resident: What of it was in memory when it was first seen, in the order of addresses.
        shared: What of that was mapped elsewhere too, which no page-out of this program takes.

    Raises:
        ValueError: If it is empty, ends before it begins, or something outside of it is resident.
    """

    start: int
    end: int
    from_us: int
    until_us: int
    resident: tuple[Span, ...]
    shared: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not 0 <= self.start < self.end:
            raise ValueError(f"area {self.start}-{self.end} is empty")
        if not 0 <= self.from_us <= self.until_us:
            raise ValueError(f"area {self.start}-{self.end} ends before it begins")
        for spans in (self.resident, self.shared):
            before = self.start
            for start, end in spans:
                if not before <= start < end <= self.end:
                    raise ValueError(
                        f"resident {start}-{end} does not lie in area {self.start}-{self.end}, behind "
                        "the one before it"
                    )
                before = end


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The access pattern of a program over one run.

    Attributes:
        name: For people.
        intervals: How it was monitored.
        duration_us: Length of the measured part.
        held_up_us: How much of that the workload waited for a CPU that monitoring and measuring had, and
            would not have taken without them.
        snapshots: One or more, in the order of time.
        areas: What was mapped. No two overlap in both address and time.
        cpu_us: CPU time of the workload in the measured part; None where it was not measured.
        work_done: As `autotune.experiment.measurement.Measurement`.
        compressed_fraction: What a byte of this program takes in compressed swap, a fraction of a byte;
            None where it was not measured.

    Raises:
        ValueError: If times run backwards or beyond the end, or a count is above what can be counted.
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
        for area in self.areas:
            if area.until_us > self.duration_us:
                raise ValueError(f"area {area.start}-{area.end} outlives the recording")
        for name in ("cpu_us", "work_done", "compressed_fraction"):
            if (value := getattr(self, name)) is not None and not value >= 0:
                raise ValueError(f"{name} is {value}: it must be 0 or more")

    @property
    def max_accesses(self) -> int:
        """Samples in an aggregation: the most that `RecordedRegion.accesses` can be."""
        return self.intervals.samples


def working_set(snapshot: Snapshot) -> int:
    """Give the bytes in regions that were accessed in the snapshot's aggregation.

    >>> cold, warm = RecordedRegion(0, 8192, 0, 3), RecordedRegion(8192, 12288, 1, 0)
    >>> working_set(Snapshot(end_us=100_000, regions=(cold, warm)))
    4096
    """
    return sum(region.end - region.start for region in snapshot.regions if region.accesses)

"""What DAMON monitors, and how closely: operations sets, intervals, bounds on regions, targets.

Source: Documentation/mm/damon/design.rst of Linux 6.12.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import Final

LONGEST_INTERVAL_US = 86_400_000_000
"""A day. A longer interval is a typing error."""

MIN_REGIONS = 3
"""The smallest lower bound on the number of regions that DAMON accepts."""


_ROOM: Final = 4
"""DAMON may make this many times the regions that all its targets begin with. Above half of the bound
it splits no region any more, and then sees no detail."""


class OperationsSet(enum.Enum):
    """The kind of address space that is monitored."""

    VADDR = "vaddr"
    """Virtual addresses of a process; DAMON follows what the process maps."""
    FVADDR = "fvaddr"
    """Fixed ranges of a process's virtual addresses."""
    PADDR = "paddr"
    """Physical addresses of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """How often DAMON samples, aggregates, and looks for newly mapped memory.

    Attributes:
        sampling_us: Time between two checks of a region, in microseconds.
        aggregation_us: Time between two results, in microseconds. A region's count of accesses covers
            this time.
        update_us: Time between two looks at the target's mappings, in microseconds.

    Raises:
        ValueError: If an interval is not positive or above a day, or sampling is longer than
            aggregation.
    """

    sampling_us: int = 5_000
    aggregation_us: int = 100_000
    update_us: int = 1_000_000

    def __post_init__(self) -> None:
        """Check the intervals against what the kernel takes."""
        for name in ("sampling_us", "aggregation_us", "update_us"):
            if not 1 <= (value := getattr(self, name)) <= LONGEST_INTERVAL_US:
                raise ValueError(f"{name} is {value}: it must be from 1 microsecond to 1 day")
        if self.sampling_us > self.aggregation_us:
            raise ValueError(
                f"sampling_us ({self.sampling_us}) is above aggregation_us "
                f"({self.aggregation_us}): sample at least once an aggregation"
            )

    @property
    def samples(self) -> int:
        """Samples in an aggregation interval: the largest count of accesses of a region.

        >>> Intervals().samples
        20
        """
        return self.aggregation_us // self.sampling_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """The monitoring attributes of a DAMON context.

    The published evaluations use the defaults: 5 ms, 100 ms, 1 s, 10 to 1000 regions.

    Raises:
        ValueError: If the kernel doesn't take the bounds on regions.
    """

    intervals: Intervals = field(default_factory=Intervals)
    min_regions: int = 10
    max_regions: int = 1000

    def __post_init__(self) -> None:
        """Check the bounds."""
        if self.min_regions < MIN_REGIONS:
            raise ValueError(
                f"min_regions is {self.min_regions}: DAMON wants {MIN_REGIONS} or more"
            )
        if self.min_regions > self.max_regions:
            raise ValueError(
                f"min_regions ({self.min_regions}) is above max_regions ({self.max_regions})"
            )

    def with_room_for(self, targets: int) -> Monitoring:
        """Give attributes with a bound on regions that several targets have room under.

        >>> Monitoring().with_room_for(25).max_regions, Monitoring().with_room_for(26).max_regions
        (1000, 1040)
        """
        needed = _ROOM * targets * self.min_regions
        if targets > 1 and needed > self.max_regions:
            return replace(self, max_regions=needed)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is monitored: a process, or ranges of addresses.

    Attributes:
        operations: The kind of address space.
        pid: The process, for virtual addresses; 0 if the process is filled in later.
        regions: Half-open ranges ``(start, end)`` in bytes, for `fvaddr` and `paddr`.

    Raises:
        ValueError: If there is a process for physical addresses, or a range is empty.
    """

    operations: OperationsSet = OperationsSet.VADDR
    pid: int | None = 0
    regions: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Check that the fields belong together."""
        if (self.pid is None) != (self.operations is OperationsSet.PADDR):
            raise ValueError("pid belongs to virtual address spaces, and only to those")
        end = 0
        for region in self.regions:
            if not end <= region[0] < region[1]:
                raise ValueError(f"region {region} is empty, or not above the one before it")
            end = region[1]

"""Memory access patterns, as masim's configurations describe them.

A pattern has regions of memory and phases of time. In each phase some of the regions are accessed, in
sequential sweeps or at random.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

BATCH_ACCESSES = 131_072
"""Accesses of one byte that the player makes to one region before it looks at the clock again."""

TABLE_BYTES = 8_000_000
"""The player's table of random numbers: resident from the start, incompressible, never accessed by
sequential patterns."""


class AccessMode(enum.Enum):
    """Whether an access reads its byte, writes it, or both."""

    READ = "ro"
    WRITE = "wo"
    READ_WRITE = "rw"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRegion:
    """A piece of memory that the pattern accesses.

    Attributes:
        name: Name, unique in the pattern.
        size_bytes: Size, 1 or more.
        data_file: The file that fills the region; None for untouched memory.

    Raises:
        ValueError: If the size is below 1.
    """

    name: str
    size_bytes: int
    data_file: str | None = None

    def __post_init__(self) -> None:
        """Check the size."""
        if self.size_bytes < 1:
            raise ValueError(
                f"region '{self.name}': size {self.size_bytes} must be 1 byte or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How one region is accessed in a phase.

    Attributes:
        region: Index of the region in its pattern.
        random: Whether accesses are at random offsets (True) or in sweeps (False).
        stride_bytes: Distance between two accesses of a sweep; at least 1 unless `random`.
        weight: Relative chance that a batch of accesses goes to this region; 0 or more.
        mode: Read, write or both.

    Raises:
        ValueError: If a sweep does not move, or the weight is negative.
    """

    region: int
    random: bool
    stride_bytes: int
    weight: int
    mode: AccessMode = AccessMode.WRITE

    def __post_init__(self) -> None:
        """Check stride and weight."""
        if self.stride_bytes < 1 and not self.random:
            raise ValueError(f"stride {self.stride_bytes} must be 1 byte or more")
        if self.weight < 0:
            raise ValueError(f"probability {self.weight} must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of time with one mix of accesses.

    Attributes:
        name: Name for people.
        duration_us: How long the phase lasts, in microseconds.
        accesses: One or more accesses. If all weights are 0, the phase idles.

    Raises:
        ValueError: If the duration is negative, or there is no access.
    """

    name: str
    duration_us: int
    accesses: tuple[Access, ...]

    def __post_init__(self) -> None:
        """Check that there is an access, and that the duration is not negative."""
        if self.duration_us < 0:
            raise ValueError(f"phase '{self.name}': duration must be 0 or more")
        if not self.accesses:
            raise ValueError(f"phase '{self.name}': has no accesses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Regions and what is done with them over time.

    Raises:
        ValueError: If there is no region or no phase, a name is used twice, or an access names a region
            that is not there.
    """

    regions: tuple[PatternRegion, ...]
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not self.regions or not self.phases:
            raise ValueError("a pattern needs at least one region and one phase")
        names = [region.name for region in self.regions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"region '{name}' is defined twice")
        for phase in self.phases:
            for access in phase.accesses:
                if not 0 <= access.region < len(self.regions):
                    raise ValueError(f"phase '{phase.name}': no region {access.region}")

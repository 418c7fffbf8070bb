"""How much memory a program accessed within windows of time, by the Accessed bits of its page tables.

DAMON looks at one page of a region in a sampling interval. It finds how much memory is accessed at a
time, and can't tell a few pages that are accessed all the time from many that are accessed in turn. How
much was accessed at least once within a window, for windows of growing length, tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class ReferencedArea(NamedTuple):
    """A mapped area when it was read.

    Attributes:
        start: First address.
        end: Address behind the last.
        resident_bytes: Its memory at the end of the window.
        referenced_bytes: What of its memory was accessed at least once within the window.
    """

    start: int
    end: int
    resident_bytes: int
    referenced_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencedWindow:
    """What processes accessed at least once within a window of time.

    Windows that begin at the same time are looks at one and the same pages, after more and more time.

    Attributes:
        begin_us: When all Accessed bits were cleared.
        end_us: When they were read.
        areas: The areas with resident memory, in the order of addresses, without overlaps.

    Raises:
        ValueError: If the window is empty or has no areas, areas are empty, out of order or overlap, or
            more of an area was accessed than was resident.
    """

    begin_us: int
    end_us: int
    areas: tuple[ReferencedArea, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not 0 <= self.begin_us < self.end_us or not self.areas:
            raise ValueError(
                f"a window of references, from {self.begin_us} to {self.end_us} us, is empty"
            )
        before = 0
        for start, end, resident, referenced in self.areas:
            if not before <= start < end:
                raise ValueError(
                    f"referenced area {start}-{end} is empty, or not behind the one before it"
                )
            if not 0 <= referenced <= resident <= end - start:
                raise ValueError(
                    f"referenced area {start}-{end}: {referenced} bytes of {resident} can't be "
                    "accessed"
                )
            before = end


def shifted_window(window: ReferencedWindow, base: int) -> ReferencedWindow:
    """Move all areas of a window up by *base* bytes."""
    return ReferencedWindow(
        begin_us=window.begin_us,
        end_us=window.end_us,
        areas=tuple(
            area._replace(start=area.start + base, end=area.end + base) for area in window.areas
        ),
    )

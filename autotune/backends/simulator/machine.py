"""Machine: what a simulated machine is made of, and what things cost on it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import get_args

from autotune.backends.settings import HugePages

QUARTER = 0.25
"""How far a page is compressed that costs `quarter_pageout_us`, a fraction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine profile. Costs are CPU time, in microseconds or nanoseconds as the names say.

    Attributes:
        name: Names the profile in records.
        cpus: 1 means that the kdamond and the workload share a CPU; with more it has one to itself.
        memory_bytes: All memory, for watermarks.
        swap_bytes: Room in the swap device, before compression.
        sequential_access_ns: One access of a pattern's sweep.
        random_access_ns: One access of a pattern at random offsets.
        huge_random_access_ns: The same in huge pages.
        fault_us: A fault that brings a page back from swap; the workload pays.
        quarter_fault_us: The same for a page that is compressed to a quarter.
        incompressible_fault_us: The same for a page that compression left as large as it was.
        stalled_fraction: Of a fault's cost, what counts as waiting for memory (PSI), 0 to 1.
        first_touch_us: The fault of the first touch of a page; the workload pays.
        pageout_us: One page paged out and compressed; the kdamond pays.
        quarter_pageout_us: The same for a page that is compressed to a quarter.
        incompressible_pageout_us: The same for a page that compression leaves as large as it was.
        scan_us: A scheme's look at one page that it leaves as it is; the kdamond pays.
        check_us: One region, prepared and checked once; the kdamond pays.
        tick_us: One wake-up of the kdamond, apart from its regions.
        wake_us: How long a wake-up of the kdamond waits where the workload keeps the only CPU busy,
            beyond a turn of the workload as long as the kdamond last worked.
        disturbance_us: What a wake-up of the kdamond costs the workload: entries missing from TLB and
            caches.
        compressed_fraction: What an almost empty page of a pattern is compressed to, below a quarter;
            the player's table of random numbers is not compressible.
        missed_access_chance: Chance that a check doesn't see an access, 0 to 1: the Accessed bit is
            cleared without a TLB flush.
        sample_us: What whoever measures takes of the only CPU for one sample of memory use.
        huge_pages: When memory comes in huge pages.
        jiffy_us: The kernel's tick (1 / CONFIG_HZ): long sleeps and the coarse clock step by it.

    Raises:
        ValueError: If a figure is outside its range.
    """

    name: str
    cpus: int
    memory_bytes: int
    swap_bytes: int
    sequential_access_ns: float
    random_access_ns: float
    huge_random_access_ns: float
    fault_us: float
    quarter_fault_us: float
    incompressible_fault_us: float
    stalled_fraction: float
    first_touch_us: float
    pageout_us: float
    quarter_pageout_us: float
    incompressible_pageout_us: float
    scan_us: float
    check_us: float
    tick_us: float
    disturbance_us: float
    compressed_fraction: float
    wake_us: float = 0.0
    sample_us: float = 0.0
    missed_access_chance: float = 0.0
    huge_pages: HugePages = "never"
    jiffy_us: int = 4_000

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.huge_pages not in get_args(HugePages):
            raise ValueError(
                f"huge_pages is '{self.huge_pages}': it must be never, madvise or always"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            positive = field.name in _POSITIVE
            if field.name not in _WORDS and (value < 0 or (positive and value == 0)):
                raise ValueError(
                    f"{field.name} is {value}: it must be {'above' if positive else 'at least'} 0"
                )
            if field.name == "compressed_fraction" and value >= QUARTER:
                raise ValueError(f"{field.name} is {value}: it must be below {QUARTER}")
            if field.name in _AT_MOST_1 and value > 1:
                raise ValueError(f"{field.name} is {value}: it must be at most 1")


_POSITIVE = frozenset(
    {
        "cpus",
        "memory_bytes",
        "sequential_access_ns",
        "random_access_ns",
        "huge_random_access_ns",
        "jiffy_us",
    }
)
_AT_MOST_1 = frozenset({"missed_access_chance", "stalled_fraction"})
_WORDS = frozenset({"name", "huge_pages"})

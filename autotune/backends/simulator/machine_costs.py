"""Machine: what a simulated machine is made of, and what things cost on it.

A new cost needs a row in `FIGURES`, and the field of `Machine` that the row names. Profiles are read,
written and checked by that table, and the calibration reads there what it has to measure.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, get_args

from autotune.backends.settings import HugePages

QUARTER: Final = 0.25
"""A page compressed to this fraction of its size costs `quarter_pageout_us`."""


class Quantity(enum.Enum):
    """What a figure counts. The quantity decides how a profile writes the figure."""

    COUNT = "a whole number"
    SIZE = "bytes"
    DURATION = "whole microseconds"
    COST_NS = "a short time in nanoseconds"
    COST_US = "a short time in microseconds"
    SHARE = "a fraction"
    HUGE_PAGES = "a mode of huge pages"


class Bound(NamedTuple):
    """A limit of a figure.

    Attributes:
        holds: Compares a value with the limit.
        words: What the comparison is called in a message.
        limit: In the figure's unit.
    """

    holds: Callable[[float, float], bool]
    words: str
    limit: float


_ABOVE_0 = Bound(operator.gt, "above", 0)
_AT_LEAST_0 = Bound(operator.ge, "at least", 0)
_AT_MOST_1 = Bound(operator.le, "at most", 1)
_BELOW_A_QUARTER = Bound(operator.lt, "below", QUARTER)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a machine profile.

    Attributes:
        key: Its name in a profile.
        field: Its name in `Machine`.
        quantity: What it counts.
        meaning: What a profile says in the comment beside it.
        bounds: Limits of the value; the error names the first bound that does not hold.
        measured: Whether a calibration measures the figure. A calibration takes over a figure that it
            doesn't measure.
    """

    key: str
    field: str
    quantity: Quantity
    meaning: str
    bounds: tuple[Bound, ...]
    measured: bool

    def check(self, value: Any) -> None:
        """Check a value.

        Raises:
            ValueError: If it is outside the bounds.
        """
        if self.quantity is Quantity.HUGE_PAGES:
            *modes, last = get_args(HugePages)
            if value not in (*modes, last):
                raise ValueError(
                    f"{self.field} is '{value}': it must be {', '.join(modes)} or {last}"
                )
            return
        for bound in self.bounds:
            if not bound.holds(value, bound.limit):
                raise ValueError(
                    f"{self.field} is {value}: it must be {bound.words} {bound.limit}"
                )


def _given(key: str, field: str, quantity: Quantity, meaning: str, *bounds: Bound) -> Figure:
    return Figure(key, field, quantity, meaning, bounds or (_AT_LEAST_0,), measured=False)


def _measured(key: str, field: str, quantity: Quantity, meaning: str, *bounds: Bound) -> Figure:
    return Figure(key, field, quantity, meaning, bounds or (_AT_LEAST_0,), measured=True)


_NS, _US, _SHARE = Quantity.COST_NS, Quantity.COST_US, Quantity.SHARE

FIGURES: Final = (
    _given(
        "cpus",
        "cpus",
        Quantity.COUNT,
        "1 means that the kdamond and the workload share it",
        _ABOVE_0,
    ),
    # For watermarks.
    _given("memory", "memory_bytes", Quantity.SIZE, "all of it", _ABOVE_0),
    _given("swap", "swap_bytes", Quantity.SIZE, "room for swapped pages, before compression"),
    _measured(
        "sequential_access",
        "sequential_access_ns",
        _NS,
        "one access of a pattern's sweep",
        _ABOVE_0,
    ),
    _measured("random_access", "random_access_ns", _NS, "one access at a random offset", _ABOVE_0),
    _measured(
        "huge_random_access", "huge_random_access_ns", _NS, "the same in huge pages", _ABOVE_0
    ),
    _measured("fault", "fault_us", _US, "bringing a page back from swap; the workload pays"),
    _measured(
        "quarter_fault", "quarter_fault_us", _US, "the same for a page compressed to a quarter"
    ),
    _measured(
        "incompressible_fault",
        "incompressible_fault_us",
        _US,
        "the same for a page stored as it is",
    ),
    _measured(
        "stalled",
        "stalled_fraction",
        _SHARE,
        "of a fault's cost, what counts as waiting for memory (PSI)",
        _AT_LEAST_0,
        _AT_MOST_1,
    ),
    _measured(
        "first_touch",
        "first_touch_us",
        _US,
        "the fault of a page's first touch; the workload pays",
    ),
    _measured(
        "pageout", "pageout_us", _US, "paging a page out and compressing it; the kdamond pays"
    ),
    _measured(
        "quarter_pageout", "quarter_pageout_us", _US, "the same for a page compressed to a quarter"
    ),
    _measured(
        "incompressible_pageout",
        "incompressible_pageout_us",
        _US,
        "the same for a page that doesn't get smaller",
    ),
    _measured(
        "scan", "scan_us", _US, "a scheme's look at a page that it leaves; the kdamond pays"
    ),
    _measured("check", "check_us", _US, "one region, prepared and checked; the kdamond pays"),
    _measured("tick", "tick_us", _US, "one wake-up of the kdamond, apart from its regions"),
    # If the workload keeps the only CPU busy. The workload also has a turn, which is as long as the
    # kdamond's last work; that turn is not included.
    _measured(
        "wake", "wake_us", _US, "how long the kdamond waits for the only CPU, apart from turns"
    ),
    # Entries missing from TLB and caches.
    _measured(
        "disturbance", "disturbance_us", _US, "what a wake-up of the kdamond costs the workload"
    ),
    _measured(
        "sample",
        "sample_us",
        _US,
        "what measuring takes of the only CPU for a sample of memory use",
    ),
    # The player's table of random numbers is not compressible.
    _measured(
        "compressed",
        "compressed_fraction",
        _SHARE,
        "what a pattern's almost empty page is compressed to",
        _AT_LEAST_0,
        _BELOW_A_QUARTER,
    ),
    # The Accessed bit is cleared without a TLB flush.
    _given(
        "missed_accesses",
        "missed_access_chance",
        _SHARE,
        "checks that don't see an access",
        _AT_LEAST_0,
        _AT_MOST_1,
    ),
    _given(
        "huge_pages",
        "huge_pages",
        Quantity.HUGE_PAGES,
        "never, madvise (where a scheme asks) or always",
    ),
    # Long sleeps and the coarse clock step by it.
    _given("jiffy", "jiffy_us", Quantity.DURATION, "the kernel's tick: 1 / CONFIG_HZ", _ABOVE_0),
)
"""All figures of a machine, in the order of a profile."""

MEASURED: Final = tuple(figure.field for figure in FIGURES if figure.measured)
"""The fields of `Machine` that a calibration measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine profile. Costs are CPU time, in microseconds or nanoseconds as the names say.

    `name` names the profile in records. `FIGURES` says what each of the figures is.

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
        for figure in FIGURES:
            figure.check(getattr(self, figure.field))

"""DAMON-based operation schemes: which regions they select, what they do to them, and how much.

All values are in physical units: bytes, microseconds, and a fraction for the access rate.
`autotune.damon.kernel_units` has the kernel's counts (samples, aggregation intervals), and
`autotune.formats` reads and writes text.

Source: Documentation/mm/damon/design.rst of Linux 6.12.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from autotune.damon.monitoring import OperationsSet

UNLIMITED: Final = math.inf
"""No upper bound: a value above every number."""

Number = TypeVar("Number", int, float)


class Action(enum.Enum):
    """What is done to the regions that a scheme selects."""

    WILLNEED = "willneed"
    COLD = "cold"
    PAGEOUT = "pageout"
    HUGEPAGE = "hugepage"
    NOHUGEPAGE = "nohugepage"
    LRU_PRIO = "lru_prio"
    LRU_DEPRIO = "lru_deprio"
    MIGRATE_HOT = "migrate_hot"
    MIGRATE_COLD = "migrate_cold"
    STAT = "stat"


MIGRATIONS = frozenset({Action.MIGRATE_HOT, Action.MIGRATE_COLD})

_VIRTUAL = frozenset(
    {
        Action.WILLNEED,
        Action.COLD,
        Action.PAGEOUT,
        Action.HUGEPAGE,
        Action.NOHUGEPAGE,
        Action.STAT,
    }
)
EFFECTIVE_ACTIONS: Final = {
    OperationsSet.VADDR: _VIRTUAL,
    OperationsSet.FVADDR: _VIRTUAL,
    OperationsSet.PADDR: frozenset(
        {Action.PAGEOUT, Action.LRU_PRIO, Action.LRU_DEPRIO, Action.STAT} | MIGRATIONS
    ),
}
"""The actions that work in each kind of address space. Any other action is charged, and does nothing.

Source: mm/damon/vaddr.c and mm/damon/paddr.c, ``damon_va_apply_scheme`` and ``damon_pa_apply_scheme``.
"""


@dataclass(frozen=True, slots=True)
class Range(Generic[Number]):
    """From `min` to `max`, both included; `max` may be `UNLIMITED`."""

    min: Number
    max: Number | float = UNLIMITED


def _check_count(field_name: str, value: float, unit: str) -> None:
    if value < 0 or (value != UNLIMITED and value != int(value)):
        raise ValueError(
            f"{field_name} is {value}: it must be a whole number of {unit}, 0 or more"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPattern:
    """Which regions a scheme selects: those inside all three ranges.

    Attributes:
        size_bytes: Size of the region.
        access_rate: Share of an aggregation interval's samples that found the region accessed, from
            0.0 to 1.0. An upper bound of 1.0 or more becomes `UNLIMITED`.
        age_us: For how long the region has kept its size and access rate, in microseconds.

    Raises:
        ValueError: If a range is empty, or a bound is not allowed.

    Source: "Target Access Pattern", Documentation/mm/damon/design.rst.
    """

    size_bytes: Range[int] = field(default_factory=lambda: Range(0))
    access_rate: Range[float] = field(default_factory=lambda: Range(0.0))
    age_us: Range[int] = field(default_factory=lambda: Range(0))

    def __post_init__(self) -> None:
        """Check each range."""
        for name, unit in (("size_bytes", "bytes"), ("age_us", "microseconds")):
            bounds: Range[int] = getattr(self, name)
            _check_count(f"{name}.min", bounds.min, unit)
            _check_count(f"{name}.max", bounds.max, unit)
            if bounds.min == UNLIMITED:
                raise ValueError(f"{name}.min is unlimited: only an upper bound can be")
        rate = self.access_rate
        if not 0.0 <= rate.min <= 1.0:
            raise ValueError(f"access_rate.min is {rate.min}: it must lie between 0 and 1")
        for name in ("size_bytes", "access_rate", "age_us"):
            low, high = getattr(self, name).min, getattr(self, name).max
            if not low <= high:
                raise ValueError(
                    f"{name}.min ({low}) is above {name}.max ({high}): nothing can match"
                )
        if 1.0 <= rate.max < UNLIMITED:
            object.__setattr__(self, "access_rate", Range(rate.min, UNLIMITED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each property counts when a quota forces a choice; only their ratios matter.

    Linux reads `size` and ignores it.

    Raises:
        ValueError: If a weight is negative, or does not fit into 32 bits.
    """

    size: int = 0
    access_rate: int = 0
    age: int = 0

    def __post_init__(self) -> None:
        """Check that the weights fit the kernel's fields."""
        for name in ("size", "access_rate", "age"):
            if not 0 <= (value := getattr(self, name)) < 1 << 32:
                raise ValueError(f"weight {name} is {value}: it must be from 0 to 4294967295")


class GoalMetric(enum.Enum):
    """What a quota goal looks at."""

    USER_INPUT = "user_input"
    SOME_MEM_PSI_US = "some_mem_psi_us"
    NODE_MEM_USED_BP = "node_mem_used_bp"
    NODE_MEM_FREE_BP = "node_mem_free_bp"
    NODE_MEMCG_USED_BP = "node_memcg_used_bp"
    NODE_MEMCG_FREE_BP = "node_memcg_free_bp"
    ACTIVE_MEM_BP = "active_mem_bp"
    INACTIVE_MEM_BP = "inactive_mem_bp"


_NODE_METRICS = frozenset(m for m in GoalMetric if m.value.startswith("node_"))
_MEMCG_METRICS = frozenset(m for m in GoalMetric if m.value.startswith("node_memcg_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaGoal:
    """A goal: the kernel changes the quota so that a metric reaches a value.

    Attributes:
        metric: The metric.
        target_value: The value to reach, in the metric's unit (microseconds of stall per reset interval,
            basis points, or a unit of the user).
        current_value: The metric's value now. It is only read for `USER_INPUT`.
        nid: The memory node, for metrics of a node.
        memcg_path: The control group, for metrics of a control group.

    Raises:
        ValueError: If a value is missing or negative, or this metric has no such value. A target of 0 is
            refused, too, since the kernel ignores such a goal silently.
    """

    metric: GoalMetric
    target_value: int
    current_value: int = 0
    nid: int | None = None
    memcg_path: str | None = None

    def __post_init__(self) -> None:
        """Check that the fields belong together."""
        if self.target_value < 1:
            raise ValueError(f"goal target_value is {self.target_value}: it must be 1 or more")
        if self.current_value < 0:
            raise ValueError(f"goal current_value is {self.current_value}: it must be 0 or more")
        if (self.nid is not None) != (self.metric in _NODE_METRICS):
            raise ValueError(f"goal nid belongs to node metrics only: {self.metric.value}")
        if (self.memcg_path is not None) != (self.metric in _MEMCG_METRICS):
            raise ValueError(
                f"goal memcg_path belongs to control group metrics only: {self.metric.value}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much a scheme may do per reset interval.

    Attributes:
        time_us: CPU time for the action, in microseconds; None is no limit.
        size_bytes: Memory tried, in bytes; None is no limit.
        reset_interval_us: Length of a charge window. With 0 every pass of the scheme is a window. With
            `UNLIMITED` the second window never starts, so that the limits never apply.
        weights: Which regions go first if the quota is too small for all.
        goals: Goals by which the kernel changes the quota.

    Raises:
        ValueError: If nothing is limited, or a limit is not positive.
    """

    time_us: int | None = None
    size_bytes: int | None = None
    reset_interval_us: int | float = 1_000_000
    weights: Weights = field(default_factory=Weights)
    goals: tuple[QuotaGoal, ...] = ()

    def __post_init__(self) -> None:
        """Check that the quota limits something."""
        if self.time_us is None and self.size_bytes is None and not self.goals:
            raise ValueError("a quota needs a time, a size or a goal: leave it out for no limit")
        for name in ("time_us", "size_bytes"):
            value = getattr(self, name)
            if value is not None and (value < 1 or value != int(value)):
                raise ValueError(f"quota {name} is {value}: it must be 1 or more, or left out")
        _check_count("quota reset_interval_us", self.reset_interval_us, "microseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermarks:
    """When a scheme is active, by the share of memory that is free.

    The scheme becomes active when free memory falls below `mid`. It becomes inactive when free memory
    rises above `high` or falls below `low`.

    Attributes:
        interval_us: Time between two looks at the share while the scheme is inactive, in microseconds.
        high: Fraction of memory, 0 to 1.
        mid: Fraction of memory, 0 to 1.
        low: Fraction of memory, 0 to 1.

    Raises:
        ValueError: If not ``1 >= high >= mid >= low >= 0``.
    """

    interval_us: int
    high: float
    mid: float
    low: float

    def __post_init__(self) -> None:
        """Check the order."""
        _check_count("watermarks interval_us", self.interval_us, "microseconds")
        if not 0.0 <= self.low <= self.mid <= self.high <= 1.0:
            raise ValueError(
                f"watermarks high {self.high}, mid {self.mid}, low {self.low}: "
                "they must be 1 >= high >= mid >= low >= 0"
            )


class FilterType(enum.Enum):
    """What a filter looks at."""

    ANON = "anon"
    ACTIVE = "active"
    MEMCG = "memcg"
    YOUNG = "young"
    HUGEPAGE_SIZE = "hugepage_size"
    UNMAPPED = "unmapped"
    ADDR = "addr"
    TARGET = "target"


_REGION_FILTERS = frozenset({FilterType.ADDR, FilterType.TARGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Memory that a scheme leaves alone though its pattern matches; with `allow`, memory that it takes.

    Attributes:
        type: What the filter looks at.
        matching: Whether the filter is for memory of the type (True) or for all other memory (False).
        allow: Whether the filter lets this memory through (True; Linux 6.14 and later) or keeps it back.
        memcg_path: The control group below the root of the hierarchy, for `MEMCG`.
        address_range: Half-open range in bytes, for `ADDR`.
        size_range: Smallest and largest size in bytes, for `HUGEPAGE_SIZE`.
        target_index: Number of the target, for `TARGET`.

    Raises:
        ValueError: If the type's field is missing, or a field of another type is given.
    """

    type: FilterType
    matching: bool = True
    allow: bool = False
    memcg_path: str | None = None
    address_range: tuple[int, int] | None = None
    size_range: tuple[int, int] | None = None
    target_index: int | None = None

    def __post_init__(self) -> None:
        """Check that the type's field is given, and no field of another type."""
        fields = {
            FilterType.MEMCG: "memcg_path",
            FilterType.ADDR: "address_range",
            FilterType.HUGEPAGE_SIZE: "size_range",
            FilterType.TARGET: "target_index",
        }
        for owner, name in fields.items():
            if (getattr(self, name) is not None) != (self.type is owner):
                raise ValueError(
                    f"filter {self.type.value}: {name} belongs to filters of type {owner.value}, "
                    "and to those always"
                )
        for name in ("address_range", "size_range"):
            bounds = getattr(self, name)
            if bounds is not None and not 0 <= bounds[0] <= bounds[1]:
                raise ValueError(f"filter {self.type.value}: {name} {bounds} is empty")
        if self.target_index is not None and self.target_index < 0:
            raise ValueError(f"filter target: target_index is {self.target_index}: count from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One DAMOS scheme. The scheme does not say in which kind of address space it is used.

    Attributes:
        action: What the scheme does.
        pattern: Which regions it selects.
        quota: How much it does at a time; None is no limit.
        watermarks: With how much free memory it is active; None is always.
        filters: Which memory it leaves alone; their order matters.
        apply_interval_us: Time between two passes; 0 is the aggregation interval.
        target_nid: The memory node to which a migration moves pages.

    Raises:
        ValueError: If a migration has no node, or another action has a node.
    """

    action: Action
    pattern: AccessPattern = field(default_factory=AccessPattern)
    quota: Quota | None = None
    watermarks: Watermarks | None = None
    filters: tuple[Filter, ...] = ()
    apply_interval_us: int = 0
    target_nid: int | None = None

    def __post_init__(self) -> None:
        """Check that the fields belong together."""
        _check_count("apply_interval_us", self.apply_interval_us, "microseconds")
        if (self.target_nid is not None) != (self.action in MIGRATIONS):
            raise ValueError(
                f"target_nid belongs to migrations, and to those always: {self.action.value}"
            )


def check_meeting(scheme: Scheme, operations: OperationsSet) -> None:
    """Check that *scheme* can do something in a kind of address space.

    Raises:
        ValueError: If the action does nothing there, or a filter is ignored there.

    >>> check_meeting(Scheme(action=Action.LRU_PRIO), OperationsSet.VADDR)
    Traceback (most recent call last):
    ValueError: action lru_prio does nothing under vaddr: use it with paddr
    """
    effective = EFFECTIVE_ACTIONS[operations]
    if scheme.action not in effective:
        others = [o.value for o, actions in EFFECTIVE_ACTIONS.items() if scheme.action in actions]
        raise ValueError(
            f"action {scheme.action.value} does nothing under {operations.value}: "
            f"use it with {' or '.join(others)}"
        )
    if operations is not OperationsSet.PADDR:
        for item in scheme.filters:
            if item.type not in _REGION_FILTERS:
                raise ValueError(
                    f"filter {item.type.value} is ignored under {operations.value}: "
                    "it looks at pages, which only paddr does"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeStats:
    """What a scheme did since it was turned on.

    Attributes:
        tried_regions: How many times the action was tried on a region.
        tried_bytes: Sizes of these regions, summed.
        applied_regions: How many times the action worked on a region, or on a part of it.
        applied_bytes: Sizes of what the action worked on, summed. The kernel counts whole regions under
            `vaddr`, and pages under `paddr`.
        quota_exceeds: How many charge windows ended with the quota used up.
    """

    tried_regions: int = 0
    tried_bytes: int = 0
    applied_regions: int = 0
    applied_bytes: int = 0
    quota_exceeds: int = 0

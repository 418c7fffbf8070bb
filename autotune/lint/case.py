"""What the rules of `autotune.lint` look at: a scheme, its context, and facts about the workload."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.backends.settings import HugePages
from autotune.damon.damos import UNLIMITED, Filter, FilterType, Quota, Scheme
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.kernel_units import KernelScheme
from autotune.damon.monitoring import Monitoring, OperationsSet

SNAP = 1e-9
"""Two shares that differ by less mean one share."""

_REGION_FILTERS = frozenset({FilterType.ADDR, FilterType.TARGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the workload, for warnings that depend on it.

    Attributes:
        size_bytes: Size of the memory that is monitored; None if unknown.
        runtime_us: How long the workload is monitored; None if unknown.
        huge_pages: The machine's setting of transparent huge pages; None if unknown.
        maps_later: Whether the workload may map memory after the monitoring has begun.
    """

    size_bytes: int | None = None
    runtime_us: int | None = None
    huge_pages: HugePages | None = None
    maps_later: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scheme and its context.

    Attributes:
        number: Number of the scheme, counted from 1.
        scheme: The scheme as the user wrote it.
        grid: The scheme that the kernel will really run, in physical units.
        kernel: The scheme in the kernel's units.
        monitoring: DAMON's attributes.
        operations: The kind of address space.
        known: What is known of the workload.
    """

    number: int
    scheme: Scheme
    grid: Scheme
    kernel: KernelScheme
    monitoring: Monitoring
    operations: OperationsSet
    known: Known

    @property
    def aggregation_us(self) -> int:
        """The unit of an age, in microseconds: the aggregation interval, cut to whole samples."""
        return self.monitoring.intervals.samples * self.monitoring.intervals.sampling_us

    @property
    def apply_us(self) -> int:
        """The time between two passes, in microseconds: whole samples, at least one."""
        intervals = self.monitoring.intervals
        asked_us = self.scheme.apply_interval_us or intervals.aggregation_us
        return max(1, asked_us // intervals.sampling_us) * intervals.sampling_us

    @property
    def sizes(self) -> tuple[int, int]:
        """Smallest and largest size of regions that match, in bytes; at least a page."""
        return max(self.kernel.sz[0], PAGE_BYTES), self.kernel.sz[1]

    @property
    def counts(self) -> tuple[int, int]:
        """Smallest and largest count of accesses that matches; at most the number of samples."""
        samples = self.monitoring.intervals.samples
        return self.kernel.nr_accesses[0], min(self.kernel.nr_accesses[1], samples)

    @property
    def region_filters(self) -> tuple[Filter, ...]:
        """Filters on whole regions. They work in every kind of address space."""
        return tuple(item for item in self.scheme.filters if item.type in _REGION_FILTERS)

    @property
    def page_filters(self) -> tuple[Filter, ...]:
        """Filters on single pages. They work for physical addresses only."""
        return tuple(item for item in self.scheme.filters if item.type not in _REGION_FILTERS)

    @property
    def limited(self) -> Quota | None:
        """The quota, if there is a quota that applies at some time; otherwise None."""
        quota = self.grid.quota
        return None if quota is None or quota.reset_interval_us == UNLIMITED else quota

"""What the rules of `autotune.lint` look at: one scheme where it is used, and what is known there."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.backends.settings import HugePages
from autotune.damon.damos import UNLIMITED, Filter, FilterType, Quota, Scheme
from autotune.damon.kernel_units import PAGE_BYTES, KernelScheme
from autotune.damon.monitoring import Monitoring, OperationsSet

SNAP = 1e-9
"""Shares this near to each other are meant as one."""

_REGION_FILTERS = frozenset({FilterType.ADDR, FilterType.TARGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the workload, for warnings that depend on it.

    Attributes:
        size_bytes: Memory that is monitored; None if unknown.
        runtime_us: How long it is monitored; None if unknown.
        huge_pages: Transparent huge pages where it runs; None if unknown.
        maps_later: Whether it may map memory after the monitoring has begun.
    """

    size_bytes: int | None = None
    runtime_us: int | None = None
    huge_pages: HugePages | None = None
    maps_later: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scheme where it is used.

    Attributes:
        number: Counted from 1.
        scheme: As it was asked for.
        grid: As `autotune.damon.kernel_units.on_grid` gives it.
        kernel: As the kernel counts it.
        monitoring: DAMON's attributes.
        operations: The address space.
        known: Of the workload.
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
        """What an age counts, in microseconds: whole samples, whatever was asked for."""
        return self.monitoring.intervals.samples * self.monitoring.intervals.sampling_us

    @property
    def apply_us(self) -> int:
        """Between two passes, in microseconds: whole samples, at least one."""
        intervals = self.monitoring.intervals
        asked_us = self.scheme.apply_interval_us or intervals.aggregation_us
        return max(1, asked_us // intervals.sampling_us) * intervals.sampling_us

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of regions that match, in bytes; none is smaller than a page."""
        return max(self.kernel.sz[0], PAGE_BYTES), self.kernel.sz[1]

    @property
    def counts(self) -> tuple[int, int]:
        """Counts of accesses that match; none is above the number of samples."""
        samples = self.monitoring.intervals.samples
        return self.kernel.nr_accesses[0], min(self.kernel.nr_accesses[1], samples)

    @property
    def region_filters(self) -> tuple[Filter, ...]:
        """Filters on whole regions, which work in every address space."""
        return tuple(item for item in self.scheme.filters if item.type in _REGION_FILTERS)

    @property
    def page_filters(self) -> tuple[Filter, ...]:
        """Filters on single pages, which only the operations on physical addresses look at."""
        return tuple(item for item in self.scheme.filters if item.type not in _REGION_FILTERS)

    @property
    def limited(self) -> Quota | None:
        """The quota, unless there is none that ever applies."""
        quota = self.grid.quota
        return None if quota is None or quota.reset_interval_us == UNLIMITED else quota

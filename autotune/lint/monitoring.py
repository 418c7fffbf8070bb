"""Warnings about DAMON's attributes, which all schemes of a context share."""

from __future__ import annotations

from collections.abc import Sequence

from autotune.damon.damos import Scheme
from autotune.damon.kernel_rules import PAGE_BYTES, SAMPLED_BYTES, largest_region_bytes
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.lint.action import OF_HUGE_PAGES
from autotune.lint.case import Known
from autotune.lint.warning import Code, Found
from autotune.units import format_duration, format_size

_KERNEL_UPDATE_US = 60_000_000
"""The kernel's default: a user with this value probably didn't choose it."""


def region_share_bytes(size_bytes: int, monitoring: Monitoring) -> int:
    """Give the size up to which regions are merged: memory over min_regions, in whole pages, at least 1.

    Args:
        size_bytes: Size of the memory that is monitored.
        monitoring: DAMON's attributes.
    """
    return largest_region_bytes(size_bytes, monitoring.min_regions) // PAGE_BYTES * PAGE_BYTES


def attributes(
    schemes: Sequence[Scheme], monitoring: Monitoring, operations: OperationsSet, known: Known
) -> Found:
    """Warn of intervals and numbers of regions, and of huge pages that blur what is monitored.

    Args:
        schemes: All schemes of the context.
        monitoring: DAMON's attributes.
        operations: The kind of address space.
        known: What is known of the workload.
    """
    intervals = monitoring.intervals
    lasts_us = intervals.samples * intervals.sampling_us
    if lasts_us != intervals.aggregation_us:
        yield (
            Code.AGGREGATION_ROUNDS,
            f"aggregation interval {format_duration(intervals.aggregation_us)} is no whole number of "
            f"samples ({format_duration(intervals.sampling_us)}): it lasts "
            f"{format_duration(lasts_us)}, and so does what an age counts: write that",
        )
    if monitoring.min_regions > monitoring.max_regions // 2:
        yield (
            Code.REGIONS_NEVER_SPLIT,
            f"min_regions {monitoring.min_regions} is more than half of max_regions "
            f"{monitoring.max_regions}, above which no region is split any more: raise max_regions "
            f"to {2 * monitoring.min_regions} or more",
        )
    size_bytes = known.size_bytes or 0
    if size_bytes > monitoring.min_regions * SAMPLED_BYTES:
        share_bytes = region_share_bytes(size_bytes, monitoring)
        yield (
            Code.REGIONS_BLIND,
            f"a region may hold {format_size(share_bytes)}, and only the first "
            f"{format_size(SAMPLED_BYTES)} of it are ever sampled: raise min_regions to "
            f"{-(-size_bytes // SAMPLED_BYTES)} or more",
        )
    if (
        operations is OperationsSet.VADDR
        and known.maps_later
        and intervals.update_us >= _KERNEL_UPDATE_US
    ):
        yield (
            Code.UPDATE_SLOW,
            "memory mapped later is not seen for up to an update interval "
            f"({format_duration(intervals.update_us)}), and may then pass for old: give 1s, or how "
            "often the workload maps memory",
        )
    if known.huge_pages == "always" and not any(s.action in OF_HUGE_PAGES for s in schemes):
        yield (
            Code.HUGE_PAGES_COARSE,
            "with huge pages always, one access makes 2M look accessed: set vm.huge_pages to never, "
            "unless the machine that counts has them",
        )

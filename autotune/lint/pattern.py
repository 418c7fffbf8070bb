"""Warnings about the memory that a scheme matches: its sizes, access rates and ages."""

from __future__ import annotations

from autotune.damon.damos import UNLIMITED, Action
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import OperationsSet
from autotune.lint.case import SNAP, Case
from autotune.lint.monitoring import region_share_bytes
from autotune.lint.warning import Code, Found
from autotune.units import format_duration, format_share, format_size

_FOR_HOT = frozenset({Action.HUGEPAGE, Action.LRU_PRIO, Action.MIGRATE_HOT})


def sizes(case: Case) -> Found:
    """Warn of sizes that match fewer regions than they seem to."""
    asked, grid = case.scheme.pattern.size_bytes, case.grid.pattern.size_bytes
    if case.kernel.sz[1] == 0:
        yield (
            Code.SIZE_NOTHING,
            f"sizes up to {format_size(int(asked.max))} match nothing, since the smallest region is "
            f"a page ({format_size(PAGE_BYTES)}): write max",
        )
        return
    for name, wanted, taken in (("min", asked.min, grid.min), ("max", asked.max, grid.max)):
        if wanted != taken:
            yield (
                Code.SIZE_UNALIGNED,
                f"{name} size {format_size(int(wanted))} is no whole number of pages, as regions "
                f"are: write {format_size(int(taken))}, which is the same",
            )
    size_bytes, monitoring = case.known.size_bytes, case.monitoring
    # Initial regions may be nearly twice as large as the share. Later no region is merged beyond it.
    if (
        size_bytes is not None
        and case.operations is OperationsSet.VADDR
        and case.kernel.sz[0] > 2 * (size_bytes // monitoring.min_regions)
    ):
        share = format_size(region_share_bytes(size_bytes, monitoring))
        yield (
            Code.SIZE_TOO_LARGE,
            f"min size {format_size(case.kernel.sz[0])} matches nothing, since a region never grows "
            f"beyond the memory over min_regions (about {share}): lower one",
        )


def rates(case: Case) -> Found:
    """Warn of access rates off the grid, and of access rates that don't suit the action."""
    asked, samples = case.scheme.pattern.access_rate, case.monitoring.intervals.samples
    low, high = case.counts
    if abs(low / samples - asked.min) > SNAP:
        yield (
            Code.RATE_UNALIGNED,
            f"min access rate {format_share(asked.min)} is no whole number of {samples} samples: "
            f"write {_percent(low, samples)}, which is the same",
        )
    if high == 0 and SNAP < asked.max < UNLIMITED:
        yield (
            Code.RATE_TO_ZERO,
            f"max access rate {format_share(asked.max)} is less than one of {samples} samples, so "
            "that only what no sample found accessed matches: write 0%, or "
            f"{_percent(1, samples)} or more",
        )
    elif asked.max != UNLIMITED and abs(high / samples - asked.max) > SNAP:
        yield (
            Code.RATE_UNALIGNED,
            f"max access rate {format_share(asked.max)} is no whole number of {samples} samples: "
            f"write {_percent(high, samples)}, which is the same",
        )
    action = case.scheme.action
    if high == 0 and action in _FOR_HOT:
        yield (
            Code.RATE_COLD_ONLY,
            f"{action.value} is for hot memory, and access rates of 0% to 0% match only what no "
            "sample found accessed: give min access rate 5% and max access rate max, or the like",
        )
    elif high == samples and action is Action.PAGEOUT and case.operations != OperationsSet.PADDR:
        yield (
            Code.PAGEOUT_ANY_RATE,
            "there is no max access rate, and page-out of virtual addresses does not spare pages "
            "that are in use: give max access rate 0%",
        )


def _percent(count: int, samples: int) -> str:
    return format_share(round(count / samples, 9))


def ages(case: Case) -> Found:
    """Warn of ages off the grid, and of a range that matches almost nothing."""
    asked, grid = case.scheme.pattern.age_us, case.grid.pattern.age_us
    unit = format_duration(case.monitoring.intervals.aggregation_us)
    for name, wanted, taken in (("min", asked.min, grid.min), ("max", asked.max, grid.max)):
        if wanted != taken and taken != UNLIMITED:
            yield (
                Code.AGE_UNALIGNED,
                f"{name} age {format_duration(int(wanted))} is no whole number of aggregation "
                f"intervals of {unit}, in which the kernel counts: write "
                f"{format_duration(int(taken))}, which is the same, or aggregate more often",
            )
    runtime_us = case.known.runtime_us
    if runtime_us == 0:
        yield (
            Code.AGE_TOO_HIGH,
            "nothing is monitored, since the workload has ended by then: let it run longer, or lower "
            "monitoring.start_after",
        )
    elif runtime_us is not None and grid.min > runtime_us:
        yield (
            Code.AGE_TOO_HIGH,
            f"min age {format_duration(int(grid.min))} matches nothing, since the workload is monitored "
            f"for {format_duration(runtime_us)}: lower the min age, or let the workload run longer",
        )
    if case.kernel.age[1] == 0:
        yield (
            Code.AGE_ZERO,
            "a max age of 0 matches only memory whose accesses changed in the last aggregation "
            "interval: write max",
        )

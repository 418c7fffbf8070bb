"""What the schemes of a simulated run met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autotune.backends.simulator.damon.schemes import UNREACHED, Schemes
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.pages import SHARED
from autotune.backends.simulator.workload.replay import Replay
from autotune.backends.simulator.world import World
from autotune.damon.damos import Scheme, SchemeStats
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals
from autotune.experiment.conditions import (
    Conditions,
    SchemeConditions,
    active_shares,
    swap_full_from,
)
from autotune.experiment.measurement import Series

_STATS = ("tried_regions", "tried_bytes", "applied_regions", "applied_bytes", "quota_exceeds")


def stats_of(item: Any) -> SchemeStats:
    """The statistics of one scheme."""
    return SchemeStats(**{name: int(item[name]) for name in _STATS})


def conditions(
    simulated: World,
    staged: Schemes,
    series: Series,
    machine: Machine,
    schemes: Sequence[Scheme],
    intervals: Intervals,
    start_s: float,
) -> Conditions:
    """Give what the schemes met in a run that has ended.

    Args:
        simulated: The world at the end.
        staged: The schemes at the end.
        series: The samples of the run.
        machine: The machine's costs and sizes.
        schemes: The schemes, on the kernel's grid.
        intervals: The intervals of the run.
        start_s: When DAMON was turned on.
    """
    tally, end_s = simulated.tally[0], float(simulated.clock[0].now_us) / 1e6
    unit_us, seen = intervals.samples * intervals.sampling_us, int(tally.aggregations) > 0
    total = machine.memory_bytes // PAGE_BYTES * PAGE_BYTES
    watched = np.array(series.time_s) >= start_s
    held = np.array(series.rss_bytes) + np.array(series.pool_bytes)
    times = (np.array(series.time_s)[watched] - start_s).tolist()
    free = (np.maximum(0, total - held[watched]) / total).tolist()
    shares = active_shares(schemes, times, free, max(0.0, end_s - start_s))
    shared = None
    if isinstance(simulated.source, Replay):
        shared = int(np.count_nonzero(simulated.memory.state == SHARED)) * PAGE_BYTES
    return Conditions(
        monitored_s=max(0.0, end_s - start_s),
        aggregations=int(tally.aggregations),
        oldest_age_us=int(tally.oldest) * unit_us if seen else None,
        highest_access_rate=int(tally.hottest) / intervals.samples if seen else None,
        mean_access_rate=float(tally.hit_bytes_sum) / (intervals.samples * float(tally.wss_sum))
        if tally.wss_sum > 0
        else None,
        largest_region_bytes=int(tally.largest) if seen else None,
        free_low=min(free, default=None),
        free_high=max(free, default=None),
        swap_total_bytes=machine.swap_bytes,
        swap_full_from_s=swap_full_from(
            series.time_s, series.swap_bytes, machine.swap_bytes // PAGE_BYTES * PAGE_BYTES
        ),
        shared_bytes=shared,
        huge_pages=machine.huge_pages,
        schemes=tuple(
            _of_scheme(item, share, unit_us, seen=seen)
            for item, share in zip(staged.items, shares, strict=True)
        ),
    )


def _of_scheme(
    item: Any, active_share: float | None, unit_us: int, *, seen: bool
) -> SchemeConditions:
    stats = stats_of(item)
    matched = bool(item.matched) or stats.tried_regions > 0
    limited = 0 < int(item.least_allowed) < UNREACHED
    return SchemeConditions(
        stats=stats,
        matched=matched if seen or matched else None,
        oldest_age_us=int(item.oldest) * unit_us if seen else None,
        active_share=active_share,
        quota_low_bytes=int(item.least_allowed) if limited else None,
        quota_high_bytes=int(item.most_allowed) if limited else None,
        quota_windows=int(item.windows) if limited else None,
        full_windows=int(item.full_windows) if limited else None,
    )

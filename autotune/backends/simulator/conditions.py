"""What the schemes of a simulated run met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.structs import fields_of
from autotune.backends.simulator.damon.schemes import UNREACHED, Schemes
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.pages import SHARED
from autotune.backends.simulator.samples import ArraySeries
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

_STATS = ("tried_regions", "tried_bytes", "applied_regions", "applied_bytes", "quota_exceeds")


def stats_of(item: Mapping[str, Any]) -> SchemeStats:
    """The statistics of one scheme, by the fields of its struct."""
    return SchemeStats(**{name: int(item[name]) for name in _STATS})


def conditions(
    simulated: World,
    staged: Schemes,
    series: ArraySeries,
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
    tally, end_s = fields_of(simulated.tally), float(simulated.clock[0].now_us) / 1e6
    unit_us, seen = intervals.samples * intervals.sampling_us, tally["aggregations"] > 0
    total = machine.memory_bytes // PAGE_BYTES * PAGE_BYTES
    time_s, swap = series.samples("time_s"), series.samples("swap_bytes")
    watched = time_s >= start_s
    held = series.samples("rss_bytes") + series.samples("pool_bytes")
    times = (time_s[watched] - start_s).tolist()
    free = (np.maximum(0, total - held[watched]) / total).tolist()
    shares = active_shares(schemes, times, free, max(0.0, end_s - start_s))
    shared = None
    if isinstance(simulated.source, Replay):
        shared = int(np.count_nonzero(simulated.memory.state == SHARED)) * PAGE_BYTES
    return Conditions(
        monitored_s=max(0.0, end_s - start_s),
        aggregations=tally["aggregations"],
        oldest_age_us=tally["oldest"] * unit_us if seen else None,
        highest_access_rate=tally["hottest"] / intervals.samples if seen else None,
        mean_access_rate=tally["hit_bytes_sum"] / (intervals.samples * tally["wss_sum"])
        if tally["wss_sum"] > 0
        else None,
        largest_region_bytes=tally["largest"] if seen else None,
        free_low=min(free, default=None),
        free_high=max(free, default=None),
        swap_total_bytes=machine.swap_bytes,
        swap_full_from_s=_swap_full_from(time_s, swap, machine.swap_bytes),
        shared_bytes=shared,
        huge_pages=machine.huge_pages,
        schemes=tuple(
            _of_scheme(fields_of(staged.items, number), share, unit_us, seen=seen)
            for number, share in enumerate(shares)
        ),
    )


def _swap_full_from(
    time_s: NDArray[np.float64], used_bytes: NDArray[np.int64], swap_bytes: int
) -> float | None:
    """Give the time of the first sample at which swap was full; None if it never was."""
    total = swap_bytes // PAGE_BYTES * PAGE_BYTES
    if swap_full_from((0.0,), (int(used_bytes.max()),), total) is None:
        return None
    return swap_full_from(time_s.tolist(), used_bytes.tolist(), total)


def _of_scheme(
    item: Mapping[str, Any], active_share: float | None, unit_us: int, *, seen: bool
) -> SchemeConditions:
    stats = stats_of(item)
    matched = item["matched"] > 0 or stats.tried_regions > 0
    limited = 0 < item["least_allowed"] < UNREACHED
    return SchemeConditions(
        stats=stats,
        matched=matched if seen or matched else None,
        oldest_age_us=item["oldest"] * unit_us if seen else None,
        active_share=active_share,
        quota_low_bytes=item["least_allowed"] if limited else None,
        quota_high_bytes=item["most_allowed"] if limited else None,
        quota_windows=item["windows"] if limited else None,
        full_windows=item["full_windows"] if limited else None,
    )

"""What a run's schemes met: regions, free memory, quotas and swap, as far as they were seen.

A scheme that did nothing did so for a reason; these are the facts that the reason follows from. A field
that was not seen is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autotune.damon.damos import AccessPattern, Scheme, SchemeStats
from autotune.damon.recording import RecordedRegion

_FULL_SHARE = 0.99
"""Swap counts as full from here on: the kernel keeps a few slots of each CPU back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeConditions:
    """What one scheme met.

    Attributes:
        stats: What it did.
        matched: Whether a region was seen that its access pattern selects.
        oldest_age_us: The highest age of a region with its sizes and access rates, in microseconds. It
            is not looked for any more once the scheme has matched.
        active_share: Share of the time, from 0.0 to 1.0, in which its watermarks let it act.
        quota_low_bytes: The smallest effective quota of a charge window, in bytes; None without a quota,
            and while none applied.
        quota_high_bytes: The largest.
        quota_windows: How many charge windows ended.
        full_windows: In how many of these windows the quota was used up.
    """

    stats: SchemeStats
    matched: bool | None = None
    oldest_age_us: int | None = None
    active_share: float | None = None
    quota_low_bytes: int | None = None
    quota_high_bytes: int | None = None
    quota_windows: int | None = None
    full_windows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the schemes of one run met.

    Attributes:
        monitored_s: For how long DAMON was on, in seconds.
        aggregations: How many aggregation intervals ended.
        oldest_age_us: The highest age of any region, in microseconds.
        highest_access_rate: The highest access rate of any region, from 0.0 to 1.0.
        mean_access_rate: The mean access rate of regions that were accessed at all, weighted by size.
        largest_region_bytes: The size of the largest region.
        looked_at: In how many aggregation intervals these were looked at; None if in all.
        free_period_s: Time between two readings of free memory, in seconds.
        free_low: The smallest share of the machine's memory that was free, from 0.0 to 1.0.
        free_high: The largest.
        swap_total_bytes: The size of all swap.
        swap_full_from_s: When swap was full for the first time, in seconds since the measured part
            began; None if it never was.
        locked_bytes: The workload's memory that is locked (mlock), at most.
        shared_bytes: The workload's resident memory that is shared, at most.
        file_bytes: The workload's resident memory of files, at most.
        files_in_memory_bytes: The memory of files that the workload had mapped, at most, where files lie
            in memory and not on a disk: there page-out moves them to swap, as any memory.
        huge_pages: For which memory the machine uses huge pages: "never", "madvise" or "always".
        schemes: One entry a scheme.
    """

    monitored_s: float
    aggregations: int | None = None
    oldest_age_us: int | None = None
    highest_access_rate: float | None = None
    mean_access_rate: float | None = None
    largest_region_bytes: int | None = None
    looked_at: int | None = None
    free_period_s: float | None = None
    free_low: float | None = None
    free_high: float | None = None
    swap_total_bytes: int | None = None
    swap_full_from_s: float | None = None
    locked_bytes: int | None = None
    shared_bytes: int | None = None
    file_bytes: int | None = None
    files_in_memory_bytes: int | None = None
    huge_pages: str | None = None
    schemes: tuple[SchemeConditions, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Conditions:
        """Read what `dataclasses.asdict` gave.

        Raises:
            TypeError: If a field is unknown, or of the wrong kind.
            KeyError: If a field is missing.
        """
        schemes = tuple(
            SchemeConditions(**{**scheme, "stats": SchemeStats(**scheme["stats"])})
            for scheme in values["schemes"]
        )
        return cls(**{**values, "schemes": schemes})


def selects(pattern: AccessPattern, region: RecordedRegion, samples: int, unit_us: int) -> bool:
    """Say whether an access pattern selects a region.

    Args:
        pattern: On the kernel's grid (`autotune.damon.kernel_units.on_grid`).
        region: Its age must be known.
        samples: Samples of an aggregation interval.
        unit_us: The unit of an age, in microseconds.
    """
    age_us = (region.age or 0) * unit_us
    ages = pattern.age_us
    return is_like(pattern, region, samples) and ages.min <= age_us <= ages.max


def is_like(pattern: AccessPattern, region: RecordedRegion, samples: int) -> bool:
    """Say whether a region has a size and an access rate that a pattern selects, whatever its age."""
    size, rates = pattern.size_bytes, pattern.access_rate
    # Rates of the kernel's grid are fractions of the samples.
    low, high = round(rates.min * samples), rates.max * samples
    enough = low <= region.accesses <= (high if math.isinf(high) else round(high))
    return enough and size.min <= region.end - region.start <= size.max


def swap_full_from(
    time_s: Sequence[float], used_bytes: Sequence[int], total_bytes: int
) -> float | None:
    """Give the time of the first sample at which swap was full; None if it never was, or is absent.

    >>> swap_full_from((0.0, 1.0, 2.0), (0, 995, 1000), 1000)
    1.0
    """
    if total_bytes <= 0:
        return None
    full = (
        t for t, used in zip(time_s, used_bytes, strict=True) if used >= _FULL_SHARE * total_bytes
    )
    return next(full, None)


def active_shares(
    schemes: Sequence[Scheme], time_s: Sequence[float], free: Sequence[float], end_s: float
) -> tuple[float | None, ...]:
    """Give the share of the time in which watermarks let each scheme act, from samples of free memory.

    Args:
        schemes: Schemes without watermarks are always active.
        time_s: When each sample was taken, from the time at which DAMON was turned on.
        free: The share of memory that was free, one entry a sample.
        end_s: When DAMON was turned off.

    Returns:
        One entry a scheme; None if there is no sample.

    Source: ``kdamond_wait_activation`` and ``damos_wmark_wait_us`` of Linux 6.12.
    """
    if not time_s:
        return (None,) * len(schemes)
    if all(scheme.watermarks is None for scheme in schemes):
        return (1.0,) * len(schemes)
    active = [True] * len(schemes)
    seconds = [0.0] * len(schemes)
    next_look_s = -math.inf
    for now_s, until_s, share in zip(time_s, (*time_s[1:], end_s), free, strict=True):
        if now_s >= next_look_s:
            active = [_is_active(s, share, before=a) for s, a in zip(schemes, active, strict=True)]
            if not any(active):
                waits = (s.watermarks.interval_us for s in schemes if s.watermarks is not None)
                next_look_s = now_s + min(waits, default=0) / 1e6
        for number, acts in enumerate(active):
            seconds[number] += (until_s - now_s) * acts
    total_s = end_s - time_s[0]
    if total_s <= 0:
        return tuple(float(acts) for acts in active)
    return tuple(spent / total_s for spent in seconds)


def _is_active(scheme: Scheme, free: float, *, before: bool) -> bool:
    marks = scheme.watermarks
    if marks is None:
        return True
    # The kernel counts in whole permille, and cuts the rest off.
    high, mid, low = (round(mark * 1000) for mark in (marks.high, marks.mid, marks.low))
    permille = int(free * 1000)
    return low <= permille <= high and (before or permille < mid)

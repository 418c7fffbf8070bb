"""Builders of valid objects, for tests and doctests. A test only gives the fields that it is about."""

from __future__ import annotations

from typing import Any

from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme
from autotune.experiment.measurement import Measurement, Series
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase

_MIB = 1 << 20


def measurement(**overrides: Any) -> Measurement:
    """Give a measurement whose parts agree: three samples, constant memory, nothing swapped, no DAMON.

    Args:
        **overrides: Fields of `Measurement`. The series and the peak follow the means and the run time,
            unless they are given too.

    Raises:
        TypeError: If there is no such field.

    >>> measurement(rss_mean_bytes=1000.0).series.rss_bytes
    (1000, 1000, 1000)
    >>> measurement().runtime_s, measurement(runtime_s=12.0).series.time_s
    (10.0, (0.0, 4.0, 8.0))
    """
    fields: dict[str, Any] = {
        "runtime_s": 10.0,
        "work_done": None,
        "rss_mean_bytes": 100.0 * _MIB,
        "swap_pool_mean_bytes": 0.0,
        "system_used_mean_bytes": 120.0 * _MIB,
        "kdamond_cpu": 0.0,
        "workload_cpu_s": 9.0,
        "major_faults": 0,
        "swap_in_bytes": 0,
        "swap_out_bytes": 0,
        "memory_pressure_some_s": 0.0,
        "scheme_stats": None,
        "wss_mean_bytes": None,
    }
    fields.update(overrides)
    fields.setdefault("rss_peak_bytes", int(fields["rss_mean_bytes"]))
    fields.setdefault("pss_mean_bytes", fields["rss_mean_bytes"])
    fields.setdefault("series", _constant_series(fields))
    return Measurement(**fields)


def _constant_series(fields: dict[str, Any]) -> Series:
    wss = fields["wss_mean_bytes"]
    return Series(
        time_s=tuple(fields["runtime_s"] * third / 3 for third in range(3)),
        rss_bytes=(int(fields["rss_mean_bytes"]),) * 3,
        pss_bytes=(int(fields["pss_mean_bytes"]),) * 3,
        swap_bytes=(0,) * 3,
        pool_bytes=(int(fields["swap_pool_mean_bytes"]),) * 3,
        used_bytes=(int(fields["system_used_mean_bytes"]),) * 3,
        wss_bytes=(None if wss is None else int(wss),) * 3,
    )


def pattern(
    *, regions: int = 2, size_bytes: int = 10 * _MIB, duration_us: int = 1_000_000
) -> Pattern:
    """Give a pattern that sweeps over its regions in turn: one phase for each region.

    Args:
        regions: Number of regions, and of phases.
        size_bytes: Size of each region.
        duration_us: Length of each phase, in microseconds.

    >>> [phase.name for phase in pattern(regions=3).phases]
    ['sweep r0', 'sweep r1', 'sweep r2']
    """
    return Pattern(
        regions=tuple(
            PatternRegion(name=f"r{index}", size_bytes=size_bytes) for index in range(regions)
        ),
        phases=tuple(
            Phase(
                name=f"sweep r{index}",
                duration_us=duration_us,
                accesses=(Access(region=index, random=False, stride_bytes=4096, weight=1),),
            )
            for index in range(regions)
        ),
    )


def prcl(*, min_age_us: int = 5_000_000, **quota: Any) -> Scheme:
    """Give a proactive reclamation scheme: page out what was not accessed for long enough.

    Args:
        min_age_us: How long is long enough, in microseconds.
        **quota: Fields of `Quota`; without fields the scheme has no quota.

    Raises:
        ValueError: If the age is negative, or the quota limits nothing or has a limit that is not
            positive.

    >>> prcl(min_age_us=3_000_000, size_bytes=1 << 20).quota.size_bytes
    1048576
    >>> prcl().quota is None, prcl().pattern.access_rate
    (True, Range(min=0.0, max=0.0))
    """
    return Scheme(
        action=Action.PAGEOUT,
        pattern=AccessPattern(
            size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(min_age_us)
        ),
        quota=Quota(**quota) if quota else None,
    )

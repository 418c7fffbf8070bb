"""The parameters of DAMON_RECLAIM and DAMON_LRU_SORT, and what is fixed in their schemes.

The parameters of later kernels are known too.

Source: mm/damon/reclaim.c, lru_sort.c and stat.c of Linux 6.12 to 7.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from autotune.damon.damos import Filter, FilterType, Weights

_SHARED: Mapping[str, int] = MappingProxyType(
    {
        "quota_ms": 10,
        "quota_reset_interval_ms": 1_000,
        "wmarks_interval": 5_000_000,
        "sample_interval": 5_000,
        "aggr_interval": 100_000,
        "min_nr_regions": 10,
        "max_nr_regions": 1_000,
    }
)

RECLAIM: Mapping[str, int] = MappingProxyType(
    {
        "min_age": 120_000_000,
        **_SHARED,
        "quota_sz": 134_217_728,
        "quota_mem_pressure_us": 0,
        "quota_autotune_feedback": 0,
        "wmarks_high": 500,
        "wmarks_mid": 400,
        "wmarks_low": 200,
        "skip_anon": 0,
    }
)
"""DAMON_RECLAIM's parameters and their defaults. Times are microseconds unless the name has a unit."""

LRU_SORT: Mapping[str, int] = MappingProxyType(
    {
        "hot_thres_access_freq": 500,
        "cold_min_age": 120_000_000,
        **_SHARED,
        "wmarks_high": 200,
        "wmarks_mid": 150,
        "wmarks_low": 50,
    }
)
"""DAMON_LRU_SORT's parameters and their defaults."""

FEEDBACK_TARGET = 10_000
"""The target value of DAMON_RECLAIM's feedback."""

SWITCHES = frozenset({"skip_anon"})
"""Parameters that `RECLAIM` or `LRU_SORT` has, and that are Y or N."""

COMMANDS = frozenset({"enabled", "commit_inputs"})
"""Parameters that turn a module on, or make it read the others again."""

RANGE = ("monitor_region_start", "monitor_region_end")
"""The parameters of the range of physical addresses that is monitored."""

OF_LATER: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "addr_unit": (1, "another unit of addresses than a byte"),
        "autotune_monitoring_intervals": (0, "the kernel's own choice of intervals"),
        "active_mem_bp": (0, "a goal for active memory"),
        "filter_young_pages": (0, "a filter on young pages"),
    }
)
"""Parameters of later kernels: the value without effect, and what any other value asks for."""

OWN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "damon_reclaim": frozenset(
            {"addr_unit", "autotune_monitoring_intervals", *RANGE, *COMMANDS, *RECLAIM}
        ),
        "damon_lru_sort": frozenset({*OF_LATER, *RANGE, *COMMANDS, *LRU_SORT}),
    }
)
"""The parameters that can be written, by module."""

ATTRIBUTES = frozenset({"sample_interval", "aggr_interval", "min_nr_regions", "max_nr_regions"})
"""The parameters of monitoring."""

BOTH_RESULTS = frozenset({"kdamond_pid"})
"""The parameters of both modules that can only be read."""

RESULTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "damon_reclaim": BOTH_RESULTS
        | {"nr_quota_exceeds"}
        | {
            f"{unit}_{what}_regions"
            for unit in ("nr", "bytes")
            for what in ("reclaim_tried", "reclaimed")
        },
        "damon_lru_sort": BOTH_RESULTS
        | {f"nr_{kind}_quota_exceeds" for kind in ("hot", "cold")}
        | {
            f"{unit}_lru_{what}_{kind}_regions"
            for unit in ("nr", "bytes")
            for what in ("sort_tried", "sorted")
            for kind in ("hot", "cold")
        },
    }
)
"""The parameters that can only be read, by module."""

NAMES: Mapping[str, str] = MappingProxyType(
    {"damon_reclaim": "DAMON_RECLAIM", "damon_lru_sort": "DAMON_LRU_SORT"}
)
"""The modules, by their names in sysfs."""

STAT = "damon_stat"
"""A module that only monitors."""

SKIP_ANON = Filter(type=FilterType.ANON)
"""The filter that the parameter of that name adds."""

OLDEST_FIRST = Weights(age=1)
"""The weights of DAMON_RECLAIM's scheme."""

HOTTEST_FIRST = Weights(access_rate=1)
"""The weights of DAMON_LRU_SORT's schemes."""

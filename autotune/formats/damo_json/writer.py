"""Writes damo's JSON so that each damo from 2.0.0 to 3.4.3 reads it.

Sizes are whole numbers of bytes, intervals whole numbers of microseconds; ages and quota times are text
with a unit; access rates are in percent. Intervals and bounds on regions are always written, since damo
before 3.0.6 needs them. Quotas and watermarks are always written, too: 0 is no limit, and ``none`` is no
watermarks. Filters, goals, apply interval and target node are written only if they are used.

Schemes are written as they are given. Damo rounds towards 0 what lies between two samples or aggregation
intervals. So give schemes as `autotune.damon.kernel_units.on_grid` gives them: then damo writes exactly
their numbers to the kernel.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Filter,
    Quota,
    QuotaGoal,
    Scheme,
    Watermarks,
)
from autotune.damon.kernel_units import UINT_MAX, ULONG_MAX
from autotune.damon.monitoring import Intervals, Monitoring, Target
from autotune.formats import damo_notation as notation
from autotune.units import DURATION_UNITS, format_duration


def _bound(size_bytes: int | float) -> int | str:
    return "max" if size_bytes == UNLIMITED else int(size_bytes)


def _pattern(pattern: AccessPattern) -> dict[str, object]:
    size, rate, age = pattern.size_bytes, pattern.access_rate, pattern.age_us
    return {
        "sz_bytes": {"min": size.min, "max": _bound(size.max)},
        "nr_accesses": {
            "min": notation.rate_text(rate.min, space=" "),
            "max": notation.rate_text(rate.max, space=" "),
        },
        "age": {
            "min": notation.time_text(age.min, space=" "),
            "max": notation.time_text(age.max, space=" "),
        },
    }


def _goal(goal: QuotaGoal) -> dict[str, object]:
    optional = {"nid": goal.nid, "memcg_path": goal.memcg_path}
    return {
        "metric": goal.metric.value,
        "target_value": goal.target_value,
        "current_value": goal.current_value,
        **{key: value for key, value in optional.items() if value is not None},
    }


def _quota(quota: Quota | None) -> dict[str, object]:
    if quota is None:
        quotas: dict[str, object] = {"time_ms": "0 ms", "sz_bytes": 0, "reset_interval_ms": "0 ms"}
        weights = (0, 0, 0)
    else:
        quotas = {
            "time_ms": notation.time_text(quota.time_us, space=" ") if quota.time_us else "0 ms",
            "sz_bytes": quota.size_bytes or 0,
            "reset_interval_ms": notation.time_text(quota.reset_interval_us, space=" "),
        }
        weights = (quota.weights.size, quota.weights.access_rate, quota.weights.age)
    names = ("sz_permil", "nr_accesses_permil", "age_permil")
    quotas["weights"] = dict(zip(names, weights, strict=True))
    if quota is not None and quota.goals:
        quotas["goals"] = [_goal(goal) for goal in quota.goals]
    return quotas


def _watermarks(watermarks: Watermarks | None) -> dict[str, object]:
    if watermarks is None:
        marks: tuple[object, ...] = (0, 0, 0)
        metric, interval = "none", "0 us"
    else:
        marks = tuple(
            notation.permille_number(share)
            for share in (watermarks.high, watermarks.mid, watermarks.low)
        )
        metric = "free_mem_rate"
        interval = notation.time_text(watermarks.interval_us, space=" ")
    names = ("high_permil", "mid_permil", "low_permil")
    return {"metric": metric, "interval_us": interval, **dict(zip(names, marks, strict=True))}


def _filter(item: Filter) -> dict[str, object]:
    own: dict[str, object] = {}
    if item.memcg_path is not None:
        own["memcg_path"] = item.memcg_path
    if item.address_range is not None:
        own["address_range"] = {"start": item.address_range[0], "end": item.address_range[1]}
    if item.size_range is not None:
        own["hugepage_size"] = list(item.size_range)
    if item.target_index is not None:
        own["damon_target_idx"] = item.target_index
    return {
        "filter_type": item.type.value,
        "matching": item.matching,
        "allow": item.allow,
        **own,
    }


def _scheme(scheme: Scheme) -> dict[str, object]:
    written: dict[str, object] = {"action": scheme.action.value}
    if scheme.target_nid is not None:
        written["target_nid"] = scheme.target_nid
    written["access_pattern"] = _pattern(scheme.pattern)
    if scheme.apply_interval_us:
        written["apply_interval_us"] = scheme.apply_interval_us
    written["quotas"] = _quota(scheme.quota)
    written["watermarks"] = _watermarks(scheme.watermarks)
    if scheme.filters:
        written["filters"] = [_filter(item) for item in scheme.filters]
    return written


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _check_ages(schemes: Iterable[Scheme], intervals: Intervals) -> None:
    """Check that damo turns the ``max`` of an age into an age that is long enough.

    Damo divides 2^64 - 1 by the aggregation interval, in floating point, and the kernel keeps the lower
    32 bits of the result. If the interval is whole milliseconds, these 32 bits mean two weeks or more.
    If it is a power of two, they are 0.
    """
    unit = intervals.aggregation_us
    oldest_us = (int(ULONG_MAX / unit) & UINT_MAX) * unit
    if oldest_us < DURATION_UNITS["d"] and any(
        scheme.pattern.age_us.max == UNLIMITED for scheme in schemes
    ):
        raise ValueError(
            f"aggregation_us is {unit}: with it, damo makes {format_duration(oldest_us)} of an "
            "age_us.max without limit; use whole milliseconds"
        )


def dumps_schemes(schemes: Iterable[Scheme]) -> str:
    """Write the list of schemes, for ``damo start TARGET --schemes FILE``. It has no target."""
    return _text([_scheme(scheme) for scheme in schemes])


def dumps_kdamonds(schemes: Iterable[Scheme], monitoring: Monitoring, target: Target) -> str:
    """Write the full form, for ``damo start FILE``.

    A process that is filled in later (0) is written as ``"pid": "0"``.

    Raises:
        ValueError: If damo would turn an unlimited age into a very short age, as it does for a few
            aggregation intervals.
    """
    schemes, intervals = tuple(schemes), monitoring.intervals
    _check_ages(schemes, intervals)
    context = {
        "ops": target.operations.value,
        "targets": [
            {
                "pid": "0" if target.pid == 0 else target.pid,
                "regions": [{"start": start, "end": end} for start, end in target.regions],
            }
        ],
        "intervals": {
            "sample_us": intervals.sampling_us,
            "aggr_us": intervals.aggregation_us,
            "ops_update_us": intervals.update_us,
        },
        "nr_regions": {"min": monitoring.min_regions, "max": monitoring.max_regions},
        "schemes": [_scheme(scheme) for scheme in schemes],
    }
    return _text({"kdamonds": [{"state": None, "pid": None, "contexts": [context]}]})

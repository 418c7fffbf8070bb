"""Writes schemes as parameters of the kernel's DAMON modules: ``name=value`` lines below a comment.

DAMON_RECLAIM runs a `pageout` scheme; DAMON_LRU_SORT runs a `lru_prio` and a `lru_deprio` scheme.
Both modules monitor physical memory. Most fields of their schemes are fixed:
`autotune.formats.module_parameters.parameters` has the tables of the fields that can be chosen; all
other fields must be as the module has them. A module's watermarks can't be turned off, but 1000, 1000
and 0 permille never hold a scheme back. So these numbers stand for a scheme without watermarks.

The kernel rounds towards 0 what lies between two samples or aggregation intervals: give schemes as
`autotune.damon.kernel_units.on_grid` gives them.

Source: mm/damon/reclaim.c and mm/damon/lru_sort.c of Linux 6.12.
"""

from __future__ import annotations

from collections.abc import Iterable

from autotune.damon.damos import (
    UNLIMITED,
    Action,
    GoalMetric,
    QuotaGoal,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Monitoring
from autotune.formats import damo_notation as notation
from autotune.formats.module_parameters.parameters import (
    FEEDBACK_TARGET,
    HOTTEST_FIRST,
    LRU_SORT,
    OLDEST_FIRST,
    RECLAIM,
    SKIP_ANON,
    SWITCHES,
)
from autotune.units import format_duration, format_share, format_size

_SNAP = 1e-6
_RECLAIM_NOTE = """\
# /sys/module/damon_reclaim/parameters/: write these, then Y to "enabled".
# It pages out cold memory of the whole machine, whatever process it belongs to.
# DAMON_RECLAIM of Linux 6.12 does nothing at all: on that kernel, use the scheme itself with damo.
"""
_LRU_SORT_NOTE = """\
# /sys/module/damon_lru_sort/parameters/: write these, then Y to "enabled".
# It sorts the LRU lists of the whole machine.
"""


def _must(name: str, shown: str, holds: bool, module: str, remedy: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {shown}: {module} takes {remedy}")


def _check_fixed(scheme: Scheme, module: str) -> None:
    size = scheme.pattern.size_bytes
    text = f"{format_size(int(size.min))} to {notation.size_text(size.max)}"
    _must(
        "pattern.size_bytes",
        text,
        (size.min, size.max) == (PAGE_BYTES, UNLIMITED),
        module,
        f"{format_size(PAGE_BYTES)} to max only",
    )
    age_max = scheme.pattern.age_us.max
    _must(
        "pattern.age_us.max",
        notation.time_text(age_max),
        age_max == UNLIMITED,
        module,
        "max only",
    )
    interval = scheme.apply_interval_us
    _must("apply_interval_us", format_duration(interval), interval == 0, module, "0 only")


def _check_cold(scheme: Scheme, module: str) -> None:
    rate = scheme.pattern.access_rate
    shown = f"{format_share(rate.min)} to {notation.rate_text(rate.max)}"
    _must("pattern.access_rate", shown, (rate.min, rate.max) == (0, 0), module, "0% only")


def _milliseconds(name: str, time_us: int | float) -> int:
    if time_us == UNLIMITED:
        raise ValueError(f"{name} is max: a module takes whole milliseconds")
    if time_us % 1000:
        raise ValueError(
            f"{name} is {format_duration(int(time_us))}: a module takes whole milliseconds"
        )
    return int(time_us) // 1000


def _permille(name: str, fraction: float) -> int:
    permille = round(fraction * 1000)
    # `on_grid` may give a float that lies close beside the fraction that is meant.
    if abs(fraction * 1000 - permille) > _SNAP:
        raise ValueError(f"{name} is {format_share(fraction)}: a module takes whole permille")
    return permille


def _watermark_values(watermarks: Watermarks | None) -> dict[str, int]:
    if watermarks is None:
        return {"wmarks_high": 1000, "wmarks_mid": 1000, "wmarks_low": 0}
    return {
        "wmarks_interval": watermarks.interval_us,
        "wmarks_high": _permille("watermarks.high", watermarks.high),
        "wmarks_mid": _permille("watermarks.mid", watermarks.mid),
        "wmarks_low": _permille("watermarks.low", watermarks.low),
    }


def _monitoring_values(monitoring: Monitoring) -> dict[str, int]:
    return {
        "sample_interval": monitoring.intervals.sampling_us,
        "aggr_interval": monitoring.intervals.aggregation_us,
        "min_nr_regions": monitoring.min_regions,
        "max_nr_regions": monitoring.max_regions,
    }


def _goal_values(goals: tuple[QuotaGoal, ...]) -> dict[str, int]:
    values: dict[str, int] = {}
    for goal in goals:
        if goal.metric is GoalMetric.SOME_MEM_PSI_US:
            name, value = "quota_mem_pressure_us", goal.target_value
        elif goal.metric is GoalMetric.USER_INPUT and goal.target_value == FEEDBACK_TARGET:
            name, value = "quota_autotune_feedback", goal.current_value
        else:
            raise ValueError(
                f"quota.goals: DAMON_RECLAIM takes some_mem_psi_us, and user_input with a target of "
                f"{FEEDBACK_TARGET}; not {goal.metric.value} {goal.target_value}"
            )
        if name in values or value == 0:
            raise ValueError(
                f"quota.goals: DAMON_RECLAIM takes one {goal.metric.value} with a value above 0"
            )
        values[name] = value
    return values


def _check_weights(weights: Weights, wanted: Weights, module: str) -> None:
    shown = f"{weights.size} {weights.access_rate} {weights.age}"
    remedy = f"{wanted.size} {wanted.access_rate} {wanted.age} only"
    _must("quota.weights", shown, weights == wanted, module, remedy)


def _reclaim(scheme: Scheme) -> dict[str, int]:
    module = "DAMON_RECLAIM"
    _check_fixed(scheme, module)
    _check_cold(scheme, module)
    if scheme.filters not in ((), (SKIP_ANON,)):
        raise ValueError(f"filters: {module} takes none, or one that rejects anon")
    values = {
        "min_age": scheme.pattern.age_us.min,
        "quota_ms": 0,
        "quota_sz": 0,
        "skip_anon": int(bool(scheme.filters)),
    }
    if (quota := scheme.quota) is not None:
        _check_weights(quota.weights, OLDEST_FIRST, module)
        values["quota_ms"] = _milliseconds("quota.time_us", quota.time_us or 0)
        values["quota_sz"] = quota.size_bytes or 0
        values["quota_reset_interval_ms"] = _milliseconds(
            "quota.reset_interval_us", quota.reset_interval_us
        )
        values |= _goal_values(quota.goals)
    return values | _watermark_values(scheme.watermarks)


def _lru_sort(hot: Scheme, cold: Scheme) -> dict[str, int]:
    module = "DAMON_LRU_SORT"
    for scheme in (hot, cold):
        _check_fixed(scheme, module)
        if scheme.filters:
            raise ValueError(f"filters: {module} takes none")
    _check_cold(cold, module)
    rate, age = hot.pattern.access_rate, hot.pattern.age_us.min
    _must(
        "pattern.access_rate.max",
        notation.rate_text(rate.max),
        rate.max == UNLIMITED,
        module,
        "max only",
    )
    _must("pattern.age_us.min", format_duration(age), age == 0, module, "0 only for lru_prio")
    for name in ("quota", "watermarks"):
        if getattr(hot, name) != getattr(cold, name):
            raise ValueError(f"{name}: {module} has one for lru_prio and lru_deprio, these differ")
    values = {
        "hot_thres_access_freq": _permille("pattern.access_rate.min", rate.min),
        "cold_min_age": cold.pattern.age_us.min,
        "quota_ms": 0,
    }
    if (quota := hot.quota) is not None:
        _check_weights(quota.weights, HOTTEST_FIRST, module)
        if quota.size_bytes is not None or quota.goals:
            raise ValueError(f"quota: {module} takes a time quota only")
        # The module gives half of the time to each of its two schemes.
        values["quota_ms"] = 2 * _milliseconds("quota.time_us", quota.time_us or 0)
        values["quota_reset_interval_ms"] = _milliseconds(
            "quota.reset_interval_us", quota.reset_interval_us
        )
    return values | _watermark_values(hot.watermarks)


def dumps(schemes: Iterable[Scheme], monitoring: Monitoring) -> str:
    """Write the parameters of the module that runs such schemes.

    Raises:
        ValueError: If no module runs them; the message names the field that has to change.
    """
    ordered = sorted(schemes, key=lambda scheme: scheme.action is not Action.LRU_PRIO)
    actions = [scheme.action for scheme in ordered]
    if actions == [Action.PAGEOUT]:
        note, defaults, values = _RECLAIM_NOTE, RECLAIM, _reclaim(ordered[0])
    elif actions == [Action.LRU_PRIO, Action.LRU_DEPRIO]:
        note, defaults, values = _LRU_SORT_NOTE, LRU_SORT, _lru_sort(ordered[0], ordered[1])
    else:
        raise ValueError(
            f"action is {', '.join(action.value for action in actions) or 'missing'}: modules do "
            "pageout alone (DAMON_RECLAIM), or lru_prio with lru_deprio (DAMON_LRU_SORT)"
        )
    values = {**defaults, **values, **_monitoring_values(monitoring)}
    lines = [
        f"{name}={('N', 'Y')[value] if name in SWITCHES else value}\n"
        for name, value in values.items()
    ]
    return note + "".join(lines)

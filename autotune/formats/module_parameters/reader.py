"""Reads the parameters of DAMON_RECLAIM and DAMON_LRU_SORT, and has the tables of them.

`autotune.formats.module_parameters.writer` writes them.

Source: mm/damon/reclaim.c and mm/damon/lru_sort.c of Linux 6.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from autotune.damon.damos import (
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.errors import InputError, Where, nearest
from autotune.formats import damo_notation as notation

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
"""Parameters that are Y or N."""

_COMMANDS = frozenset({"enabled", "commit_inputs"})
SKIP_ANON = Filter(type=FilterType.ANON)
"""The filter that the parameter of that name adds."""

OLDEST_FIRST = Weights(age=1)
"""The weights of DAMON_RECLAIM's scheme."""

HOTTEST_FIRST = Weights(access_rate=1)
"""The weights of DAMON_LRU_SORT's schemes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a module's parameters mean.

    Attributes:
        schemes: DAMON_RECLAIM's only scheme, or DAMON_LRU_SORT's scheme for hot memory and then its
            scheme for cold memory.
        monitoring: How the module monitors physical memory. The update interval means nothing there.
    """

    schemes: tuple[Scheme, ...]
    monitoring: Monitoring


def _number(name: str, text: str) -> int:
    if name in SWITCHES:
        return int(notation.boolean(text))
    return notation.count(text)


def _parse(text: str, source: Path | str) -> dict[str, int]:
    values: dict[str, int] = {}
    known = {*RECLAIM, *LRU_SORT}
    for number, row in enumerate(text.split("\n"), start=1):
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        where = Where(source, number)
        name, sign, value = (part.strip() for part in row.partition("="))
        if name in _COMMANDS:
            continue
        if not sign:
            raise InputError(f"'{row.strip()}' is no parameter: write name=value", where)
        if name not in known:
            raise InputError(f"no parameter '{name}': {nearest(name, known)}", where)
        if name in values:
            raise InputError(f"{name} stands twice: keep one of them", where)
        try:
            values[name] = _number(name, value)
        except ValueError as error:
            raise InputError(f"{name}: {error}", where) from error
    return values


def _read_watermarks(values: Mapping[str, int]) -> Watermarks | None:
    marks = [Decimal(values[name]) for name in ("wmarks_high", "wmarks_mid", "wmarks_low")]
    if marks == [1000, 1000, 0]:
        return None
    return notation.to_watermarks(
        interval_us=values["wmarks_interval"],
        high_permille=marks[0],
        mid_permille=marks[1],
        low_permille=marks[2],
    )


def _read_monitoring(values: Mapping[str, int]) -> Monitoring:
    return Monitoring(
        intervals=Intervals(
            sampling_us=values["sample_interval"], aggregation_us=values["aggr_interval"]
        ),
        min_regions=values["min_nr_regions"],
        max_regions=values["max_nr_regions"],
    )


def _read_goals(values: Mapping[str, int]) -> tuple[QuotaGoal, ...]:
    goals = []
    if pressure_us := values["quota_mem_pressure_us"]:
        goals.append(QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=pressure_us))
    if feedback := values["quota_autotune_feedback"]:
        goals.append(
            QuotaGoal(
                metric=GoalMetric.USER_INPUT,
                target_value=FEEDBACK_TARGET,
                current_value=feedback,
            )
        )
    return tuple(goals)


def _cold(action: Action, min_age_us: int) -> Scheme:
    return Scheme(
        action=action,
        pattern=AccessPattern(
            size_bytes=Range(PAGE_BYTES), access_rate=Range(0.0, 0.0), age_us=Range(min_age_us)
        ),
    )


def _read_reclaim(values: Mapping[str, int]) -> tuple[Scheme, ...]:
    scheme = replace(
        _cold(Action.PAGEOUT, values["min_age"]),
        quota=notation.to_quota(
            time_us=values["quota_ms"] * 1000,
            size_bytes=values["quota_sz"],
            reset_interval_us=values["quota_reset_interval_ms"] * 1000,
            weights=OLDEST_FIRST,
            goals=_read_goals(values),
        ),
        watermarks=_read_watermarks(values),
        filters=(SKIP_ANON,) if values["skip_anon"] else (),
    )
    return (scheme,)


def _read_lru_sort(values: Mapping[str, int]) -> tuple[Scheme, ...]:
    watermarks = _read_watermarks(values)
    quota = notation.to_quota(
        time_us=values["quota_ms"] // 2 * 1000,
        size_bytes=0,
        reset_interval_us=values["quota_reset_interval_ms"] * 1000,
        weights=HOTTEST_FIRST,
    )
    hot = Scheme(
        action=Action.LRU_PRIO,
        pattern=AccessPattern(
            size_bytes=Range(PAGE_BYTES),
            access_rate=Range(values["hot_thres_access_freq"] / 1000),
        ),
        quota=quota,
        watermarks=watermarks,
    )
    cold = _cold(Action.LRU_DEPRIO, values["cold_min_age"])
    return hot, replace(cold, quota=quota, watermarks=watermarks)


def loads(text: str, source: Path | str) -> Settings:
    """Read the parameters of one module. A missing parameter has the module's default.

    Raises:
        InputError: If a line is no parameter, if values don't fit together, or if it is not clear which
            module is meant.
    """
    values = _parse(text, source)
    module = LRU_SORT if {"hot_thres_access_freq", "cold_min_age"} & values.keys() else RECLAIM
    if foreign := sorted(values.keys() - module.keys()):
        name = "DAMON_LRU_SORT" if module is LRU_SORT else "DAMON_RECLAIM"
        raise InputError(f"{foreign[0]} is no parameter of {name}: leave it out", Where(source))
    values = {**module, **values}
    try:
        read = _read_lru_sort if module is LRU_SORT else _read_reclaim
        return Settings(schemes=read(values), monitoring=_read_monitoring(values))
    except ValueError as error:
        raise InputError(str(error), Where(source)) from error

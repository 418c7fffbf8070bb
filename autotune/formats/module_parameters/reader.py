"""Reads the parameters of DAMON_RECLAIM and DAMON_LRU_SORT as schemes and monitoring.

`autotune.formats.module_parameters.writer` writes them.

A parameter may be set on a kernel command line, in tmpfiles.d, in a script:
`autotune.formats.module_parameters.assignments` finds it there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from autotune.damon.damos import (
    AccessPattern,
    Action,
    GoalMetric,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.errors import InputError, Where, nearest
from autotune.formats import damo_notation as notation
from autotune.formats.module_parameters.assignments import Assignment, assignments
from autotune.formats.module_parameters.parameters import (
    ATTRIBUTES,
    BOTH_RESULTS,
    COMMANDS,
    FEEDBACK_TARGET,
    HOTTEST_FIRST,
    LRU_SORT,
    NAMES,
    OF_LATER,
    OLDEST_FIRST,
    OWN,
    RANGE,
    RECLAIM,
    RESULTS,
    SKIP_ANON,
    STAT,
    SWITCHES,
)
from autotune.formats.warn import Warn, ignore
from autotune.units import parse_duration, parse_size

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|0[0-7]{1,24}|[0-9]{1,20}")
_LARGEST = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a module's parameters mean.

    Attributes:
        schemes: DAMON_RECLAIM's only scheme, or DAMON_LRU_SORT's scheme for hot memory and then its
            scheme for cold memory.
        monitoring: How the module monitors physical memory. The update interval means nothing there.
            None if no parameter says it.
        regions: The range of physical addresses (start, end) that is monitored; empty if the module
            chooses.
    """

    schemes: tuple[Scheme, ...]
    monitoring: Monitoring | None
    regions: tuple[tuple[int, int], ...] = ()


def _switch(text: str) -> bool:
    """Read Y or N as the kernel does, which looks at the first letters."""
    word = text.lower()
    if word.startswith(("y", "t", "1", "on")):
        return True
    if word.startswith(("n", "f", "0", "of")):
        return False
    raise ValueError(f"'{text}' is neither Y nor N: write one of these")


def _without_unit(name: str, text: str) -> str:
    """Say what to write instead of a text that is no number.

    >>> _without_unit("min_age", "30s"), _without_unit("quota_ms", "1s")
    ('write 30000000, since the module counts in microseconds', \
'write 1000, since the module counts in milliseconds')
    """
    in_ms = name.endswith("_ms")
    with contextlib.suppress(ValueError):
        number = parse_duration(text) // (1000 if in_ms else 1)
        return f"write {number}, since the module counts in {'milli' if in_ms else 'micro'}seconds"
    with contextlib.suppress(ValueError):
        return f"write {parse_size(text)}, since the module counts in bytes"
    return "write digits only"


def _number(name: str, text: str) -> int:
    if name in SWITCHES | COMMANDS | {"autotune_monitoring_intervals", "filter_young_pages"}:
        return int(_switch(text))
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number: {_without_unit(name, text)}")
    octal = len(text) > 1 and text[0] == "0" and text[1] not in "xX"
    number = int(text, 8 if octal else 0)
    if number > _LARGEST:
        raise ValueError(f"'{text}' is too large: the kernel reads up to {_LARGEST}")
    return number


def _module(found: Sequence[Assignment], source: Path | str) -> str:
    """Give the module that the parameters belong to."""
    modules = {item.module for item in found if item.module not in {None, STAT}}
    named = {item.module for item in found if item.name not in COMMANDS} & modules or modules
    if unknown := sorted(str(name) for name in named if name not in NAMES):
        raise InputError(f"no module '{unknown[0]}': {nearest(unknown[0], NAMES)}", Where(source))
    if len(named) > 1:
        raise InputError(
            "sets DAMON_RECLAIM and DAMON_LRU_SORT, and only one of them can run: keep one",
            Where(source),
        )
    if named:
        return str(named.pop())
    if any(item.module == STAT for item in found):
        raise InputError("DAMON_STAT has no scheme: name a file that has one", Where(source))
    names = {item.name for item in found}
    own = {"hot_thres_access_freq", "cold_min_age", "active_mem_bp", "filter_young_pages"}
    return (
        "damon_lru_sort"
        if (own | RESULTS["damon_lru_sort"] - BOTH_RESULTS) & names
        else ("damon_reclaim")
    )


def _parse(text: str, source: Path | str, warn: Warn) -> tuple[str, dict[str, int]]:
    """Give the module, and its parameters that are set."""
    found = assignments(text, source)
    module = _module(found, source)
    values: dict[str, int] = {}
    read_only = []
    for item in found:
        if item.module not in {None, module}:
            continue
        if item.name in RESULTS[module]:
            read_only.append(item.name)
            continue
        _check_name(item, module)
        if item.name in values and not item.again:
            raise InputError(f"{item.name} stands twice: keep one of them", item.where)
        try:
            values[item.name] = _number(item.name, item.value)
        except ValueError as error:
            raise InputError(f"{item.name}: {error}", item.where) from error
    if read_only:
        warn(f"{source}: {', '.join(dict.fromkeys(read_only))} can only be read: left out")
    if values.get("enabled") == 0:
        warn(
            f"{source}: enabled is N, and {NAMES[module]} does nothing then: read as if it were Y"
        )
    return module, values


def _check_name(item: Assignment, module: str) -> None:
    if item.name in OWN[module]:
        return
    if any(item.name in names for names in (*OWN.values(), *RESULTS.values())):
        raise InputError(
            f"{item.name} is no parameter of {NAMES[module]}: leave it out", item.where
        )
    known = {*RECLAIM, *LRU_SORT} if item.module is None else OWN[module]
    raise InputError(f"no parameter '{item.name}': {nearest(item.name, known)}", item.where)


def _refuse_later(values: Mapping[str, int]) -> None:
    for name, (without, what) in OF_LATER.items():
        if values.get(name, without) != without:
            raise ValueError(f"{name} asks for {what}, which can't be held here: leave it out")


def _read_regions(values: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    start, end = (values.get(name, 0) for name in RANGE)
    if (start, end) == (0, 0):
        return ()
    if start >= end:
        raise ValueError(f"monitor_region_start ({start}) is not below monitor_region_end ({end})")
    return ((start, end),)


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


def loads(text: str, source: Path | str, warn: Warn = ignore) -> Settings:
    """Read the parameters of one module. A missing parameter has the module's default.

    Args:
        text: What sets the parameters (`autotune.formats.module_parameters.assignments`).
        source: Name of the file, for messages.
        warn: Called with one line about each thing that is left out.

    Raises:
        InputError: If a line is no parameter, if values don't fit together, or if it is not clear which
            module is meant.
    """
    name, found = _parse(text, source, warn)
    is_lru_sort = name == "damon_lru_sort"
    values = {**(LRU_SORT if is_lru_sort else RECLAIM), **found}
    try:
        _refuse_later(found)
        monitoring = _read_monitoring(values)
        return Settings(
            schemes=(_read_lru_sort if is_lru_sort else _read_reclaim)(values),
            monitoring=monitoring if ATTRIBUTES & found.keys() else None,
            regions=_read_regions(found),
        )
    except ValueError as error:
        raise InputError(str(error), Where(source)) from error

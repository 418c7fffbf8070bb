"""Reads one scheme of damo's JSON. `autotune.formats.damo_json.reader` reads what is around schemes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.damon.monitoring import Intervals
from autotune.formats import damo_notation as notation
from autotune.formats.damo_json.tree import Node, given, one_of

NOTES = frozenset({"comments", "name"})
"""Keys that mean nothing, wherever they stand."""

_RESULTS = frozenset({"stats", "tried_regions", "tried_bytes", "effective_sz_bytes"})
_PROPORTIONS = frozenset(metric for metric in GoalMetric if metric.value.endswith("_bp"))


def is_one_of(*values: object) -> Callable[[object], bool]:
    """Make a function that says whether a value is one of *values*, and of the same type."""
    return lambda value: any(value == other and type(value) is type(other) for other in values)


NOTHING = is_one_of(None, [])
NO = is_one_of(None, False, "N", "n", "no", "false")
_INERT_QUOTA: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "goal_tuner": is_one_of(None, "consist"),
        "fail_charge_num": lambda value: notation.count(value) == 0,
        "fail_charge_denom": lambda value: notation.count(value) == 0,
    }
)

_SIZES: Mapping[str, str] = MappingProxyType({"min": "4096", "max": '"max"'})
_RATES: Mapping[str, str] = MappingProxyType({"min": '"0 %"', "max": '"0 %"'})
_AGES: Mapping[str, str] = MappingProxyType({"min": '"5 s"', "max": '"max"'})
"""Examples of the ends of ranges."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value} is not text: write it in quotes")
    return value


def _counted(
    node: Node,
    unit: str,
    reader: Callable[[object], int | float],
    scale: Callable[[int], int | float],
    examples: Mapping[str, str],
    most: str,
) -> tuple[int | float, int | float]:
    """Read two bounds: both in the unit of *reader*, or both counts such as ``3 samples``.

    The lower bound must be limited: a message about it says *most*, the largest number.
    """
    ends = node.members(required=examples, ignored=NOTES)
    low, high = ends["min"], ends["max"]
    counted = [
        isinstance(end.value, str) and end.value.rstrip().endswith(unit) for end in (low, high)
    ]
    if counted[0] != counted[1]:
        raise node.error(f"only one of min and max is in {unit}: write both in the same unit")

    def read(value: object) -> int | float:
        if not counted[0]:
            return reader(value)
        number = str(value).rstrip().removesuffix(unit).rstrip()
        return UNLIMITED if number == "max" else scale(notation.count(number))

    def read_low(value: object) -> int | float:
        without_unit = "max" if str(value).startswith("max") else value
        return notation.limited(read(value), without_unit, most)

    return low.read(read_low), high.read(read)


def _pattern(node: Node, intervals: Intervals) -> AccessPattern:
    ranges = node.members(
        required={
            "sz_bytes": '{"min": 4096, "max": "max"}',
            "nr_accesses": '{"min": "0 %", "max": "0 %"}',
            "age": '{"min": "5 s", "max": "max"}',
        },
        ignored=NOTES,
    )
    sizes = ranges["sz_bytes"].members(required=_SIZES, ignored=NOTES)
    size_bytes = Range(sizes["min"].read(notation.whole_size), sizes["max"].read(notation.size))
    rates = _counted(
        ranges["nr_accesses"],
        "samples",
        notation.rate,
        lambda count: count / intervals.samples,
        _RATES,
        notation.MOST_RATE,
    )
    ages = _counted(
        ranges["age"],
        "aggr_intervals",
        notation.time_us,
        lambda count: count * intervals.aggregation_us,
        _AGES,
        notation.MOST_TIME,
    )
    return node.build(
        lambda: AccessPattern(
            size_bytes=size_bytes,
            access_rate=Range(float(rates[0]), rates[1]),
            age_us=Range(int(ages[0]), ages[1]),
        )
    )


def _goal(node: Node) -> QuotaGoal:
    found = node.members(
        required={
            "metric": '"user_input"',
            "target_value": "10000",
            "current_value": "0",
        },
        optional=("nid", "memcg_path"),
        ignored=NOTES,
        inert={"complement": NO},
    )
    metric = found["metric"].read(one_of(GoalMetric, "goal metric"))
    reader: Callable[[object], int] = notation.count
    if metric is GoalMetric.SOME_MEM_PSI_US:
        reader = notation.whole_time_us
    elif metric in _PROPORTIONS:
        reader = notation.basis_points
    target_value = found["target_value"].read(reader)
    current_value = found["current_value"].read(notation.count)
    nid = given(found, "nid", notation.count)
    memcg_path = given(found, "memcg_path", _text)
    return node.build(
        lambda: QuotaGoal(
            metric=metric,
            target_value=target_value,
            current_value=current_value,
            nid=nid,
            memcg_path=memcg_path,
        )
    )


def _weights(node: Node) -> Weights:
    found = node.members(
        required={"sz_permil": "0", "nr_accesses_permil": "0", "age_permil": "1"}, ignored=NOTES
    )
    read = {key: item.read(notation.weight) for key, item in found.items()}
    return node.build(
        lambda: Weights(
            size=read["sz_permil"],
            access_rate=read["nr_accesses_permil"],
            age=read["age_permil"],
        )
    )


def _quota(node: Node) -> Quota | None:
    found = node.members(
        required={
            "time_ms": '"10 ms"',
            "sz_bytes": '"64 MiB"',
            "reset_interval_ms": '"1 s"',
            "weights": '{"sz_permil": 0, "nr_accesses_permil": 0, "age_permil": 1}',
        },
        optional=("goals",),
        ignored=NOTES | _RESULTS,
        inert=_INERT_QUOTA,
    )
    time_us = found["time_ms"].read(notation.time_in_ms)
    size_bytes = found["sz_bytes"].read(notation.size)
    reset_interval_us = found["reset_interval_ms"].read(notation.time_in_ms)
    weights = _weights(found["weights"])
    goals = tuple(_goal(item) for item in found["goals"].items()) if "goals" in found else ()
    return node.build(
        lambda: notation.to_quota(
            time_us=time_us,
            size_bytes=size_bytes,
            reset_interval_us=reset_interval_us,
            weights=weights,
            goals=goals,
        )
    )


def _metric(value: object) -> bool:
    if value not in ("none", "free_mem_rate"):
        raise ValueError(f"no metric '{value}': write none or free_mem_rate")
    return value == "free_mem_rate"


def _watermarks(node: Node) -> Watermarks | None:
    found = node.members(
        required={
            "metric": '"free_mem_rate"',
            "interval_us": '"5 s"',
            "high_permil": "500",
            "mid_permil": "400",
            "low_permil": "50",
        },
        ignored=NOTES,
    )
    used = found["metric"].read(_metric)
    interval_us = found["interval_us"].read(notation.whole_time_us)
    high, mid, low = (
        found[key].read(notation.permille) for key in ("high_permil", "mid_permil", "low_permil")
    )
    if not used:
        return None
    return node.build(
        lambda: notation.to_watermarks(
            interval_us=interval_us, high_permille=high, mid_permille=mid, low_permille=low
        )
    )


def address_range(node: Node) -> tuple[int, int]:
    """Read start and end of a range of addresses."""
    found = node.members(required={"start": "4096", "end": "8192"}, ignored=NOTES)
    return found["start"].read(notation.whole_size), found["end"].read(notation.whole_size)


def _size_range(node: Node) -> tuple[int, int]:
    items = node.items()
    if len(items) != 2:
        raise node.error("must be the smallest and the largest size")
    return items[0].read(notation.whole_size), items[1].read(notation.whole_size)


def _filter(node: Node) -> Filter:
    found = node.members(
        required={"filter_type": '"anon"', "matching": "true"},
        optional=(
            "allow",
            "filter_pass",
            "memcg_path",
            "address_range",
            "damon_target_idx",
            "hugepage_size",
        ),
        ignored=NOTES,
        inert={"probe_hits_wsum_range": NOTHING},
    )
    # Damo writes the fields of all types, and leaves the fields of other types empty.
    own = {key: item for key, item in found.items() if item.value not in (None, "")}
    filter_type = found["filter_type"].read(one_of(FilterType, "filter"))
    matching = found["matching"].read(notation.boolean)
    allow = own.get("allow", own.get("filter_pass"))
    allowed = allow is not None and allow.read(notation.boolean)
    memcg_path = given(own, "memcg_path", _text)
    addresses = address_range(own["address_range"]) if "address_range" in own else None
    size_range = _size_range(own["hugepage_size"]) if "hugepage_size" in own else None
    target_index = given(own, "damon_target_idx", notation.count)
    return node.build(
        lambda: Filter(
            type=filter_type,
            matching=matching,
            allow=allowed,
            memcg_path=memcg_path,
            address_range=addresses,
            size_range=size_range,
            target_index=target_index,
        )
    )


def scheme(node: Node, intervals: Intervals) -> Scheme:
    """Read a scheme; its counts of samples and aggregations are in *intervals*.

    Raises:
        InputError: If it is no scheme, or something in it is wrong; the message has the path to that.
    """
    found = node.members(
        optional=(
            "action",
            "access_pattern",
            "quotas",
            "watermarks",
            "filters",
            "apply_interval_us",
            "target_nid",
        ),
        ignored=NOTES | _RESULTS,
        inert={"dests": NOTHING},
    )
    if not found and isinstance(node.value, dict) and node.value:
        raise node.error("has no key of a scheme: write action and access_pattern")
    action = given(found, "action", one_of(Action, "action")) or Action.STAT
    pattern = (
        _pattern(found["access_pattern"], intervals)
        if "access_pattern" in found
        else AccessPattern()
    )
    quota = _quota(found["quotas"]) if "quotas" in found else None
    watermarks = _watermarks(found["watermarks"]) if "watermarks" in found else None
    filters = tuple(map(_filter, found["filters"].items())) if "filters" in found else ()
    apply_interval_us = given(found, "apply_interval_us", notation.whole_time_us) or 0
    target_nid = given(found, "target_nid", notation.count)
    return node.build(
        lambda: Scheme(
            action=action,
            pattern=pattern,
            quota=quota,
            watermarks=watermarks,
            filters=filters,
            apply_interval_us=apply_interval_us,
            target_nid=target_nid,
        )
    )

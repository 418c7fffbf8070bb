"""Reading damo's JSON: the full form ``{"kdamonds": [...]}`` and the list of schemes ``[...]``.

This module reads all that damo 3.4.3 reads, if `autotune.damon.damos` or `autotune.damon.monitoring` has
a field for it. It refuses the other features of damo (weighted destinations, attribute probes, interval
goals, ...) by name, unless a feature's value turns it off. Damo ignores unknown keys; here a key that
looks like a known one is an error, and any other is ignored with a warning. A few keys, which damo and
published files have although they mean nothing, are ignored: ``comments`` and ``name`` anywhere; the
results ``stats``, ``tried_regions``, ``tried_bytes`` and ``effective_sz_bytes``; and of a kdamond
``state``, ``pid`` and ``refresh_ms`` (how often results are refreshed). A file may have one kdamond,
with one context and at most one target. A bare list of kdamonds, which damo prints, a kdamond and a
scheme alone are read too.

`autotune.formats.damo_json.writer` writes the same forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autotune.damon.damos import Scheme
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.formats import damo_notation as notation
from autotune.formats.damo_json import tree
from autotune.formats.damo_json.scheme_reader import (
    NO,
    NOTES,
    NOTHING,
    address_range,
    is_one_of,
    scheme,
)
from autotune.formats.damo_json.tree import Node, given, one_of
from autotune.formats.warn import Warn, ignore

_INERT_CONTEXT: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "addr_unit": lambda value: notation.size(value) == 1,
        "pause": NO,
        "probes": NOTHING,
        "sample_control": is_one_of(
            None,
            {
                "primitives_enabled": {"page_table": True, "page_fault": False},
                "sample_filters": [],
            },
        ),
    }
)


def _no_intervals_goal(value: object) -> bool:
    return value is None or (
        isinstance(value, dict) and notation.count(value.get("aggrs", 0)) == 0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file says.

    Attributes:
        schemes: The schemes, in the file's order.
        monitoring: DAMON's attributes; None if the file does not say them.
        target: What is monitored; None if the form has no place for it.
    """

    schemes: tuple[Scheme, ...]
    monitoring: Monitoring | None = None
    target: Target | None = None


def _monitoring(found: Mapping[str, Node]) -> Monitoring:
    intervals = Intervals()
    if (node := found.get("intervals")) is not None:
        times = node.members(
            required={"sample_us": '"5 ms"', "aggr_us": '"100 ms"', "ops_update_us": '"1 s"'},
            ignored=NOTES,
            inert={"intervals_goal": _no_intervals_goal},
        )
        read = {key: item.read(notation.whole_time_us) for key, item in times.items()}
        intervals = node.build(
            lambda: Intervals(
                sampling_us=read["sample_us"],
                aggregation_us=read["aggr_us"],
                update_us=read["ops_update_us"],
            )
        )
    if (node := found.get("nr_regions")) is None:
        return Monitoring(intervals=intervals)
    ends = node.members(required={"min": "10", "max": "1000"}, ignored=NOTES)
    bounds = {key: item.read(notation.count) for key, item in ends.items()}
    return node.build(
        lambda: Monitoring(
            intervals=intervals, min_regions=bounds["min"], max_regions=bounds["max"]
        )
    )


def _only(node: Node, noun: str) -> Node:
    items = node.items()
    if len(items) != 1:
        raise node.error(f"has {len(items)} {noun}s: exactly one can be held")
    return items[0]


def _target(operations: OperationsSet, targets: Node) -> Target:
    pid = None if operations is OperationsSet.PADDR else 0
    if not targets.items():
        return Target(operations=operations, pid=pid)
    if len(targets.items()) > 1:
        raise targets.error(
            f"has {len(targets.items())} targets: keep one; the processes of a workload are watched "
            "whatever it says"
        )
    node = _only(targets, "target")
    found = node.members(
        required={"pid": '"4242"', "regions": "[]"}, ignored=NOTES, inert={"obsolete": NO}
    )
    process = given(found, "pid", notation.count)
    regions = tuple(map(address_range, found["regions"].items()))
    return node.build(
        lambda: Target(
            operations=operations, pid=pid if process is None else process, regions=regions
        )
    )


def _kdamonds(node: Node) -> Parsed:
    kdamond = _only(node, "kdamond").members(
        required={"contexts": '[{"ops": "vaddr", "targets": [], "schemes": []}]'},
        ignored=NOTES | {"state", "pid", "refresh_ms"},
    )
    found = _only(kdamond["contexts"], "context").members(
        required={"ops": '"vaddr"', "targets": '[{"pid": "4242", "regions": []}]'},
        optional=("intervals", "nr_regions", "schemes"),
        ignored=NOTES | {"ops_attrs"},
        inert=_INERT_CONTEXT,
    )
    monitoring = _monitoring(found)
    target = _target(found["ops"].read(one_of(OperationsSet, "operations set")), found["targets"])
    schemes = found["schemes"].items() if "schemes" in found else []
    return Parsed(
        schemes=tuple(scheme(item, monitoring.intervals) for item in schemes),
        monitoring=monitoring if {"intervals", "nr_regions"} & found.keys() else None,
        target=target,
    )


def loads(text: str, source: Path | str, warn: Warn = ignore) -> Parsed:
    """Read the full form or the list of schemes.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.
        warn: Called with one line about each key that is ignored.

    Raises:
        InputError: If the text is not JSON (with line and column), or a value is not what the forms
            allow (with the path to the value).

    >>> parsed = loads('[{"action": "hugepage"}]', "thp.json")
    >>> parsed.schemes[0].action, parsed.monitoring
    (<Action.HUGEPAGE: 'hugepage'>, None)
    """
    return read(tree.parse(text, source, warn))


def read(top: Node) -> Parsed:
    """Read what was parsed already; damo's YAML and its command line have the same form.

    Raises:
        InputError: If a value is not what the forms allow (with the path to the value).
    """
    if isinstance(top.value, list):
        if any(isinstance(item, dict) and "contexts" in item for item in top.value):
            # What `damo report damon --json` prints, and the file beside a recording.
            return _kdamonds(Node(top.value, "kdamonds", top.source, top.warn))
        # This form has no intervals: its counts are in damo's default intervals.
        schemes = Node(top.value, "schemes", top.source, top.warn).items()
        return Parsed(schemes=tuple(scheme(node, Intervals()) for node in schemes))
    alone = top.value if isinstance(top.value, dict) and "kdamonds" not in top.value else {}
    if "contexts" in alone:
        return _kdamonds(Node([alone], "kdamonds", top.source, top.warn))
    if {"action", "access_pattern"} & alone.keys():
        return Parsed(schemes=(scheme(top, Intervals()),))
    if isinstance(alone.get("schemes"), list) and not {"ops", "intervals"} & alone.keys():
        raise top.error("'schemes' is no form of damo: give its list alone, which begins with [")
    return _kdamonds(
        top.members(required={"kdamonds": '[{"contexts": []}]'}, ignored=NOTES)["kdamonds"]
    )

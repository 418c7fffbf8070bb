"""Reads the command line that starts schemes, ``damo start ...``, as it stands in scripts and posts.

`autotune.formats.damo_args` writes it. Damo gives the n-th use of an option to the n-th scheme. If the
command has ``--damos_scheme``, an option belongs to the scheme after which it stands.

Source: damo 3.4.3.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from autotune.errors import InputError, Where
from autotune.formats.damo_json import tree
from autotune.formats.warn import Warn, ignore

_COMMANDS = frozenset({"start", "tune", "schemes", "record"})
_COMMAND = re.compile(
    r"(?:^|[\s/])damo(?:\.py)?\s+(?:start|tune|schemes|record)\b.*--\w"
    r"|\b(?:start|tune|schemes)\s(?:[^\n]*\s)?--damos_",
    re.DOTALL,
)
_PLACEHOLDER = re.compile(r"('[^'\n]*')|<[^<>\n]*>|\$\([^()\n]*\)|`[^`\n]*`|\$\{\w+\}|\$\w+")
_FILLED_IN = "0"
_DAMO = frozenset({"damo", "damo.py", _FILLED_IN})
"""What a command may begin with; a variable with damo's path is filled in."""
_MANY = -1
_ALIKE = 0.8
"""How alike an unknown option and a known one are, from 0 to 1, if the unknown one is a typing error."""
_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "-s": "--sample",
        "-a": "--aggr",
        "-u": "--updr",
        "-n": "--minr",
        "-m": "--maxr",
        "-r": "--regions",
        "-c": "--schemes",
        "-o": "--out",
    }
)
_OF_SCHEMES: Mapping[str, int] = MappingProxyType(
    {
        "--damos_action": _MANY,
        "--damos_sz_region": 2,
        "--damos_access_rate": 2,
        "--damos_age": 2,
        "--damos_apply_interval": 1,
        "--damos_quotas": _MANY,
        "--damos_quota_interval": 1,
        "--damos_quota_time": 1,
        "--damos_quota_space": 1,
        "--damos_quota_weights": 3,
        "--damos_wmarks": 5,
    }
)
"""Options of which each scheme has one, with the number of their words; -1 is one or more."""

_REPEATED: Mapping[str, str] = MappingProxyType(
    {"--damos_quota_goal": "--damos_nr_quota_goals", "--damos_filter": "--damos_nr_filters"}
)
"""Options of which a scheme has several, each with the option that says how many."""

_OF_ALL: Mapping[str, int] = MappingProxyType(
    {
        "--ops": 1,
        "--target_pid": 1,
        "--regions": 1,
        "--monitoring_intervals": 3,
        "--sample": 1,
        "--aggr": 1,
        "--updr": 1,
        "--monitoring_nr_regions_range": 2,
        "--minr": 1,
        "--maxr": 1,
        "--monitoring_intervals_goal": 4,
        "--monitoring_intervals_autotune": 0,
        "--out": 1,
        "--damos_scheme": 0,
    }
)
_WORDS: Mapping[str, int] = MappingProxyType(
    {
        **_OF_SCHEMES,
        **_OF_ALL,
        **dict.fromkeys(_REPEATED, _MANY),
        **dict.fromkeys(_REPEATED.values(), _MANY),
    }
)
_AUTOTUNE = ("4%", "3", "5ms", "10s")
_NEEDS_NODE = frozenset({"node_mem_used_bp", "node_mem_free_bp"})
_NEEDS_CGROUP = frozenset({"node_memcg_used_bp", "node_memcg_free_bp"})


@dataclass
class _Options:
    """What stands on the command line.

    Attributes:
        values: By option, the words of each use.
        schemes: By option, the number of the scheme of each use, where ``--damos_scheme`` tells it.
        targets: The words that belong to no option.
    """

    values: dict[str, list[list[str]]] = field(default_factory=dict)
    schemes: dict[str, list[int]] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)

    def last(self, option: str) -> list[str] | None:
        """Give the words of an option that is there once."""
        uses = self.values.get(option)
        return uses[-1] if uses else None

    def of(self, option: str, number: int) -> list[str] | None:
        """Give the words of an option for a scheme; None if damo's default counts."""
        uses = self.values.get(option, [])
        if option in self.schemes:
            own = self.schemes[option]
            return uses[own.index(number)] if number in own else None
        return uses[number] if number < len(uses) else None

    def several(self, option: str, number: int, count: int) -> list[list[str]]:
        """Give all uses of a repeated option for a scheme, of *count* schemes."""
        uses = self.values.get(option, [])
        if option in self.schemes:
            return [
                use for use, own in zip(uses, self.schemes[option], strict=True) if own == number
            ]
        if count == 1 or not uses:
            return uses
        numbers = self.last(_REPEATED[option])
        if numbers is None or not all(word.isdecimal() for word in numbers):
            raise ValueError(f"{option}: several schemes need {_REPEATED[option]}: add it")
        counts = [*map(int, numbers), *[0] * count]
        start = sum(counts[:number])
        return uses[start : start + counts[number]]


def is_command(text: str) -> bool:
    """Say whether a text has a command line of damo that starts schemes."""
    return _COMMAND.search(_joined(text)) is not None


def parse(text: str, source: Path | str, warn: Warn = ignore) -> tree.Node:
    """Read the command line; give it as damo's full form.

    Args:
        text: Content of the file: one such command, and possibly other lines.
        source: Name of the file, for messages.
        warn: Called with one line about each key that is ignored.

    Raises:
        InputError: If there are several commands, or an option can't be read.
    """
    where = Where(source)
    commands = [row for row in _joined(text).split("\n") if _COMMAND.search(row)]
    if len(commands) != 1:
        raise InputError(f"has {len(commands)} damo commands: keep one", where)
    try:
        words = shlex.split(
            _PLACEHOLDER.sub(lambda found: found[1] or _FILLED_IN, commands[0]), comments=True
        )
        document = _document(_options(_arguments(words)))
    except ValueError as error:
        raise InputError(str(error), where) from error
    return tree.parse(json.dumps(document), source, warn)


def _joined(text: str) -> str:
    """Join lines at a backslash, and take prompts away."""
    rows = re.sub(r"\\[ \t]*\n", " ", text).split("\n")
    rows = [re.sub(r"^\s*[#$]\s+(?=(?:sudo\s|\S*damo))", "", row) for row in rows]
    return "\n".join(row for row in rows if not row.lstrip().startswith("#"))


def _arguments(words: Sequence[str]) -> list[str]:
    for index, word in enumerate(words[:-1]):
        if PurePosixPath(word).name in _DAMO and words[index + 1] in _COMMANDS:
            return list(words[index + 2 :])
    raise ValueError("no damo command: write damo start, then its options")


def _options(words: list[str]) -> _Options:
    found = _Options()
    marks = words.count("--damos_scheme")
    scheme = -1
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            found.targets.append(word)
            continue
        option, sign, value = word.partition("=")
        option = _SHORT.get(option, option)
        if option in {"--schemes", "--kdamonds"}:
            raise ValueError(f"{option} names a file of schemes: use that file instead")
        if option not in _WORDS:
            mistyped = get_close_matches(option, _WORDS, n=1, cutoff=_ALIKE)
            remedy = f"did you mean '{mistyped[0]}'?" if mistyped else "leave it out"
            raise ValueError(f"option {option} can't be read here: {remedy}")
        scheme += option == "--damos_scheme"
        most = _WORDS[option]
        if option == "--damos_action" and words:
            # Older releases of damo take one word, and the target may stand behind it.
            most = _MANY if words[0].startswith("migrate_") else 1
        given = [value] if sign else _taken(words, most)
        if len(given) < abs(_WORDS[option]):
            raise ValueError(f"{option} has {len(given)} words: it takes {abs(_WORDS[option])}")
        found.values.setdefault(option, []).append(given)
        if marks and (option in _OF_SCHEMES or option in _REPEATED):
            found.schemes.setdefault(option, []).append(scheme)
    return found


def _taken(words: list[str], most: int) -> list[str]:
    given: list[str] = []
    while words and len(given) != most and not re.match(r"--?[a-z]", words[0]):
        given.append(words.pop(0))
    return given


def _document(options: _Options) -> dict[str, Any]:
    marks = len(options.values.get("--damos_scheme", []))
    count = marks or len(options.values.get("--damos_action", []))
    operations, pid = _target(options)
    regions = _regions(options.last("--regions"))
    if operations == "vaddr" and regions:
        operations = "fvaddr"
    context: dict[str, Any] = {
        "ops": operations,
        "targets": [{"pid": pid, "regions": regions}],
        **_monitoring(options),
        "schemes": [_scheme(options, number, count) for number in range(count)],
    }
    return {"kdamonds": [{"contexts": [context]}]}


def _target(options: _Options) -> tuple[str, str | None]:
    """Give the operations set and the process, as damo deduces them."""
    ops, process = options.last("--ops"), options.last("--target_pid")
    named = [word for word in options.targets if word != "paddr"]
    if len(options.targets) > 1:
        raise ValueError(
            f"{options.targets[1]} stands beside {options.targets[0]}: give one target"
        )
    operations = ops[0] if ops else ("vaddr" if named or process else "paddr")
    if operations == "paddr":
        return operations, None
    pid = process[0] if process else (named[0] if named and named[0].isdecimal() else _FILLED_IN)
    return operations, pid


def _regions(words: list[str] | None) -> list[dict[str, str]]:
    regions = []
    for word in words[0].split() if words else ():
        start, _, end = word.partition("-")
        regions.append({"start": start, "end": end})
    return regions


def _monitoring(options: _Options) -> dict[str, Any]:
    """Give what the command says of intervals and regions."""
    found: dict[str, Any] = {}
    singly = [options.last(option) for option in ("--sample", "--aggr", "--updr")]
    intervals = options.last("--monitoring_intervals")
    goal = options.last("--monitoring_intervals_goal")
    if options.last("--monitoring_intervals_autotune") is not None:
        goal = list(_AUTOTUNE)
    if intervals or goal or any(singly):
        times = intervals or ["5ms", "100ms", "1s"]
        times = [own[0] if own else time for own, time in zip(singly, times, strict=True)]
        found["intervals"] = dict(
            zip(("sample_us", "aggr_us", "ops_update_us"), times, strict=True)
        )
    if goal:
        names = ("access_bp", "aggrs", "min_sample_us", "max_sample_us")
        found["intervals"]["intervals_goal"] = dict(zip(names, goal, strict=True))
    ends = [options.last(option) for option in ("--minr", "--maxr")]
    bounds = options.last("--monitoring_nr_regions_range")
    if bounds or any(ends):
        usual = bounds or ["10", "1000"]
        both = [own[0] if own else bound for own, bound in zip(ends, usual, strict=True)]
        found["nr_regions"] = dict(zip(("min", "max"), both, strict=True))
    return found


def _range(words: list[str] | None) -> dict[str, str]:
    low, high = words or ("min", "max")
    return {"min": low, "max": high}


def _scheme(options: _Options, number: int, count: int) -> dict[str, Any]:
    action, *place = options.of("--damos_action", number) or ["stat"]
    scheme: dict[str, Any] = {
        "action": action,
        "access_pattern": {
            "sz_bytes": _range(options.of("--damos_sz_region", number)),
            "nr_accesses": _range(options.of("--damos_access_rate", number)),
            "age": _range(options.of("--damos_age", number)),
        },
    }
    if len(place) == 1:
        scheme["target_nid"] = place[0]
    elif place:
        scheme["dests"] = [
            {"id": node, "weight": weight}
            for node, weight in zip(place[::2], place[1::2], strict=False)
        ]
    if (interval := options.of("--damos_apply_interval", number)) is not None:
        scheme["apply_interval_us"] = interval[0]
    if (marks := options.of("--damos_wmarks", number)) is not None:
        names = ("metric", "interval_us", "high_permil", "mid_permil", "low_permil")
        scheme["watermarks"] = dict(zip(names, marks, strict=True))
    if (quota := _quota(options, number)) is not None:
        goals = options.several("--damos_quota_goal", number, count)
        scheme["quotas"] = {**quota, "goals": [_goal(words) for words in goals]}
    elif options.several("--damos_quota_goal", number, count):
        raise ValueError(
            "a quota goal without a reset interval does nothing: add --damos_quota_interval"
        )
    filters = options.several("--damos_filter", number, count)
    scheme["filters"] = [_filter(words) for words in filters]
    return scheme


def _quota(options: _Options, number: int) -> dict[str, Any] | None:
    given = options.of("--damos_quotas", number)
    interval = options.of("--damos_quota_interval", number)
    if given is None and interval is None:
        return None
    if given is None and interval is not None:
        time = options.of("--damos_quota_time", number) or ["0"]
        space = options.of("--damos_quota_space", number) or ["0"]
        weights = options.of("--damos_quota_weights", number) or ["1", "1", "1"]
        given = [*time, *space, *interval, *weights]
    words = [*(given or []), *["0", "0", "max", "0", "0", "0"][len(given or []) :]]
    return {
        "time_ms": words[0],
        "sz_bytes": words[1],
        "reset_interval_ms": words[2],
        "weights": dict(
            zip(("sz_permil", "nr_accesses_permil", "age_permil"), words[3:6], strict=True)
        ),
    }


def _goal(words: list[str]) -> dict[str, Any]:
    if len(words) < 2:
        raise ValueError("--damos_quota_goal has no target value: write METRIC and VALUE")
    metric, target, *others = words
    goal: dict[str, Any] = {"metric": metric, "target_value": target, "current_value": "0"}
    if others and others[0] == "complement":
        goal["complement"] = True
        others = others[1:]
    names: tuple[str, ...] = ()
    if metric == "user_input":
        names = ("current_value",)
    elif metric in _NEEDS_NODE:
        names = ("nid",)
    elif metric in _NEEDS_CGROUP:
        names = ("nid", "memcg_path")
    if len(others) != len(names):
        raise ValueError(f"--damos_quota_goal {metric} has {len(words)} words: see damo's manual")
    return {**goal, **dict(zip(names, others, strict=True))}


def _filter(words: list[str]) -> dict[str, Any]:
    """Read a filter in the notation of today, or in that of before damo 2.6.4."""
    if words and words[0] in {"allow", "reject", "deny", "block"}:
        allow, rest = words[0] == "allow", words[1:]
        matching = not (rest and rest[0] in {"non", "none"})
        rest = rest if matching else rest[1:]
    else:
        allow = words[-1] in {"allow", "pass"}
        kept = words[:-1] if allow or words[-1] in {"reject", "deny", "block"} else words
        matching = len(kept) > 1 and kept[1] == "matching"
        rest = [*kept[:1], *kept[2:]]
    if not rest:
        raise ValueError("--damos_filter names no type: write allow or reject, then a type")
    kind, *values = rest
    found: dict[str, Any] = {"filter_type": kind, "matching": matching, "allow": allow}
    if kind == "memcg" and len(values) == 1:
        found["memcg_path"] = values[0]
    elif kind == "addr" and len(values) == 2:
        found["address_range"] = {"start": values[0], "end": values[1]}
    elif kind == "target" and len(values) == 1:
        found["damon_target_idx"] = values[0]
    elif kind == "hugepage_size" and len(values) == 2:
        found["hugepage_size"] = values
    elif values:
        raise ValueError(
            f"--damos_filter {kind}: can't tell what '{' '.join(values)}' means: leave it out"
        )
    return found

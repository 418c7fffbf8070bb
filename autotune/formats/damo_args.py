"""Schemes as the command line that starts them: ``damo start TARGET ...``.

Damo gives the n-th use of an option to the n-th scheme, wherever the option stands. So an option that a
scheme needs is written for every scheme. How often an option repeats within a scheme is written as
``--damos_nr_filters`` and ``--damos_nr_quota_goals``.

Source: damo 3.4.3. Damo 2.6.4 and later read these options.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence

from autotune.damon.damos import Filter, Quota, QuotaGoal, Scheme
from autotune.damon.monitoring import Monitoring, Target
from autotune.formats import damo_notation as notation

PLACEHOLDER = '"$PID"'
"""Stands for a process that is filled in later."""


def _target(target: Target) -> list[str]:
    words = []
    if target.pid is None:
        words.append(target.operations.value)
    else:
        words.append(str(target.pid) if target.pid else PLACEHOLDER)
    if target.regions:
        # Damo takes a process with regions for `fvaddr`, and a process without regions for `vaddr`.
        regions = " ".join(f"{start}-{end}" for start, end in target.regions)
        words += ["--regions", shlex.quote(regions)]
    return words


def _monitoring(monitoring: Monitoring) -> list[str]:
    intervals = monitoring.intervals
    times = (intervals.sampling_us, intervals.aggregation_us, intervals.update_us)
    return [
        "--monitoring_intervals",
        *map(notation.time_text, times),
        "--monitoring_nr_regions_range",
        str(monitoring.min_regions),
        str(monitoring.max_regions),
    ]


def _pattern(scheme: Scheme) -> list[str]:
    pattern = scheme.pattern
    action = [scheme.action.value]
    if scheme.target_nid is not None:
        action.append(str(scheme.target_nid))
    sizes, ages = (pattern.size_bytes.min, pattern.size_bytes.max), pattern.age_us
    return [
        "--damos_action",
        *action,
        "--damos_sz_region",
        *map(notation.size_text, sizes),
        "--damos_access_rate",
        notation.rate_text(pattern.access_rate.min),
        notation.rate_text(pattern.access_rate.max),
        "--damos_age",
        notation.time_text(ages.min),
        notation.time_text(ages.max),
    ]


def _quota(quota: Quota | None) -> list[str]:
    if quota is None:
        return ["--damos_quotas", "0ms", "0B", "0ms", "0", "0", "0"]
    weights = quota.weights
    return [
        "--damos_quotas",
        notation.time_text(quota.time_us) if quota.time_us else "0ms",
        notation.size_text(quota.size_bytes or 0),
        notation.time_text(quota.reset_interval_us),
        *map(str, (weights.size, weights.access_rate, weights.age)),
    ]


def _goal(goal: QuotaGoal) -> list[str]:
    words = ["--damos_quota_goal", goal.metric.value, str(goal.target_value)]
    if goal.metric.value == "user_input":
        words.append(str(goal.current_value))
    if goal.nid is not None:
        words.append(str(goal.nid))
    if goal.memcg_path is not None:
        words.append(_path("quota.goals.memcg_path", goal.memcg_path))
    return words


def _watermarks(scheme: Scheme) -> list[str]:
    if (watermarks := scheme.watermarks) is None:
        return ["--damos_wmarks", "none", "0us", "0", "0", "0"]
    shares = (watermarks.high, watermarks.mid, watermarks.low)
    return [
        "--damos_wmarks",
        "free_mem_rate",
        notation.time_text(watermarks.interval_us),
        *(shlex.quote(str(notation.permille_number(share))) for share in shares),
    ]


def _path(name: str, path: str) -> str:
    if path.startswith("-"):
        raise ValueError(f"{name} is '{path}': damo takes a word with - in front for an option")
    return shlex.quote(path)


def _filter(item: Filter) -> list[str]:
    words = ["--damos_filter", "allow" if item.allow else "reject"]
    if not item.matching:
        words.append("none")
    words.append(item.type.value)
    if item.memcg_path is not None:
        words.append(_path("filters.memcg_path", item.memcg_path))
    for bounds in (item.address_range, item.size_range):
        if bounds is not None:
            words += map(str, bounds)
    if item.target_index is not None:
        words.append(str(item.target_index))
    return words


def _for_all(
    schemes: Sequence[Scheme],
    used: Callable[[Scheme], bool],
    written: Callable[[Scheme], list[str]],
) -> list[list[str]]:
    """Write an option for all schemes if a scheme uses it, otherwise for none."""
    anywhere = any(map(used, schemes))
    return [written(scheme) if anywhere else [] for scheme in schemes]


def _numbers(option: str, counts: Sequence[int]) -> list[str]:
    return [option, *map(str, counts)] if len(counts) > 1 and any(counts) else []


def command_line(schemes: Iterable[Scheme], monitoring: Monitoring, target: Target) -> str:
    """Write one shell command. A process that is filled in later (0) is written as ``"$PID"``.

    Damo rounds towards 0 what lies between two samples or aggregation intervals: give schemes as
    `autotune.damon.kernel_units.on_grid` gives them.

    Raises:
        ValueError: If a scheme has more than one filter (damo 3.4.3 refuses a second
            ``--damos_filter`` for a scheme), or a path that looks like an option.

    >>> from autotune.damon.damos import Action
    >>> command_line([Scheme(action=Action.STAT)], Monitoring(), Target(pid=42))[:59]
    'damo start 42 --monitoring_intervals 5ms 100ms 1s --monitor'
    """
    schemes = tuple(schemes)
    for scheme in schemes:
        if len(scheme.filters) > 1:
            raise ValueError(
                f"filters: a scheme has {len(scheme.filters)}, and damo's command line takes one a "
                "scheme; use damo's JSON"
            )
    intervals = _for_all(
        schemes,
        lambda scheme: scheme.apply_interval_us > 0,
        lambda scheme: ["--damos_apply_interval", notation.time_text(scheme.apply_interval_us)],
    )
    quotas = _for_all(
        schemes, lambda scheme: scheme.quota is not None, lambda scheme: _quota(scheme.quota)
    )
    watermarks = _for_all(schemes, lambda scheme: scheme.watermarks is not None, _watermarks)
    words = ["damo", "start", *_target(target), *_monitoring(monitoring)]
    for scheme, *options in zip(schemes, intervals, quotas, watermarks, strict=True):
        words += _pattern(scheme)
        for option in options:
            words += option
        for goal in scheme.quota.goals if scheme.quota else ():
            words += _goal(goal)
        for item in scheme.filters:
            words += _filter(item)
    goals = [len(scheme.quota.goals) if scheme.quota else 0 for scheme in schemes]
    words += _numbers("--damos_nr_quota_goals", goals)
    words += _numbers("--damos_nr_filters", [len(scheme.filters) for scheme in schemes])
    return " ".join(words)

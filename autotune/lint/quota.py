"""Warnings about a quota: its limits, its charge windows, and its goals."""

from __future__ import annotations

from autotune.damon.damos import MIGRATIONS, UNLIMITED, Action, GoalMetric, Quota
from autotune.damon.kernel_rules import GOAL_REACHED, goal_score
from autotune.lint.case import Case
from autotune.lint.warning import Code, Found
from autotune.units import format_duration, format_size

_LASTING = frozenset({Action.PAGEOUT, Action.HUGEPAGE, Action.NOHUGEPAGE}) | MIGRATIONS
"""Actions whose effect lasts: without a quota at first, they have done all before the quota applies. The
places of pages in lists, which other actions change, go on changing."""


def limits(case: Case) -> Found:
    """Warn of limits and times that are rounded."""
    asked, grid = case.scheme.quota, case.grid.quota
    if asked is None or grid is None:
        return
    if asked.size_bytes is not None and asked.size_bytes != grid.size_bytes:
        yield (
            Code.QUOTA_UNALIGNED,
            f"quota size {format_size(asked.size_bytes)} is no whole number of pages: the kernel "
            "would never see it used up and begin at the lowest address each time: write "
            f"{format_size(grid.size_bytes or 0)}, as this program does",
        )
    for name, wanted, taken in (
        ("time", asked.time_us, grid.time_us),
        ("reset interval", asked.reset_interval_us, grid.reset_interval_us),
    ):
        if wanted is not None and wanted != taken:
            yield (
                Code.QUOTA_UNALIGNED,
                f"quota {name} {format_duration(int(wanted))} is no whole number of milliseconds: "
                f"write {format_duration(int(taken or 0))}, which is the same",
            )


def windows(case: Case) -> Found:
    """Warn of charge windows that are not what the reset interval seems to say."""
    quota, apply_us = case.grid.quota, case.apply_us
    if quota is None:
        return
    if quota.reset_interval_us == UNLIMITED:
        yield (
            Code.QUOTA_NEVER_RESETS,
            "the quota has no reset interval, and nothing is limited before the first one is over: "
            "give one, such as 1s",
        )
        return
    reset_us = int(quota.reset_interval_us)
    every = format_duration(apply_us)
    if reset_us == 0:
        yield (
            Code.QUOTA_EVERY_PASS,
            f"without a reset interval (0) the quota is for each pass, one every {every}: give the "
            "time that it is meant for, such as 1s",
        )
        return
    window_us = -(-reset_us // apply_us) * apply_us
    if window_us != reset_us:
        yield (
            Code.QUOTA_WINDOW_ROUNDS,
            f"quotas are reset only when the scheme is applied, every {every}: reset interval "
            f"{format_duration(reset_us)} lasts {format_duration(window_us)}: write that, or a "
            f"multiple of {every}",
        )
    if _first_window_decides(case, quota, window_us):
        age_us = case.kernel.age[0] * case.aggregation_us
        shorter = ", or give a reset interval shorter than min age" if age_us > apply_us else ""
        yield (
            Code.QUOTA_FIRST_WINDOW,
            f"the first {format_duration(window_us)} have no quota, and memory of min age "
            f"{format_duration(age_us)} already matches in them: raise min age above "
            f"{format_duration(window_us)}{shorter}",
        )


def _first_window_decides(case: Case, quota: Quota, window_us: int) -> bool:
    """Say whether the quota comes too late: the action is done on all memory in the first window."""
    if case.scheme.action not in _LASTING:
        return False
    # The first window begins with the first pass, and its last pass comes one window after the start. No
    # region is older than the monitoring.
    if case.kernel.age[0] * case.aggregation_us > window_us:
        return False
    known = case.known
    if quota.size_bytes is None or quota.goals or not known.size_bytes or not known.runtime_us:
        return True
    n_windows = -(-known.runtime_us // window_us)
    return quota.size_bytes * n_windows < known.size_bytes


def goals(case: Case) -> Found:
    """Warn of goals whose current value never changes by itself."""
    quota = case.limited
    given = quota.goals if quota is not None else ()
    if given and all(goal.metric is GoalMetric.USER_INPUT for goal in given):
        short = all(
            goal_score(goal.current_value, goal.target_value) < GOAL_REACHED for goal in given
        )
        yield (
            Code.QUOTA_GOAL_STATIC,
            f"goal user_input keeps its current value of {given[0].current_value} until something "
            f"writes another, and the quota {'grows to no limit' if short else 'falls to nothing'}: "
            "write it every reset interval, or use a metric that the kernel reads",
        )

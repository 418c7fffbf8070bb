"""Warnings about features that came after Linux 6.12."""

from __future__ import annotations

from autotune.damon.damos import FilterType, GoalMetric
from autotune.lint.case import Case
from autotune.lint.warning import Code, Found

_FILTERS_SINCE = {
    FilterType.ACTIVE: "6.15",
    FilterType.HUGEPAGE_SIZE: "6.15",
    FilterType.UNMAPPED: "6.15",
}
_GOALS_SINCE = {
    GoalMetric.NODE_MEM_USED_BP: "6.16",
    GoalMetric.NODE_MEM_FREE_BP: "6.16",
    GoalMetric.NODE_MEMCG_USED_BP: "6.19",
    GoalMetric.NODE_MEMCG_FREE_BP: "6.19",
    GoalMetric.ACTIVE_MEM_BP: "7.0",
    GoalMetric.INACTIVE_MEM_BP: "7.0",
}


def requirements(case: Case) -> Found:
    """Warn of features that Linux 6.12 doesn't have."""
    needs = [
        (f"filter {item.type.value}", since)
        for item in case.scheme.filters
        if (since := _FILTERS_SINCE.get(item.type)) is not None
    ]
    needs += [("a filter that allows", "6.14") for item in case.scheme.filters if item.allow]
    needs += [
        (f"goal {goal.metric.value}", since)
        for goal in (case.scheme.quota.goals if case.scheme.quota is not None else ())
        if (since := _GOALS_SINCE.get(goal.metric)) is not None
    ]
    for what, since in dict.fromkeys(needs):
        yield (
            Code.NEWER_KERNEL,
            f"{what} needs Linux {since}, and 6.12 has none: leave it out there",
        )

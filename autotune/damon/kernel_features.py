"""What came to DAMON's files with later releases of Linux, and what to do where it is missing.

A feature of a later kernel is a row of `FEATURES`. Staging refuses a scheme that asks for what the
running kernel lacks. The doctor says what that kernel lacks. Lint warns of what came after Linux 6.12.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from autotune.damon.damos import FilterType, GoalMetric


class Release(NamedTuple):
    """A release of Linux. Later ones are greater.

    >>> str(Release(6, 9)), Release(6, 9) < Release(6, 12)
    ('6.9', True)
    """

    major: int
    minor: int

    def __str__(self) -> str:
        """Write it as Linux does."""
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that a kernel may be too old for.

    Attributes:
        name: What it is, for people.
        files: Below a scheme's folder, N stands for a number; any of them shows the feature.
        word: The word that the file must take; None if the file itself is enough.
        since: The first release that has it. Whether it is there, only the file says: it may have been
            brought to an older kernel.
        absence: The value that the lack of the file amounts to; None if no value does.
        remedy: What to do without it; empty if nothing is lost.
        reason: What says the release: a name in the list of features that the tool damo keeps.
    """

    name: str
    files: tuple[str, ...]
    word: str | None = None
    since: Release
    absence: str | None = None
    remedy: str
    reason: str

    @property
    def in_every_scheme(self) -> bool:
        """Whether a scheme's folder shows it also where there is no goal and no filter."""
        return self.word is None and not any(
            "N" in PurePosixPath(file).parts for file in self.files
        )


OTHER_WORDS: Final = {
    "action": "another action",
    "target_metric": "another goal",
    "type": "another filter",
    "metric": "no watermarks",
}
"""Files that take one of the words that a kernel knows, and what to use instead of a word."""


def _filter(kind: FilterType, since: Release, reason: str) -> Feature:
    return Feature(
        name=f"filter {kind.value}",
        files=("filters/N/type",),
        word=kind.value,
        since=since,
        remedy=f"use {OTHER_WORDS['type']}",
        reason=reason,
    )


def _goal(metric: GoalMetric, since: Release, reason: str) -> Feature:
    return Feature(
        name=f"goal {metric.value}",
        files=("quotas/goals/N/target_metric",),
        word=metric.value,
        since=since,
        remedy=f"use {OTHER_WORDS['target_metric']}",
        reason=reason,
    )


_NODE_GOALS = "sysfs/schemes_quota_goal_node_mem_used_free"
_GROUP_GOALS = "sysfs/schemes_quota_goal_node_memcg_used_free"
_LRU_GOALS = "sysfs/damos_quota_goal_in_active_mem_bp"

SPLIT_FILTERS: Final = Feature(
    name="a folder for each kind of filter",
    files=("core_filters",),
    since=Release(6, 15),
    remedy="",
    reason="sysfs/schemes_filters_core_ops_dirs",
)
"""Filters on regions and on pages have a folder each, and the one for both is deprecated."""

FEATURES: Final = (
    Feature(
        name="apply intervals",
        files=("apply_interval_us",),
        since=Release(6, 7),
        absence="0",
        remedy="leave apply_interval_us at 0",
        reason="sysfs/schemes_apply_interval",
    ),
    Feature(
        name="quota goals",
        files=("quotas/goals/nr_goals",),
        since=Release(6, 8),
        absence="0",
        remedy="leave the goals out",
        reason="sysfs/schemes_quota_goals",
    ),
    Feature(
        name="metrics of goals",
        files=("quotas/goals/N/target_metric",),
        since=Release(6, 9),
        absence=GoalMetric.USER_INPUT.value,
        remedy="use user_input",
        reason="sysfs/schemes_quota_goal_metric",
    ),
    Feature(
        name="goals of nodes",
        files=("quotas/goals/N/nid",),
        since=Release(6, 16),
        remedy="use another goal",
        reason=_NODE_GOALS,
    ),
    _goal(GoalMetric.NODE_MEM_USED_BP, Release(6, 16), _NODE_GOALS),
    _goal(GoalMetric.NODE_MEM_FREE_BP, Release(6, 16), _NODE_GOALS),
    Feature(
        name="goals of control groups",
        files=("quotas/goals/N/path",),
        since=Release(6, 19),
        remedy="use another goal",
        reason=_GROUP_GOALS,
    ),
    _goal(GoalMetric.NODE_MEMCG_USED_BP, Release(6, 19), _GROUP_GOALS),
    _goal(GoalMetric.NODE_MEMCG_FREE_BP, Release(6, 19), _GROUP_GOALS),
    _goal(GoalMetric.ACTIVE_MEM_BP, Release(7, 0), _LRU_GOALS),
    _goal(GoalMetric.INACTIVE_MEM_BP, Release(7, 0), _LRU_GOALS),
    Feature(
        name="filters",
        files=("filters/nr_filters", "core_filters/nr_filters"),
        since=Release(6, 3),
        absence="0",
        remedy="leave the filters out",
        reason="sysfs/schemes_filters",
    ),
    Feature(
        name="a filter that allows",
        files=("filters/N/allow",),
        since=Release(6, 14),
        absence="N",
        remedy="use filters that reject",
        reason="sysfs/allow_filter",
    ),
    SPLIT_FILTERS,
    _filter(FilterType.ACTIVE, Release(6, 15), "sysfs/schemes_filters_active"),
    _filter(FilterType.HUGEPAGE_SIZE, Release(6, 15), "sysfs/schemes_filters_hugepage_size"),
    _filter(FilterType.UNMAPPED, Release(6, 15), "sysfs/schemes_filters_unmapped"),
    Feature(
        name="target nodes",
        files=("target_nid",),
        since=Release(6, 11),
        remedy="use another action",
        reason="sysfs/schemes_migrate",
    ),
)
"""All features that anything here asks for. The doctor names them in this order."""

_BY_FILE: Final = {
    (PurePosixPath(file).name, feature.word): feature
    for feature in FEATURES
    for file in feature.files
}


def feature_of(path: str, word: str | None = None) -> Feature | None:
    """Find the feature that a file shows, or with *word* that the word shows which the file takes.

    Args:
        path: Its last name counts, since filters have three folders.
        word: One of the file's words.

    Returns:
        None if every kernel with DAMON's files has it.

    >>> str(feature_of("filters/0/type", "active").since), feature_of("filters/0/type", "anon")
    ('6.15', None)
    """
    return _BY_FILE.get((PurePosixPath(path).name, word))

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    check_meeting,
)
from autotune.damon.monitoring import OperationsSet

DOES_SOMETHING = {
    "pageout": {"vaddr", "fvaddr", "paddr"},
    "cold": {"vaddr", "fvaddr"},
    "willneed": {"vaddr", "fvaddr"},
    "hugepage": {"vaddr", "fvaddr"},
    "nohugepage": {"vaddr", "fvaddr"},
    "lru_prio": {"paddr"},
    "lru_deprio": {"paddr"},
    "migrate_hot": {"paddr"},
    "migrate_cold": {"paddr"},
    "stat": {"vaddr", "fvaddr", "paddr"},
}
"""The actions by where they do something, in Linux 6.12."""


def scheme(action: str, *filters: Filter) -> Scheme:
    return Scheme(
        action=Action(action),
        filters=filters,
        target_nid=1 if action.startswith("migrate") else None,
    )


def filter_of(kind: FilterType) -> Filter:
    return Filter(
        type=kind,
        memcg_path="/a" if kind is FilterType.MEMCG else None,
        address_range=(0, 4096) if kind is FilterType.ADDR else None,
        size_range=(0, 4096) if kind is FilterType.HUGEPAGE_SIZE else None,
        target_index=0 if kind is FilterType.TARGET else None,
    )


def refusal(refused: Scheme, operations: OperationsSet) -> str | None:
    """Why a scheme does nothing under an address space; None if it does something."""
    try:
        check_meeting(refused, operations)
    except ValueError as error:
        return str(error)
    return None


def where_it_should_be(action: str, space: str) -> str | None:
    where = DOES_SOMETHING[action]
    if space in where:
        return None
    places = " or ".join(place for place in ("vaddr", "fvaddr", "paddr") if place in where)
    return f"action {action} does nothing under {space}: use it with {places}"


def test_an_action_meets_an_address_space_where_it_does_something() -> None:
    pairs = [(action.value, space) for action in Action for space in OperationsSet]

    found = {(action, space.value): refusal(scheme(action), space) for action, space in pairs}

    assert found == {
        (action, space.value): where_it_should_be(action, space.value) for action, space in pairs
    }


def test_only_physical_address_spaces_have_filters_of_pages() -> None:
    found = {
        (kind, space): refusal(scheme("pageout", filter_of(kind)), space)
        for kind in FilterType
        for space in OperationsSet
    }

    assert found == {
        (kind, space): f"filter {kind.value} is ignored under {space.value}: it looks at pages, "
        "which only paddr does"
        if space is not OperationsSet.PADDR and kind not in {FilterType.ADDR, FilterType.TARGET}
        else None
        for kind in FilterType
        for space in OperationsSet
    }


@given(st.floats(1.0, allow_nan=False), st.floats(0.0, 1.0))
def test_a_share_of_all_samples_or_more_is_no_limit(high: float, low: float) -> None:
    pattern = AccessPattern(access_rate=Range(low, high))

    assert pattern.access_rate == Range(low, UNLIMITED)


def test_without_bounds_every_region_is_selected() -> None:
    assert AccessPattern() == AccessPattern(
        size_bytes=Range(0, UNLIMITED),
        access_rate=Range(0.0, UNLIMITED),
        age_us=Range(0, UNLIMITED),
    )


@pytest.mark.parametrize(
    "metric",
    [
        metric
        for metric in GoalMetric
        if "node" not in metric.value and "memcg" not in metric.value
    ],
)
def test_a_goal_of_the_whole_system_needs_no_place(metric: GoalMetric) -> None:
    assert QuotaGoal(metric=metric, target_value=1).nid is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AccessPattern(size_bytes=Range(-1)),
            "size_bytes.min is -1: it must be a whole number of bytes, 0 or more",
        ),
        (
            lambda: AccessPattern(size_bytes=Range(0, 1.5)),
            "size_bytes.max is 1.5: it must be a whole number of bytes, 0 or more",
        ),
        (
            lambda: AccessPattern(age_us=Range(0, -1)),
            "age_us.max is -1: it must be a whole number of microseconds, 0 or more",
        ),
        (
            lambda: AccessPattern(age_us=Range(UNLIMITED)),  # type: ignore[arg-type]
            "age_us.min is unlimited: only an upper bound can be",
        ),
        (
            lambda: AccessPattern(age_us=Range(2, 1)),
            "age_us.min (2) is above age_us.max (1): nothing can match",
        ),
        (
            lambda: AccessPattern(size_bytes=Range(8192, 4096)),
            "size_bytes.min (8192) is above size_bytes.max (4096): nothing can match",
        ),
        (
            lambda: AccessPattern(access_rate=Range(0.5, 0.25)),
            "access_rate.min (0.5) is above access_rate.max (0.25): nothing can match",
        ),
        (
            lambda: AccessPattern(access_rate=Range(1.5)),
            "access_rate.min is 1.5: it must lie between 0 and 1",
        ),
        (
            lambda: AccessPattern(access_rate=Range(-0.1)),
            "access_rate.min is -0.1: it must lie between 0 and 1",
        ),
        (
            lambda: AccessPattern(access_rate=Range(math.nan)),
            "access_rate.min is nan: it must lie between 0 and 1",
        ),
        (
            lambda: AccessPattern(access_rate=Range(0.0, math.nan)),
            "access_rate.min (0.0) is above access_rate.max (nan): nothing can match",
        ),
        (
            lambda: Weights(age=-1),
            "weight age is -1: it must be from 0 to 4294967295",
        ),
        (
            lambda: Weights(access_rate=2**32),
            "weight access_rate is 4294967296: it must be from 0 to 4294967295",
        ),
        (
            lambda: QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=0),
            "goal target_value is 0: it must be 1 or more",
        ),
        (
            lambda: QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=1, current_value=-1),
            "goal current_value is -1: it must be 0 or more",
        ),
        (
            lambda: QuotaGoal(metric=GoalMetric.NODE_MEM_USED_BP, target_value=1),
            "goal nid belongs to node metrics only: node_mem_used_bp",
        ),
        (
            lambda: QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=1, nid=0),
            "goal nid belongs to node metrics only: some_mem_psi_us",
        ),
        (
            lambda: QuotaGoal(metric=GoalMetric.NODE_MEMCG_USED_BP, target_value=1, nid=0),
            "goal memcg_path belongs to control group metrics only: node_memcg_used_bp",
        ),
        (
            lambda: QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=1, memcg_path="/a"),
            "goal memcg_path belongs to control group metrics only: user_input",
        ),
        (
            lambda: Quota(weights=Weights(age=1)),
            "a quota needs a time, a size or a goal: leave it out for no limit",
        ),
        (
            lambda: Quota(time_us=0),
            "quota time_us is 0: it must be 1 or more, or left out",
        ),
        (
            lambda: Quota(size_bytes=-4096),
            "quota size_bytes is -4096: it must be 1 or more, or left out",
        ),
        (
            lambda: Quota(size_bytes=1, reset_interval_us=-1),
            "quota reset_interval_us is -1: it must be a whole number of microseconds, 0 or more",
        ),
        (
            lambda: Watermarks(interval_us=-1, high=0.5, mid=0.4, low=0.1),
            "watermarks interval_us is -1: it must be a whole number of microseconds, 0 or more",
        ),
        (
            lambda: Watermarks(interval_us=1, high=0.4, mid=0.5, low=0.1),
            "watermarks high 0.4, mid 0.5, low 0.1: they must be 1 >= high >= mid >= low >= 0",
        ),
        (
            lambda: Watermarks(interval_us=1, high=1.5, mid=0.5, low=0.1),
            "watermarks high 1.5, mid 0.5, low 0.1: they must be 1 >= high >= mid >= low >= 0",
        ),
        (
            lambda: Filter(type=FilterType.MEMCG),
            "filter memcg: memcg_path belongs to filters of type memcg, and to those always",
        ),
        (
            lambda: Filter(type=FilterType.ANON, address_range=(0, 4096)),
            "filter anon: address_range belongs to filters of type addr, and to those always",
        ),
        (
            lambda: Filter(type=FilterType.ADDR, address_range=(8192, 4096)),
            "filter addr: address_range (8192, 4096) is empty",
        ),
        (
            lambda: Filter(type=FilterType.HUGEPAGE_SIZE, size_range=(-1, 4096)),
            "filter hugepage_size: size_range (-1, 4096) is empty",
        ),
        (
            lambda: Filter(type=FilterType.TARGET, target_index=-1),
            "filter target: target_index is -1: count from 0",
        ),
        (
            lambda: Scheme(action=Action.STAT, apply_interval_us=-1),
            "apply_interval_us is -1: it must be a whole number of microseconds, 0 or more",
        ),
        (
            lambda: Scheme(action=Action.MIGRATE_HOT),
            "target_nid belongs to migrations, and to those always: migrate_hot",
        ),
        (
            lambda: Scheme(action=Action.PAGEOUT, target_nid=0),
            "target_nid belongs to migrations, and to those always: pageout",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()

"""Each option against what damo's documentation says of it; `test_damo_oracle` has damo read them."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given

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
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.formats.damo_args import command_line
from tests.strategies import PATHS

PRCL = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(10_000_000)
    ),
)
STAT = Scheme(action=Action.STAT)
ANON = Filter(type=FilterType.ANON)
QUOTA = Quota(time_us=10_000, size_bytes=128 << 20, weights=Weights(access_rate=300, age=700))
WATERMARKS = Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.0005)


def options(*schemes: Scheme, target: Target | None = None) -> str:
    """What follows the fixed beginning."""
    line = command_line(schemes, Monitoring(), target or Target(pid=1234))
    beginning = (
        "damo start 1234 --monitoring_intervals 5ms 100ms 1s --monitoring_nr_regions_range 10 1000"
    )
    assert line.startswith(beginning)
    return line.removeprefix(beginning).strip()


def test_a_plain_scheme_has_action_size_rate_and_age() -> None:
    assert options(PRCL) == (
        "--damos_action pageout --damos_sz_region 4K max --damos_access_rate 0% 0% "
        "--damos_age 10s max"
    )


def test_monitoring_alone_has_no_scheme_options() -> None:
    assert options() == ""


def test_an_unlimited_rate_is_written_as_200_percent() -> None:
    assert "--damos_access_rate 0% 200%" in options(STAT)


@pytest.mark.parametrize(
    ("scheme", "option"),
    [
        (replace(PRCL, quota=QUOTA), "--damos_quotas 10ms 128M 1s 0 300 700"),
        (
            replace(PRCL, quota=Quota(size_bytes=4096, reset_interval_us=UNLIMITED)),
            "--damos_quotas 0ms 4K max 0 0 0",
        ),
        (
            replace(PRCL, watermarks=WATERMARKS),
            "--damos_wmarks free_mem_rate 5s 500 400 '0.05 %'",
        ),
        (replace(PRCL, apply_interval_us=1_000_000), "--damos_apply_interval 1s"),
        (replace(PRCL, filters=(ANON,)), "--damos_filter reject anon"),
        (
            replace(PRCL, filters=(replace(ANON, matching=False, allow=True),)),
            "--damos_filter allow none anon",
        ),
        (
            replace(PRCL, filters=(Filter(type=FilterType.ADDR, address_range=(0, 4096)),)),
            "--damos_filter reject addr 0 4096",
        ),
        (
            replace(PRCL, filters=(Filter(type=FilterType.MEMCG, memcg_path="/a b"),)),
            "--damos_filter reject memcg '/a b'",
        ),
    ],
)
def test_an_option_follows_the_age(scheme: Scheme, option: str) -> None:
    assert options(scheme) == f"{options(PRCL)} {option}"


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (
            QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=7, current_value=3),
            "user_input 7 3",
        ),
        (QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=7), "some_mem_psi_us 7"),
        (
            QuotaGoal(metric=GoalMetric.NODE_MEM_USED_BP, target_value=9970, nid=1),
            "node_mem_used_bp 9970 1",
        ),
        (
            QuotaGoal(
                metric=GoalMetric.NODE_MEMCG_FREE_BP, target_value=5, nid=0, memcg_path="/a"
            ),
            "node_memcg_free_bp 5 0 /a",
        ),
    ],
)
def test_a_goal_has_the_arguments_of_its_metric(goal: QuotaGoal, words: str) -> None:
    scheme = replace(PRCL, quota=Quota(goals=(goal,)))

    assert options(scheme).endswith(f"--damos_quotas 0ms 0B 1s 0 0 0 --damos_quota_goal {words}")


def test_a_migration_has_its_node_behind_it() -> None:
    line = options(Scheme(action=Action.MIGRATE_COLD, target_nid=1))

    assert line.startswith("--damos_action migrate_cold 1 --damos_sz_region")


def test_what_one_scheme_needs_is_written_for_all() -> None:
    line = options(
        PRCL,
        replace(
            STAT, quota=QUOTA, watermarks=WATERMARKS, apply_interval_us=1_000, filters=(ANON,)
        ),
    )

    for option in ("quotas", "wmarks", "apply_interval", "sz_region", "access_rate", "age"):
        assert shlex.split(line).count(f"--damos_{option}") == 2
    assert "--damos_quotas 0ms 0B 0ms 0 0 0" in line
    assert "--damos_wmarks none 0us 0 0 0" in line
    assert "--damos_apply_interval 0us" in line
    assert line.endswith("--damos_nr_filters 0 1")


def test_goals_are_counted_for_each_of_several_schemes() -> None:
    goal = QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=7)

    line = options(replace(PRCL, quota=Quota(goals=(goal, goal))), STAT)

    assert line.endswith("--damos_nr_quota_goals 2 0")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(pid=0), '"$PID"'),
        (Target(operations=OperationsSet.PADDR, pid=None), "paddr"),
        (
            Target(operations=OperationsSet.PADDR, pid=None, regions=((0, 10), (20, 30))),
            "paddr --regions '0-10 20-30'",
        ),
        (
            Target(operations=OperationsSet.FVADDR, pid=5, regions=((0, 10),)),
            "5 --regions 0-10",
        ),
    ],
)
def test_the_target_stands_first(target: Target, words: str) -> None:
    line = command_line([], Monitoring(), target)

    assert line.startswith(f"damo start {words} --monitoring_intervals")


def test_the_monitoring_attributes_are_written_with_units() -> None:
    monitoring = Monitoring(
        intervals=Intervals(sampling_us=500, aggregation_us=2_000_000, update_us=60_000_000),
        min_regions=3,
        max_regions=7,
    )

    assert command_line([], monitoring, Target(pid=1)) == (
        "damo start 1 --monitoring_intervals 500us 2s 1m --monitoring_nr_regions_range 3 7"
    )


@given(PATHS)
def test_a_shell_gives_damo_the_path_as_it_is(path: str) -> None:
    scheme = replace(PRCL, filters=(Filter(type=FilterType.MEMCG, memcg_path=path),))

    assert shlex.split(options(scheme))[-1] == path


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (
            (ANON, ANON),
            "filters: a scheme has 2, and damo's command line takes one a scheme; use damo's JSON",
        ),
        (
            (Filter(type=FilterType.MEMCG, memcg_path="-x"),),
            "filters.memcg_path is '-x': damo takes a word with - in front for an option",
        ),
    ],
)
def test_what_damo_would_not_read_is_refused(filters: tuple[Filter, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        options(replace(PRCL, filters=filters))

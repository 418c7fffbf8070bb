"""Commands as posts, mails and scripts have them; `test_damo_oracle` has damo read what we write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from autotune.damon.damos import Action, FilterType, Range, Weights
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.errors import InputError
from autotune.formats import damo_args, damo_command, damo_json
from tests.formats.test_damo_oracle import settings_on_grid

OPTIONS = (
    "--damos_access_rate 0 0 --damos_sz_region 4K max --damos_age 60s max --damos_action pageout"
)


def read(text: str) -> damo_json.Parsed:
    return damo_json.read(damo_command.parse(text, "x"))


@given(settings_on_grid(max_filters=1))
def test_what_is_written_reads_the_same(case: tuple[Monitoring, Target, list[object]]) -> None:
    monitoring, target, written = case
    if target.operations is OperationsSet.FVADDR and not target.regions:
        target = replace(target, operations=OperationsSet.VADDR)

    parsed = read(damo_args.command_line(written, monitoring, target))  # type: ignore[arg-type]

    assert (parsed.monitoring, parsed.target) == (monitoring, target)
    again = damo_args.command_line(parsed.schemes, monitoring, target)
    assert again == damo_args.command_line(written, monitoring, target)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (f"damo start {OPTIONS} 1234", Target(pid=1234)),
        (f"    $ sudo ./damo/damo start {OPTIONS} \\\n      <pid of your workload>\n", Target()),
        (f"# damo schemes {OPTIONS} --target_pid $(pidof redis)", Target()),
        (f'#!/bin/sh\nset -e\ndamo start "$PID" {OPTIONS}\n', Target()),
        (f"damo start {OPTIONS}", Target(operations=OperationsSet.PADDR, pid=None)),
        (f"damo start --ops=paddr {OPTIONS}", Target(operations=OperationsSet.PADDR, pid=None)),
        (
            f"damo start 7 {OPTIONS} --regions '4096-8192'",
            Target(operations=OperationsSet.FVADDR, pid=7, regions=((4096, 8192),)),
        ),
    ],
)
def test_a_pasted_command_is_read(text: str, target: Target) -> None:
    assert damo_command.is_command(text)

    parsed = read(text)

    assert parsed.target == target
    (scheme,) = parsed.schemes
    assert scheme.action is Action.PAGEOUT
    assert scheme.pattern.age_us == Range(60_000_000)
    assert scheme.pattern.access_rate == Range(0.0, 0.0)
    assert parsed.monitoring is None


def test_intervals_and_regions_are_read_singly_too() -> None:
    monitoring = read(f"damo start 1 -a 200ms --minr 20 {OPTIONS}").monitoring

    assert monitoring == Monitoring(intervals=Intervals(aggregation_us=200_000), min_regions=20)


def test_the_parts_of_a_quota_have_damos_defaults() -> None:
    (scheme,) = read(
        f"damo start 1 {OPTIONS} --damos_quota_interval 1s --damos_quota_space 200MB"
    ).schemes

    assert scheme.quota is not None
    assert scheme.quota.size_bytes == 200 << 20
    assert scheme.quota.reset_interval_us == 1_000_000
    assert scheme.quota.weights == Weights(size=1, access_rate=1, age=1)


def test_options_belong_to_the_scheme_that_a_marker_begins() -> None:
    first, second = read(
        "damo start 1 --damos_scheme --damos_action stat "
        "--damos_scheme --damos_action pageout --damos_age 5s max --damos_filter reject young"
    ).schemes

    assert (first.action, first.pattern.age_us.min, first.filters) == (Action.STAT, 0, ())
    assert (second.action, second.pattern.age_us.min) == (Action.PAGEOUT, 5_000_000)
    assert second.filters[0].type is FilterType.YOUNG


@pytest.mark.parametrize(
    ("words", "type_", "matching", "allow"),
    [
        ("reject anon", FilterType.ANON, True, False),
        ("allow none anon", FilterType.ANON, False, True),
        ("anon matching", FilterType.ANON, True, False),
        ("memcg nomatching /a allow", FilterType.MEMCG, False, True),
    ],
)
def test_filters_are_read_in_both_notations(
    words: str, type_: FilterType, matching: bool, allow: bool
) -> None:
    (scheme,) = read(f"damo start 1 {OPTIONS} --damos_filter {words}").schemes

    (found,) = scheme.filters
    assert (found.type, found.matching, found.allow) == (type_, matching, allow)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"damo start 1 {OPTIONS} --damos_agee 5s max",
            "x: option --damos_agee can't be read here: did you mean '--damos_age'?",
        ),
        (
            f"damo start 1 {OPTIONS}\ndamo start 2 {OPTIONS}",
            "x: has 2 damo commands: keep one",
        ),
        (
            f"damo start 1 {OPTIONS} --monitoring_intervals_autotune",
            "x: kdamonds[0].contexts[0].intervals.intervals_goal: this feature of damo is not "
            "supported here: leave it out",
        ),
        (
            f"damo start 1 {OPTIONS} --damos_quota_goal some_mem_psi_us 1ms",
            "x: a quota goal without a reset interval does nothing: add --damos_quota_interval",
        ),
        (
            "damo start --schemes a.json",
            "x: --schemes names a file of schemes: use that file instead",
        ),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)

    assert str(caught.value) == message

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotune.damon.damos import (
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    SchemeStats,
    Watermarks,
)
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.experiment.conditions import Conditions, SchemeConditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.recommendation.inaction import Cause, Reason, reasons, sentence, shared
from autotune.testing import measurement, pattern, prcl

MIB = 1 << 20
TRIED = SchemeStats(tried_regions=9, tried_bytes=90 * MIB)
GATED = replace(prcl(), watermarks=Watermarks(interval_us=0, high=0.5, mid=0.4, low=0.2))
HOT = Scheme(action=Action.HUGEPAGE, pattern=AccessPattern(access_rate=Range(0.5)))
GOAL = Quota(goals=(QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=10_000),))


def met(*schemes: SchemeConditions, **fields: Any) -> Conditions:
    """Conditions of a run of ten seconds in which DAMON saw hot and cold memory, and all was usual."""
    usual: dict[str, Any] = {
        "monitored_s": 10.0,
        "aggregations": 100,
        "oldest_age_us": 9_000_000,
        "highest_access_rate": 1.0,
        "mean_access_rate": 0.9,
        "largest_region_bytes": 8 * MIB,
        "free_low": 0.6,
        "free_high": 0.7,
        "swap_total_bytes": 1024 * MIB,
        "huge_pages": "madvise",
    }
    return Conditions(schemes=schemes, **{**usual, **fields})


def one(**fields: Any) -> SchemeConditions:
    return SchemeConditions(**{"stats": SchemeStats(), "active_share": 1.0, **fields})


def why(
    scheme: Scheme,
    conditions: Conditions,
    operations: OperationsSet = OperationsSet.VADDR,
    **fields: Any,
) -> tuple[Reason, ...]:
    experiment = Experiment(
        workload=pattern(), monitoring=Monitoring(), schemes=(scheme,), operations=operations
    )
    return reasons(experiment, measurement(conditions=conditions, **fields))


@pytest.mark.parametrize(
    ("scheme", "conditions", "fields", "cause", "text"),
    [
        (
            GATED,
            met(one(active_share=0.0)),
            {},
            Cause.NEVER_ACTIVE,
            "never active: free memory (60 % to 70 % of all) stayed above the high watermark (50 %): "
            "raise the high and the mid watermark, or leave the watermarks out",
        ),
        (
            GATED,
            met(one(active_share=0.0), free_low=0.1, free_high=0.1),
            {},
            Cause.NEVER_ACTIVE,
            "never active: free memory (10 % of all) stayed below the low watermark (20 %): lower the "
            "low watermark, or leave the watermarks out",
        ),
        (
            GATED,
            met(one(active_share=0.0), free_low=0.45, free_high=0.7),
            {},
            Cause.NEVER_ACTIVE,
            "never active: free memory (45 % to 70 % of all) was not between the low (20 %) and the mid "
            "watermark (40 %): widen the watermarks, or leave the watermarks out",
        ),
        (
            prcl(min_age_us=120_000_000),
            met(one(matched=False)),
            {},
            Cause.TOO_YOUNG,
            "matched nothing: no region got older than 9 s in the 10 s of this run, and the min age is "
            "120 s: let the workload run longer, or lower the min age",
        ),
        (
            prcl(min_age_us=120_000_000),
            met(one(matched=False), looked_at=7),
            {},
            Cause.TOO_YOUNG,
            "matched nothing: no region got older than 9 s in the 10 s of this run (regions were looked "
            "at in 7 of 100 aggregation intervals), and the min age is 120 s: let the workload run "
            "longer, or lower the min age",
        ),
        (
            prcl(min_age_us=9_500_000),
            met(one(matched=False)),
            {},
            Cause.TOO_YOUNG,
            "matched nothing: no region got older than 9 s in the 10 s of this run, and the min age is "
            "9.5 s: lower the min age",
        ),
        (
            prcl(),
            met(one(matched=False, oldest_age_us=1_200_000)),
            {},
            Cause.NOT_TOGETHER,
            "matched nothing: no region with an access rate of 0 % to 0 % got older than 1.2 s, and the "
            "min age is 5 s: lower the min age, or widen the access rates",
        ),
        (
            prcl(min_age_us=60_000_000),
            met(one(), oldest_age_us=None, highest_access_rate=None, largest_region_bytes=None),
            {},
            Cause.TOO_YOUNG,
            "matched nothing: DAMON watched for 10 s, and the min age is 60 s: let the workload run "
            "longer, or lower the min age",
        ),
        (
            prcl(),
            met(one(), oldest_age_us=None, highest_access_rate=None, largest_region_bytes=None),
            {},
            Cause.NOT_TOGETHER,
            "matched nothing: no region had the sizes, the access rates and the ages of the scheme at "
            "once in 10 s: widen them",
        ),
        (
            HOT,
            met(one(matched=False), highest_access_rate=0.35),
            {},
            Cause.TOO_COLD,
            "matched nothing: no region was seen accessed in more than 35 % of the samples, and the min "
            "access rate is 50 %: lower the min access rate, or give longer sampling and aggregation "
            "intervals, in which more accesses are seen",
        ),
        (
            HOT,
            met(one(matched=False), highest_access_rate=0.0),
            {},
            Cause.SAW_NOTHING,
            "DAMON saw no access in 100 aggregation intervals, though the workload used 9 s of CPU "
            "time, so that all memory looks idle: give longer sampling and aggregation intervals, or "
            "more regions (monitoring.min_regions)",
        ),
        (
            Scheme(action=Action.PAGEOUT, pattern=AccessPattern(size_bytes=Range(64 * MIB))),
            met(one(matched=False)),
            {},
            Cause.TOO_SMALL,
            "matched nothing: the largest region had 8.0 MiB, and the min size is 64M: lower the min "
            "size",
        ),
        (
            prcl(),
            met(one(), aggregations=0, monitored_s=0.05),
            {},
            Cause.NOT_MONITORED,
            "DAMON watched for 0.05 s, in which no aggregation interval (100ms) ended: let the workload "
            "run longer, or shorten the aggregation interval",
        ),
        (
            prcl(),
            met(one(), aggregations=0, monitored_s=0.0),
            {},
            Cause.NOT_MONITORED,
            "the measured part ended before DAMON was turned on: lower monitoring.start_after, or let "
            "the workload run longer",
        ),
        (
            replace(prcl(), apply_interval_us=120_000_000),
            met(one(matched=True)),
            {},
            Cause.NEVER_APPLIED,
            "never applied: it is applied every 120 s, and DAMON watched for 10 s: let the workload run "
            "longer, or shorten the apply interval",
        ),
        (
            prcl(size_bytes=4096),
            met(
                one(
                    stats=replace(TRIED, quota_exceeds=9),
                    quota_low_bytes=4096,
                    quota_high_bytes=4096,
                    quota_windows=10,
                    full_windows=9,
                )
            ),
            {},
            Cause.QUOTA_LIMITS,
            "the quota was used up in 9 of 10 charge windows, of 4096 bytes each: raise it for more",
        ),
        (
            replace(prcl(), quota=GOAL),
            met(one(matched=True, quota_low_bytes=1, quota_high_bytes=15)),
            {},
            Cause.QUOTA_TOO_SMALL,
            "the quota was still at 15 bytes, less than a page (4096 bytes): a goal raises it step by "
            "step from 1 byte on; let the workload run longer, or give a limit in bytes instead of the "
            "goal",
        ),
        (
            prcl(size_bytes=100),
            met(one(matched=True, quota_low_bytes=100, quota_high_bytes=100)),
            {},
            Cause.QUOTA_TOO_SMALL,
            "the quota was still at 100 bytes, less than a page (4096 bytes): raise the quota to 4K or "
            "more",
        ),
        (
            replace(prcl(), filters=(Filter(type=FilterType.ADDR, address_range=(0, 1 << 47)),)),
            met(one(matched=True)),
            {},
            Cause.FILTERED,
            "its filters left out every region that it matched: change the filters",
        ),
        (
            prcl(),
            met(one(stats=TRIED, matched=True), swap_total_bytes=0),
            {},
            Cause.NO_SWAP,
            "there is no swap, to which alone page-out moves a program's memory: raise swap",
        ),
        (
            prcl(),
            met(one(stats=TRIED, matched=True), locked_bytes=60 * MIB, file_bytes=3 * MIB),
            {},
            Cause.NOT_SWAPPABLE,
            "page-out left the memory in place: of 100.0 MiB resident 60.0 MiB is locked (mlock), "
            "3.0 MiB belongs to files: page-out leaves what is locked, and what more than one process "
            "maps",
        ),
        (
            prcl(),
            met(one(stats=TRIED, matched=True)),
            {"pss_mean_bytes": 20.0 * MIB},
            Cause.NOT_SWAPPABLE,
            "page-out left the memory in place: of 100.0 MiB resident 80.0 MiB is shared or "
            "lies in tmpfs: page-out leaves what is locked, and what more than one process maps",
        ),
        (
            prcl(),
            met(
                one(stats=TRIED, matched=True),
                shared_bytes=80 * MIB,
                file_bytes=4096,
                files_in_memory_bytes=40 * MIB,
            ),
            {},
            Cause.NOT_SWAPPABLE,
            "page-out left the memory in place: of 100.0 MiB resident 80.0 MiB is shared or belongs "
            "to files: page-out leaves what is locked, and what more than one process maps",
        ),
        (
            prcl(),
            met(one(stats=TRIED, matched=True)),
            {},
            Cause.EMPTY,
            "what it matched was not resident, so that page-out had nothing to move",
        ),
        (
            prcl(),
            met(one(stats=TRIED, matched=True), swap_full_from_s=5.2, swap_total_bytes=32 * MIB),
            {"swap_out_bytes": 32 * MIB},
            Cause.SWAP_FULL,
            "swap (32.0 MiB) was full from 5.2 s on, and page-out ended there: raise swap",
        ),
        (
            prcl(size_bytes=MIB),
            met(
                one(
                    stats=TRIED,
                    quota_low_bytes=MIB,
                    quota_high_bytes=MIB,
                    quota_windows=10,
                    full_windows=8,
                )
            ),
            {"swap_out_bytes": 9 * MIB},
            Cause.QUOTA_LIMITS,
            "the quota was used up in 8 of 10 charge windows, of 1.0 MiB each: raise it for more",
        ),
        (
            GATED,
            met(one(stats=TRIED, active_share=0.25), free_low=0.3),
            {"swap_out_bytes": 9 * MIB},
            Cause.ACTIVE_AT_TIMES,
            "active for 25 % of the time: free memory was at 30 % to 70 % of all, and the watermarks "
            "are high 50 %, mid 40 %, low 20 %",
        ),
        (
            GATED,
            met(one(stats=TRIED, active_share=0.25), free_low=0.3, free_period_s=1.0),
            {"swap_out_bytes": 9 * MIB},
            Cause.ACTIVE_AT_TIMES,
            "active for 25 % of the time, by readings 1 s apart: free memory was at 30 % to 70 % of "
            "all, and the watermarks are high 50 %, mid 40 %, low 20 %",
        ),
        (
            HOT,
            met(one(stats=TRIED), huge_pages="never"),
            {},
            Cause.HUGE_PAGES,
            "huge pages are off (never) on this machine, so that hugepage does nothing: set huge_pages "
            "to madvise",
        ),
        (
            HOT,
            met(one(stats=TRIED), mean_access_rate=0.24),
            {"wss_mean_bytes": 90.0 * MIB},
            Cause.SELDOM_HOT,
            "matched little: 1 % of the accessed memory, which was seen accessed in 24 % of the samples "
            "on average, and the min access rate is 50 %: lower the min access rate, or give longer "
            "sampling and aggregation intervals, in which more accesses are seen",
        ),
        (
            Scheme(action=Action.COLD),
            met(one(stats=TRIED)),
            {},
            Cause.ONLY_ORDERS,
            "cold only tells the kernel which memory to reclaim first, and no memory ran short (60 % or "
            "more was free): use pageout to save memory",
        ),
        (
            Scheme(action=Action.WILLNEED),
            met(one(stats=TRIED)),
            {},
            Cause.NOTHING_SWAPPED,
            "willneed brings swapped memory back, and nothing was swapped out",
        ),
        (
            Scheme(action=Action.STAT),
            met(one(stats=TRIED)),
            {},
            Cause.COUNTS_ONLY,
            "its action is stat, which counts and changes nothing",
        ),
    ],
)
def test_the_decisive_reason_comes_first(
    scheme: Scheme, conditions: Conditions, fields: dict[str, Any], cause: Cause, text: str
) -> None:
    first, *_ = why(scheme, conditions, **fields)

    assert (first.cause, first.text) == (cause, text)


@pytest.mark.parametrize(
    ("backend", "setting", "action", "text"),
    [
        (
            "vm",
            "always",
            Action.HUGEPAGE,
            "all memory gets huge pages (always) on this machine, so that hugepage adds nothing: set "
            "vm.huge_pages to madvise",
        ),
        (
            "host",
            "madvise",
            Action.NOHUGEPAGE,
            "no memory gets huge pages unasked (madvise) on this machine, so that nohugepage does "
            "nothing: set host.huge_pages to always",
        ),
        (
            "simulator",
            "always",
            Action.NOHUGEPAGE,
            "nohugepage changed nothing: a huge page stays one, and only memory that is touched for the "
            "first time afterwards gets small pages: set huge_pages in the machine profile that "
            "'machine' names to madvise for fewer huge pages",
        ),
        (
            "simulator",
            "madvise",
            Action.HUGEPAGE,
            "hugepage changed nothing: a pattern touches all of its memory before it is measured, so "
            "that huge pages add none; in the simulator huge pages make only a pattern's random "
            "accesses faster: measure speed with backend: host",
        ),
    ],
)
def test_a_remedy_names_the_setting_where_the_backend_has_it(
    backend: str, setting: str, action: Action, text: str
) -> None:
    experiment = Experiment(
        workload=pattern(), monitoring=Monitoring(), schemes=(Scheme(action=action),)
    )
    measured = measurement(conditions=met(one(stats=TRIED), huge_pages=setting))

    found = reasons(experiment, measured, baseline=measurement(), backend=backend)

    assert [(one.cause, one.text) for one in found] == [(Cause.HUGE_PAGES, text)]


@pytest.mark.parametrize("field", ["pss_mean_bytes", "workload_cpu_s"])
def test_huge_pages_that_changed_a_figure_were_not_held_back(field: str) -> None:
    experiment = Experiment(workload=pattern(), monitoring=Monitoring(), schemes=(HOT,))
    measured = measurement(conditions=met(one(stats=TRIED), huge_pages="madvise"))
    baseline = measurement(**{field: getattr(measured, field) * 1.1})

    assert reasons(experiment, measured, baseline=baseline, backend="simulator") == ()


@pytest.mark.parametrize(("held_mib", "causes"), [(100.0, [Cause.NOT_SWAPPABLE]), (60.0, [])])
def test_files_that_were_dropped_were_not_left_in_place(
    held_mib: float, causes: list[Cause]
) -> None:
    """Files on a disk go nowhere when they are paged out, and swap stays empty."""
    experiment = Experiment(workload=pattern(), monitoring=Monitoring(), schemes=(prcl(),))
    conditions = met(one(stats=TRIED, matched=True), file_bytes=90 * MIB, swap_total_bytes=MIB)
    measured = measurement(
        conditions=conditions, rss_mean_bytes=held_mib * MIB, rss_peak_bytes=100 * MIB
    )
    baseline = measurement(rss_mean_bytes=100.0 * MIB)

    found = reasons(experiment, measured, baseline=baseline, backend="host")

    assert [one.cause for one in found] == causes


def test_physical_memory_is_spared_at_the_first_try() -> None:
    [first] = why(prcl(), met(one(stats=TRIED)), OperationsSet.PADDR)

    assert first.cause is Cause.SPARED_AT_FIRST


def test_the_next_reason_comes_second() -> None:
    scheme = replace(
        prcl(min_age_us=60_000_000),
        pattern=replace(prcl(min_age_us=60_000_000).pattern, size_bytes=Range(64 * MIB)),
    )

    found = why(scheme, met(one(matched=False)))

    assert [reason.cause for reason in found] == [Cause.TOO_YOUNG, Cause.TOO_SMALL]
    assert sentence(found) == f"{found[0].text}; {found[1].text}"


@pytest.mark.parametrize(
    ("scheme", "conditions", "fields"),
    [
        (prcl(), met(one(stats=TRIED)), {"swap_out_bytes": 50 * MIB}),
        (GATED, met(one(stats=TRIED)), {"swap_out_bytes": 50 * MIB}),
        (
            prcl(size_bytes=MIB),
            met(
                one(
                    stats=TRIED,
                    quota_low_bytes=MIB,
                    quota_high_bytes=MIB,
                    quota_windows=10,
                    full_windows=4,
                )
            ),
            {"swap_out_bytes": 9 * MIB},
        ),
        (HOT, met(one(stats=TRIED)), {}),
        # Nothing is claimed of what was not seen.
        (prcl(), met(one(), aggregations=None, oldest_age_us=None), {}),
    ],
)
def test_what_was_not_held_back_has_no_reason(
    scheme: Scheme, conditions: Conditions, fields: dict[str, Any]
) -> None:
    assert why(scheme, conditions, **fields) == ()
    assert sentence(()) is None


def test_a_baseline_has_no_reason() -> None:
    baseline: Measurement = measurement()

    assert reasons(Experiment(workload=pattern()), baseline) == ()


def test_of_several_schemes_each_is_named() -> None:
    schemes = (prcl(), prcl(min_age_us=60_000_000))
    experiment = Experiment(workload=pattern(), monitoring=Monitoring(), schemes=schemes)
    conditions = met(one(stats=TRIED), one(matched=False))

    found = reasons(experiment, measurement(conditions=conditions, swap_out_bytes=9 * MIB))

    assert [reason.text.partition(":")[0] for reason in found] == ["scheme 2"]


YOUNG, YOUNGER, FULL = (
    Reason(Cause.TOO_YOUNG, "it is young"),
    Reason(Cause.TOO_YOUNG, "it is younger"),
    Reason(Cause.SWAP_FULL, "swap is full"),
)


@pytest.mark.parametrize(
    ("by_trial", "expected"),
    [
        ({}, None),
        ({0: ()}, None),
        ({0: (YOUNG,), 1: ()}, None),
        ({0: (YOUNG,), 1: (FULL, YOUNG)}, None),
        ({0: (YOUNG, FULL)}, "the schemes were held back in the only trial: it is young"),
        (
            {0: (YOUNG,), 1: (YOUNG, FULL)},
            "the schemes were held back in all 2 trials: it is young",
        ),
        (
            {0: (YOUNG,), 1: (YOUNGER,)},
            "the schemes were held back in all 2 trials, for example: it is young",
        ),
    ],
)
def test_a_reason_that_all_trials_share_is_said_once(
    by_trial: dict[int, tuple[Reason, ...]], expected: str | None
) -> None:
    assert shared(by_trial) == expected

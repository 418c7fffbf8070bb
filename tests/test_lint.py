from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from autotune.backends.simulator.schemes import hot_score
from autotune.backends.simulator.simulator import Simulator
from autotune.damon import Intervals, Monitoring, OperationsSet
from autotune.damos import (
    MIGRATIONS,
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
    SchemeStats,
    Watermarks,
    Weights,
)
from autotune.experiment import Experiment
from autotune.kernel import on_grid
from autotune.lint import Code, Known, LintWarning, lint
from autotune.lint.scheme_file import RECLAIM_INERT
from autotune.patterns import Access, Pattern, PatternRegion, Phase
from autotune.profiles import load_machine
from tests import strategies

ROOT = Path(__file__).parents[1]
VADDR, PADDR = OperationsSet.VADDR, OperationsSet.PADDR
MIB, GIB = 1 << 20, 1 << 30
PAGE = 4096

NARROWED = {
    Code.AGE_UNALIGNED,
    Code.QUOTA_UNALIGNED,
    Code.RATE_TO_ZERO,
    Code.RATE_UNALIGNED,
    Code.SIZE_NOTHING,
    Code.SIZE_UNALIGNED,
    Code.WATERMARKS_UNALIGNED,
}


def cold(
    *,
    size: Range[int] = Range(PAGE),  # noqa: B008 - frozen
    rate: Range[float] = Range(0.0, 0.0),  # noqa: B008
    age: Range[int] = Range(5_000_000),  # noqa: B008
    action: Action = Action.PAGEOUT,
    quota: Quota | None = None,
    watermarks: Watermarks | None = None,
    filters: tuple[Filter, ...] = (),
    apply_interval_us: int = 0,
) -> Scheme:
    """A scheme that nothing is to be said against; each argument changes one thing."""
    return Scheme(
        action=action,
        pattern=AccessPattern(size_bytes=size, access_rate=rate, age_us=age),
        quota=quota,
        watermarks=watermarks,
        filters=filters,
        apply_interval_us=apply_interval_us,
        target_nid=1 if action in MIGRATIONS else None,
    )


def quota(
    *,
    time_us: int | None = None,
    size_bytes: int | None = 4 * MIB,
    reset_interval_us: int | float = 1_000_000,
    weights: Weights = Weights(age=1),  # noqa: B008 - frozen
    goals: tuple[QuotaGoal, ...] = (),
) -> Quota:
    return Quota(
        time_us=time_us,
        size_bytes=size_bytes,
        reset_interval_us=reset_interval_us,
        weights=weights,
        goals=goals,
    )


def fed(metric: GoalMetric, current: int = 0) -> Quota:
    return quota(goals=(QuotaGoal(metric=metric, target_value=10_000, current_value=current),))


@dataclass(frozen=True, kw_only=True)
class Use:
    """Schemes where they are used."""

    schemes: tuple[Scheme, ...]
    monitoring: Monitoring = Monitoring()  # noqa: RUF009 - frozen
    operations: OperationsSet = VADDR
    known: Known = Known()  # noqa: RUF009

    def warnings(self) -> tuple[LintWarning, ...]:
        return lint(self.schemes, self.monitoring, self.operations, self.known)

    def found(self) -> set[tuple[Code, int | None]]:
        return {(warning.code, warning.scheme) for warning in self.warnings()}


def use(*schemes: Scheme, **where: object) -> Use:
    return Use(schemes=schemes, **where)  # type: ignore[arg-type]


def intervals(
    sampling_us: int = 5_000, aggregation_us: int = 100_000, update_us: int = 1_000_000
) -> Monitoring:
    return Monitoring(
        intervals=Intervals(
            sampling_us=sampling_us, aggregation_us=aggregation_us, update_us=update_us
        )
    )


HOT = Range(0.05)
HUGE = cold(action=Action.HUGEPAGE, rate=HOT, age=Range(0))
YOUNG = Filter(type=FilterType.YOUNG)
ANON = Filter(type=FilterType.ANON)
PART = Filter(type=FilterType.ADDR, address_range=(0, GIB))

CASES: list[tuple[Code, int | None, Use, Use]] = [
    (
        Code.ACTION_INERT,
        1,
        use(cold(action=Action.LRU_DEPRIO)),
        use(cold(action=Action.LRU_DEPRIO), operations=PADDR),
    ),
    (
        Code.ACTION_INERT,
        1,
        use(cold(action=Action.COLD), operations=PADDR),
        use(cold(action=Action.COLD)),
    ),
    (Code.AGE_UNALIGNED, 1, use(cold(age=Range(5_050_000))), use(cold(age=Range(5_100_000)))),
    (Code.AGE_UNALIGNED, 1, use(cold(age=Range(50_000))), use(cold(age=Range(100_000)))),
    (
        Code.AGE_UNALIGNED,
        1,
        use(cold(age=Range(0, 5_050_000))),
        use(cold(age=Range(0, 5_050_000)), monitoring=intervals(5_000, 50_000)),
    ),
    (Code.AGE_ZERO, 1, use(cold(age=Range(0, 0))), use(cold(age=Range(0, 100_000)))),
    (
        Code.AGGREGATION_ROUNDS,
        None,
        use(cold(), monitoring=intervals(30_000, 100_000)),
        use(cold(age=Range(4_500_000)), monitoring=intervals(30_000, 90_000)),
    ),
    (
        Code.APPLY_ROUNDS,
        1,
        use(cold(apply_interval_us=101_000)),
        use(cold(apply_interval_us=105_000)),
    ),
    (Code.APPLY_ROUNDS, 1, use(cold(apply_interval_us=1)), use(cold(apply_interval_us=5_000))),
    (
        Code.APPLY_SHORT,
        1,
        use(cold(apply_interval_us=95_000)),
        use(cold(apply_interval_us=100_000)),
    ),
    (
        Code.FILTER_IGNORED,
        1,
        use(cold(filters=(PART, ANON))),
        use(cold(filters=(ANON,)), operations=PADDR),
    ),
    (Code.FILTER_IGNORED, 1, use(cold(filters=(YOUNG,))), use(cold(filters=(PART,)))),
    (
        Code.FIRES_LESS,
        2,
        use(cold(size=Range(2 * MIB)), cold(action=Action.COLD, age=Range(9_000_000))),
        use(
            cold(size=Range(2 * MIB)),
            cold(size=Range(PAGE, 2 * MIB - PAGE), action=Action.COLD, age=Range(9_000_000)),
        ),
    ),
    (
        Code.HUGE_PAGES_COARSE,
        None,
        use(cold(), known=Known(huge_pages="always")),
        use(cold(), known=Known(huge_pages="madvise")),
    ),
    (
        Code.HUGE_PAGES_COARSE,
        None,
        use(cold(), known=Known(huge_pages="always")),
        use(cold(size=Range(2 * MIB), action=Action.NOHUGEPAGE), known=Known(huge_pages="always")),
    ),
    (
        Code.HUGEPAGE_INERT,
        1,
        use(HUGE, known=Known(huge_pages="always")),
        use(HUGE, known=Known(huge_pages="madvise")),
    ),
    (
        Code.HUGEPAGE_INERT,
        1,
        use(cold(action=Action.NOHUGEPAGE), known=Known(huge_pages="never")),
        use(cold(action=Action.NOHUGEPAGE), known=Known(huge_pages="always")),
    ),
    (
        Code.NEVER_FIRES,
        2,
        use(cold(), cold(action=Action.COLD, age=Range(9_000_000))),
        use(cold(), cold(rate=HOT, action=Action.COLD, age=Range(9_000_000))),
    ),
    (  # no region is smaller than a page
        Code.NEVER_FIRES,
        2,
        use(cold(), cold(size=Range(0), action=Action.COLD, age=Range(9_000_000))),
        use(cold(size=Range(2 * PAGE)), cold(action=Action.COLD, age=Range(9_000_000))),
    ),
    (  # setting an age of 0 to 0 changes nothing
        Code.NEVER_FIRES,
        2,
        use(cold(age=Range(0)), cold(action=Action.COLD, age=Range(100_000))),
        use(cold(age=Range(0, 0)), cold(action=Action.COLD, age=Range(100_000))),
    ),
    (
        Code.NEVER_FIRES,
        1,
        use(cold(action=Action.COLD, age=Range(200_000)), cold(age=Range(0))),
        use(cold(action=Action.COLD, age=Range(100_000)), cold(age=Range(0))),
    ),
    (
        Code.NEVER_FIRES,
        1,
        use(cold(action=Action.COLD, age=Range(9_000_000)), cold()),
        use(cold(action=Action.STAT), cold(action=Action.COLD)),
    ),
    (
        Code.NEWER_KERNEL,
        1,
        use(cold(filters=(Filter(type=FilterType.UNMAPPED),)), operations=PADDR),
        use(cold(filters=(ANON,)), operations=PADDR),
    ),
    (
        Code.NEWER_KERNEL,
        1,
        use(cold(filters=(replace(PART, allow=True),))),
        use(cold(filters=(PART,))),
    ),
    (
        Code.NEWER_KERNEL,
        1,
        use(cold(quota=fed(GoalMetric.ACTIVE_MEM_BP))),
        use(cold(quota=fed(GoalMetric.SOME_MEM_PSI_US))),
    ),
    (
        Code.PAGEOUT_ANY_RATE,
        1,
        use(cold(rate=Range(0.0))),
        use(cold(rate=Range(0.0, 0.95))),
    ),
    (
        Code.PAGEOUT_ANY_RATE,
        1,
        use(cold(rate=Range(0.0))),
        use(cold(rate=Range(0.0)), operations=PADDR),
    ),
    (
        Code.PAGEOUT_LATE,
        1,
        use(cold(filters=(YOUNG,)), operations=PADDR),
        use(cold(filters=(replace(YOUNG, matching=False),)), operations=PADDR),
    ),
    (
        Code.PAGEOUT_LATE,
        1,
        use(cold(filters=(replace(YOUNG, matching=False, allow=True),)), operations=PADDR),
        use(cold(filters=(replace(YOUNG, allow=True),)), operations=PADDR),
    ),
    (
        Code.PAGEOUT_LATE,
        1,
        use(cold(age=Range(100_000)), operations=PADDR),
        use(cold(age=Range(0)), operations=PADDR),
    ),
    (
        Code.QUOTA_EVERY_PASS,
        1,
        use(cold(quota=quota(reset_interval_us=0))),
        use(cold(quota=quota(reset_interval_us=100_000))),
    ),
    (
        Code.QUOTA_FIRST_WINDOW,
        1,
        use(cold(quota=quota(reset_interval_us=5_000_000))),
        use(cold(quota=quota(reset_interval_us=4_900_000))),
    ),
    (
        Code.QUOTA_FIRST_WINDOW,
        1,
        use(
            cold(quota=quota(size_bytes=MIB, reset_interval_us=5_000_000)),
            known=Known(size_bytes=13 * MIB, runtime_us=60_000_000),
        ),
        use(
            cold(quota=quota(size_bytes=MIB, reset_interval_us=5_000_000)),
            known=Known(size_bytes=13 * MIB, runtime_us=60_100_000),
        ),
    ),
    (  # where the pages stand in their lists changes all the time
        Code.QUOTA_FIRST_WINDOW,
        1,
        use(cold(action=Action.MIGRATE_COLD, age=Range(0), quota=quota()), operations=PADDR),
        use(cold(action=Action.LRU_DEPRIO, age=Range(0), quota=quota()), operations=PADDR),
    ),
    (
        Code.QUOTA_GOAL_STATIC,
        1,
        use(cold(quota=fed(GoalMetric.USER_INPUT, current=5_000))),
        use(cold(quota=fed(GoalMetric.SOME_MEM_PSI_US))),
    ),
    (
        Code.QUOTA_NEVER_RESETS,
        1,
        use(cold(quota=quota(reset_interval_us=UNLIMITED))),
        use(cold(quota=quota(reset_interval_us=4_000_000))),
    ),
    (
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(quota=quota(weights=Weights(size=1)))),
        use(cold(quota=quota(weights=Weights(size=1, age=1)))),
    ),
    (  # with a single rate, only the age tells regions apart
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(quota=quota(weights=Weights(access_rate=1)))),
        use(cold(rate=Range(0.0, 0.05), quota=quota(weights=Weights(access_rate=1)))),
    ),
    (  # priorities double with the age: 4 s to 7 s is one
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(age=Range(4_000_000, 7_900_000), quota=quota())),
        use(cold(age=Range(4_000_000, 8_000_000), quota=quota())),
    ),
    (
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(quota=quota(weights=Weights()))),
        use(cold(action=Action.COLD, quota=quota(weights=Weights()))),
    ),
    (
        Code.QUOTA_SIZE_WEIGHT,
        1,
        use(cold(quota=quota(weights=Weights(size=1, age=1)))),
        use(cold(quota=quota(weights=Weights(access_rate=1, age=1)))),
    ),
    (
        Code.QUOTA_UNALIGNED,
        1,
        use(cold(quota=quota(size_bytes=1_000_000))),
        use(cold(quota=quota(size_bytes=999_424))),
    ),
    (
        Code.QUOTA_UNALIGNED,
        1,
        use(cold(quota=quota(time_us=1_500))),
        use(cold(quota=quota(time_us=2_000))),
    ),
    (
        Code.QUOTA_WEIGHTS_IGNORED,
        1,
        use(cold(action=Action.COLD, quota=quota())),
        use(cold(action=Action.LRU_DEPRIO, quota=quota()), operations=PADDR),
    ),
    (
        Code.QUOTA_WINDOW_ROUNDS,
        1,
        use(cold(quota=quota(reset_interval_us=250_000))),
        use(cold(quota=quota(reset_interval_us=300_000))),
    ),
    (
        Code.QUOTA_WINDOW_ROUNDS,
        1,
        use(cold(quota=quota(), apply_interval_us=300_000)),
        use(cold(quota=quota(), apply_interval_us=500_000)),
    ),
    (
        Code.RATE_COLD_ONLY,
        1,
        use(cold(action=Action.HUGEPAGE)),
        use(HUGE),
    ),
    (
        Code.RATE_TO_ZERO,
        1,
        use(cold(rate=Range(0.0, 0.04))),
        use(cold(rate=Range(0.0, 0.05))),
    ),
    (
        Code.RATE_UNALIGNED,
        1,
        use(cold(rate=Range(0.0, 0.12))),
        use(cold(rate=Range(0.0, 0.10))),
    ),
    (
        Code.RATE_UNALIGNED,
        1,
        use(cold(action=Action.WILLNEED, rate=Range(0.01))),
        use(cold(action=Action.WILLNEED, rate=Range(0.01)), monitoring=intervals(1_000)),
    ),
    (
        Code.REGIONS_BLIND,
        None,
        use(cold(), known=Known(size_bytes=40 * GIB + PAGE)),
        use(cold(), known=Known(size_bytes=40 * GIB)),
    ),
    (
        Code.REGIONS_NEVER_SPLIT,
        None,
        use(cold(), monitoring=Monitoring(min_regions=51, max_regions=100)),
        use(cold(), monitoring=Monitoring(min_regions=50, max_regions=100)),
    ),
    (Code.SIZE_NOTHING, 1, use(cold(size=Range(0, 0))), use(cold(size=Range(0, PAGE)))),
    (
        Code.SIZE_TOO_LARGE,
        1,
        use(cold(size=Range(20 * MIB + PAGE)), known=Known(size_bytes=100 * MIB)),
        use(cold(size=Range(20 * MIB)), known=Known(size_bytes=100 * MIB)),
    ),
    (Code.SIZE_UNALIGNED, 1, use(cold(size=Range(5_000))), use(cold(size=Range(8_192)))),
    (
        Code.UPDATE_SLOW,
        None,
        use(cold(), monitoring=intervals(update_us=60_000_000)),
        use(
            cold(),
            monitoring=intervals(update_us=60_000_000),
            known=Known(maps_later=False),
        ),
    ),
    (
        Code.UPDATE_SLOW,
        None,
        use(cold(), monitoring=intervals(update_us=60_000_000)),
        use(cold(), monitoring=intervals(update_us=60_000_000), operations=PADDR),
    ),
    (
        Code.WATERMARKS_NEVER,
        1,
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=0.0, mid=0.0, low=0.0))),
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=1.0, mid=0.999, low=0.0))),
    ),
    (
        Code.WATERMARKS_NEVER,
        1,
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=1.0, mid=1.0, low=1.0))),
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=1.0, mid=1.0, low=0.999))),
    ),
    (
        Code.WATERMARKS_UNALIGNED,
        1,
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=0.5555, mid=0.4, low=0.2))),
        use(cold(watermarks=Watermarks(interval_us=5_000_000, high=0.555, mid=0.4, low=0.2))),
    ),
]


@pytest.mark.parametrize(
    ("code", "scheme", "trips", "near_miss"),
    CASES,
    ids=[f"{case[0].value}-{number}" for number, case in enumerate(CASES)],
)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(
    code: Code, scheme: int | None, trips: Use, near_miss: Use
) -> None:
    found = trips.found()

    assert (code, scheme) in found
    assert code not in {other for other, _ in near_miss.found()}


def test_every_warning_has_a_case() -> None:
    assert {case[0] for case in CASES} | {RECLAIM_INERT.code} == set(Code)


def test_every_warning_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "lint.md").read_text()

    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == sorted(
        code.value for code in Code
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0].value}" for case in CASES])
def test_every_warning_is_one_line_with_a_remedy(
    case: tuple[Code, int | None, Use, Use],
) -> None:
    for warning in case[2].warnings():
        what, _, remedy = warning.text.partition(": ")

        assert what
        assert remedy
        assert "\n" not in warning.text


@given(st.data())
def test_what_the_kernel_narrows_is_warned_of_and_nothing_else(data: st.DataObject) -> None:
    scheme = data.draw(strategies.schemes(), label="scheme")
    try:
        grid = on_grid(scheme, Intervals())
    except ValueError:
        reject()

    codes = {warning.code for warning in lint([scheme], Monitoring(), VADDR)}
    again = {warning.code for warning in lint([grid], Monitoring(), VADDR)}

    warned = codes & NARROWED
    if scheme.pattern.size_bytes.max == 0:  # is itself on the grid, and matches nothing
        warned.discard(Code.SIZE_NOTHING)

    assert bool(warned) == (not alike(scheme, grid))
    assert not again & NARROWED - {Code.SIZE_NOTHING}


def alike(scheme: Scheme, grid: Scheme) -> bool:
    """Whether they are equal but for the spelling of fractions."""

    def same(one: float, other: float) -> bool:
        return one == other or abs(min(one, 1.0) - min(other, 1.0)) <= 1e-9

    rate, other = scheme.pattern.access_rate, grid.pattern.access_rate
    marks = (scheme.watermarks, grid.watermarks)
    return (
        same(rate.min, other.min)
        and same(rate.max, other.max)
        and scheme.pattern.size_bytes == grid.pattern.size_bytes
        and scheme.pattern.age_us == grid.pattern.age_us
        and scheme.quota == grid.quota
        and all(
            same(getattr(marks[0], name), getattr(marks[1], name))
            for name in ("high", "mid", "low")
            if marks[0] is not None
        )
    )


def test_interplay_is_warned_of_whichever_scheme_comes_first() -> None:
    young, old = cold(), cold(action=Action.COLD, age=Range(9_000_000))

    assert use(young, old).found() == {(Code.NEVER_FIRES, 2)}
    assert use(old, young).found() == {(Code.NEVER_FIRES, 1)}


def test_a_scheme_acts_before_an_older_one_even_if_it_does_so_at_one_age_only() -> None:
    narrow = cold(action=Action.COLD, age=Range(4_900_000, 4_900_000))

    assert use(cold(), narrow).found() == {(Code.NEVER_FIRES, 1)}


def test_of_two_schemes_with_one_min_age_the_later_never_fires() -> None:
    assert use(cold(), cold(action=Action.COLD)).found() == {(Code.NEVER_FIRES, 2)}


@pytest.mark.parametrize(
    "held_back",
    [
        cold(quota=quota()),
        cold(filters=(PART,)),
        cold(watermarks=Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)),
        cold(action=Action.STAT),
        cold(age=Range(5_000_000, 5_100_000), apply_interval_us=1_000_000),
    ],
    ids=["quota", "filter", "watermarks", "stat", "seldom"],
)
def test_a_scheme_that_is_held_back_keeps_no_other_from_firing(held_back: Scheme) -> None:
    other = cold(action=Action.COLD, age=Range(9_000_000))

    for schemes in ((held_back, other), (other, held_back)):
        codes = {code for code, _ in use(*schemes).found()}

        assert not codes & {Code.NEVER_FIRES, Code.FIRES_LESS}


@pytest.mark.parametrize(
    "changed",
    [
        {"quota": quota(reset_interval_us=UNLIMITED)},
        {"filters": (PART,)},
        {"watermarks": Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)},
    ],
    ids=["quota that never applies", "same filter", "same watermarks"],
)
def test_a_scheme_that_is_held_back_no_more_than_the_other_keeps_it_from_firing(
    changed: dict[str, Any],
) -> None:
    young = cold(**changed)
    old = cold(action=Action.COLD, age=Range(9_000_000), **changed)

    assert (Code.NEVER_FIRES, 2) in use(young, old).found()
    assert (Code.NEVER_FIRES, 1) in use(old, young).found()


@pytest.mark.parametrize(
    ("current", "so"),
    [(9_999, "grows to no limit"), (10_000, "falls to nothing"), (20_000, "falls to nothing")],
)
def test_a_goal_that_stands_still_is_told_apart_by_its_side_of_the_target(
    current: int, so: str
) -> None:
    (text,) = [
        warning.text
        for warning in use(cold(quota=fed(GoalMetric.USER_INPUT, current))).warnings()
        if warning.code is Code.QUOTA_GOAL_STATIC
    ]

    assert so in text


# The simulator is a second implementation of the kernel's rules: what is warned of happens there.

IDLE = Pattern(
    regions=(PatternRegion(name="a", size_bytes=32 * MIB),),
    phases=(
        Phase(
            name="idle",
            duration_us=8_000_000,
            accesses=(Access(region=0, random=False, stride_bytes=PAGE, weight=0),),
        ),
    ),
)


def simulated(*schemes: Scheme) -> SchemeStats:
    machine = load_machine(ROOT / "autotune" / "machines" / "server.yaml")
    experiment = Experiment(workload=IDLE, monitoring=Monitoring(), schemes=schemes)
    stats = Simulator(machine).run(experiment, seed=1).scheme_stats
    assert stats is not None
    return stats


@pytest.mark.parametrize("reset_us", [1_000_000, 1_900_000, 2_000_000, 3_000_000])
@pytest.mark.parametrize("min_age_us", [1_000_000, 2_000_000, 2_500_000, 3_200_000])
def test_a_first_window_that_decides_lets_more_through_than_all_others_allow(
    reset_us: int, min_age_us: int
) -> None:
    limited = cold(age=Range(min_age_us), quota=quota(size_bytes=MIB, reset_interval_us=reset_us))
    known = Known(size_bytes=40 * MIB, runtime_us=8_000_000)

    stats = simulated(limited)

    warned = Code.QUOTA_FIRST_WINDOW in {code for code, _ in use(limited, known=known).found()}
    assert warned == (stats.tried_bytes > MIB * -(-8_000_000 // reset_us))


@pytest.mark.parametrize("first", ["young", "old"])
@pytest.mark.parametrize("old_us", [900_000, 1_000_000, 1_100_000, 3_000_000])
def test_a_scheme_of_which_it_is_said_that_it_never_fires_changes_nothing(
    first: str, old_us: int
) -> None:
    young = cold(age=Range(1_000_000))
    old = cold(age=Range(old_us, old_us), action=Action.STAT)
    schemes = (young, old) if first == "young" else (old, young)

    stats = simulated(*schemes)

    never = Code.NEVER_FIRES in {code for code, _ in use(*schemes).found()}
    assert never == (stats.tried_regions == simulated(young).tried_regions)


@pytest.mark.parametrize("min_size_bytes", [PAGE, MIB, 8 * MIB + PAGE, 16 * MIB])
def test_a_min_size_that_is_too_large_matches_nothing(min_size_bytes: int) -> None:
    scheme = cold(size=Range(min_size_bytes), age=Range(500_000))
    known = Known(size_bytes=40 * MIB)

    warned = Code.SIZE_TOO_LARGE in {code for code, _ in use(scheme, known=known).found()}

    assert warned == (simulated(scheme).tried_regions == 0)


@given(
    st.integers(1, 40).map(lambda samples: samples * 5),
    st.tuples(st.integers(0, 200), st.integers(0, 200)).map(sorted),
    st.tuples(st.integers(0, 600), st.integers(0, 600)).map(sorted),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_priorities_are_missed_where_all_scores_are_equal(
    samples: int, counts: list[int], seconds: list[int], rate_weight: int, age_weight: int
) -> None:
    low, high = (min(count, samples) for count in counts)
    where = intervals(1_000, samples * 1_000)
    ages = [second * 1_000_000 // (samples * 1_000) * samples * 1_000 for second in seconds]
    scheme = cold(
        rate=Range(low / samples, high / samples),
        age=Range(ages[0], ages[1]),
        quota=quota(weights=Weights(access_rate=rate_weight, age=age_weight)),
    )
    scores = {
        hot_score(count, age, samples, samples * 1_000, rate_weight, age_weight)
        for count in range(low, high + 1)
        for age in {age_us // (samples * 1_000) for age_us in (*ages, *between(ages))}
    }

    codes = {warning.code for warning in lint([scheme], where, VADDR)}

    assert (Code.QUOTA_NO_PRIORITY in codes) == (len(scores) == 1)


def between(ages: list[int]) -> list[int]:
    """Ages at which the score may step: powers of two of a second."""
    steps = [1_000_000 << power for power in range(12)]
    return [step for step in steps if ages[0] <= step <= ages[1]]

"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotune.backends.simulator.damon.applying import apply_schemes, look_at_watermarks
from autotune.backends.simulator.damon.schemes import Schemes
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
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from tests.backends.simulator.reference import passes
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import (
    AGGREGATION_US,
    FIRST_PAGE,
    JIFFY_US,
    PAGEOUT_US,
    SAMPLES,
    SCAN_US,
    Scene,
    at,
    fill,
    rows_of,
    staged,
)

COLD = AccessPattern(access_rate=Range(0.0, 0.0))
PAGEOUT = Scheme(action=Action.PAGEOUT, pattern=COLD)


def pageout(quota: Quota | None = None, **fields: Any) -> Schemes:
    return staged(Scheme(action=Action.PAGEOUT, pattern=COLD, quota=quota, **fields))


def a_pass(pages: int, **fields: Any) -> Quota:
    """A quota of so many pages in each pass."""
    return Quota(size_bytes=pages * PAGE, reset_interval_us=0, **fields)


def only(low: int, high: int, *, matching: bool) -> Filter:
    """A filter of addresses, in pages."""
    return Filter(type=FilterType.ADDR, matching=matching, address_range=(at(low), at(high)))


def four() -> Scene:
    return Scene((0, 64), pieces=4)


def test_the_first_window_has_no_limit_and_the_second_has() -> None:
    scene = four()
    schemes = pageout(Quota(size_bytes=8 * PAGE, reset_interval_us=1_000_000))

    first = scene.apply(schemes, 0.0)
    scene.bring_back()
    still_first = scene.apply(schemes, 0.9)
    scene.bring_back()
    second = scene.apply(schemes, 1.0)

    assert (first, still_first, second) == (64, 64, 8)


def test_with_a_reset_interval_of_zero_every_pass_is_a_window() -> None:
    scene = four()
    schemes = pageout(a_pass(8))

    passes_ = [scene.apply(schemes, second) for second in (0.0, 0.1, 0.2)]

    assert passes_ == [8, 8, 8]
    assert schemes.items[0].quota_exceeds == 2


def test_a_reset_interval_without_end_never_starts_a_second_window() -> None:
    scene = four()
    schemes = pageout(Quota(size_bytes=8 * PAGE, reset_interval_us=UNLIMITED))

    moved = []
    for second in (0.0, 1e3, 1e6):
        moved.append(scene.apply(schemes, second))
        scene.bring_back()

    assert moved == [64, 64, 64]


def test_a_quota_of_time_without_end_is_none() -> None:
    scene = four()

    assert scene.apply(pageout(Quota(time_us=3 * 10**18, reset_interval_us=0))) == 64


def test_the_next_window_goes_on_where_the_last_one_stopped() -> None:
    scene = four()
    schemes = pageout(a_pass(8))

    scene.apply(schemes, 0.0)
    resume = int(schemes.items[0].resume)
    scene.apply(schemes, 0.1)

    assert resume == at(8)
    assert scene.out == list(range(16))


def test_a_point_inside_a_region_cuts_it_and_what_is_before_is_left_alone() -> None:
    scene = four()
    schemes = pageout(a_pass(10))
    schemes.items[0].resume = at(20)

    scene.apply(schemes)

    assert scene.sizes[:3] == [16, 4, 10]
    assert scene.out == list(range(20, 30))


def test_a_point_cuts_also_a_region_that_the_scheme_does_not_match() -> None:
    scene = four()
    schemes = pageout(a_pass(10))
    schemes.items[0].resume = at(20)
    scene.items.moving = 200_000

    assert scene.apply(schemes) == 0
    assert scene.sizes == [16, 4, 12, 16, 16]


def test_a_point_at_the_end_costs_one_pass_that_does_nothing() -> None:
    scene = four()
    schemes = pageout(a_pass(8))
    schemes.items[0].resume = at(64)

    moved = [scene.apply(schemes, second) for second in (0.0, 0.1)]

    assert moved == [0, 8]
    assert scene.out == list(range(8))


def test_the_quota_is_charged_for_what_is_tried_whatever_comes_of_it() -> None:
    scene = four()
    schemes = pageout(a_pass(16))
    scene.apply(schemes, 0.0)
    schemes.items[0].resume = 0

    again = scene.apply(schemes, 0.1)

    assert again == 0
    assert schemes.items[0].charged == 16 * PAGE
    assert schemes.items[0].tried_bytes == 32 * PAGE


def test_a_quota_that_ends_inside_a_region_cuts_it_there() -> None:
    scene = four()

    scene.apply(pageout(a_pass(20)))

    assert scene.sizes == [16, 4, 12, 16, 16]
    assert scene.out == list(range(20))


def test_a_quota_that_is_no_whole_page_is_never_used_up() -> None:
    """A time quota of 1 ms at 1.25 pages a millisecond: one page, and a rest that fits none.

    So no window counts as exceeded, none goes on where the last one stopped, and each region that could
    not be tried counts as tried.
    """
    scene = four()
    schemes = pageout(Quota(time_us=1_000, reset_interval_us=0))
    item = schemes.items[0]

    moved = []
    for second in (0.0, 0.1, 0.2):
        item.spent_bytes, item.spent_ns = 5 * PAGE, 4_000_000
        item.charged = 0
        moved.append(scene.apply(schemes, second))

    assert item.allowed == 5 * PAGE // 4
    assert moved == [1, 0, 0]  # the lowest page, every time
    assert item.tried_bytes == 3 * PAGE
    # Of the first pass the page, the rest of its region and three others; then one region more.
    assert item.tried_regions == 5 + 5 + 5
    assert (item.quota_exceeds, item.resume) == (0, 0)


def test_a_quota_below_a_page_tries_nothing_and_leaves_ages_alone() -> None:
    scene = four()
    scene.items.age = 50
    goal = QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=10)
    schemes = pageout(Quota(goals=(goal,), reset_interval_us=0))

    scene.apply(schemes)

    assert scene.ages == [50] * 4
    assert scene.sizes == [16] * 4
    item = schemes.items[0]
    assert (item.tried_regions, item.tried_bytes, item.charged) == (4, 0, 0)


def test_older_regions_go_first_when_age_has_weight() -> None:
    scene = four()
    scene.items.age = [10, 10, 10, 100_000]

    scene.apply(pageout(a_pass(16, weights=Weights(age=1))))

    assert scene.out == list(range(48, 64))


def test_regions_of_one_score_go_by_address_until_the_quota_is_full() -> None:
    scene = four()
    scene.items.age = [0, 160, 159, 161]  # 16 s and 15.9 s differ by a step of the score

    scene.apply(pageout(a_pass(24, weights=Weights(age=1))))

    assert scene.out == [*range(16, 32), *range(48, 56)]


def test_every_tried_region_is_young_again_whatever_came_of_it() -> None:
    seen = {}
    for action in (
        Action.PAGEOUT,
        Action.COLD,
        Action.HUGEPAGE,
        Action.NOHUGEPAGE,
        Action.LRU_PRIO,
        Action.LRU_DEPRIO,
    ):
        for physical in (False, True):
            scene = four()
            scene.items.age = 50
            schemes = staged(Scheme(action=action, pattern=COLD), physical=physical)
            scene.apply(schemes)
            item = schemes.items[0]
            seen[action, physical] = (scene.ages, int(item.tried_bytes), int(item.charged))

    assert seen == dict.fromkeys(seen, ([0] * 4, 64 * PAGE, 64 * PAGE))


def test_stat_counts_and_leaves_ages_alone() -> None:
    scene = four()
    scene.items.age = 50
    schemes = staged(Scheme(action=Action.STAT, pattern=COLD))

    moved = scene.apply(schemes)

    assert moved == 0
    assert scene.ages == [50] * 4
    assert schemes.items[0].tried_bytes == 64 * PAGE
    assert schemes.items[0].applied_regions == 0


def test_the_first_scheme_takes_a_region_from_those_that_want_it_older() -> None:
    scene = four()
    scene.items.age = 50
    older = AccessPattern(access_rate=Range(0.0, 0.0), age_us=Range(5_000_000))
    schemes = staged(PAGEOUT, Scheme(action=Action.PAGEOUT, pattern=older))

    scene.apply(schemes)

    assert schemes.items.tried_regions.tolist() == [4, 0]


def test_what_one_scheme_cuts_off_the_next_one_sees_as_a_region() -> None:
    scene = Scene((0, 64))
    small = AccessPattern(size_bytes=Range(0, 8 * PAGE))
    first = Scheme(action=Action.STAT, quota=a_pass(8))

    scene.apply(schemes := staged(first, Scheme(action=Action.PAGEOUT, pattern=small)))

    assert scene.sizes == [8, 56]
    assert schemes.items.tried_bytes.tolist() == [8 * PAGE, 8 * PAGE]


def test_a_scheme_waits_for_its_apply_interval() -> None:
    scene = four()
    schemes = staged(Scheme(action=Action.STAT, apply_interval_us=1_000_000))

    tried = []
    for tick in (199, 200, 201, 399, 400):
        apply_schemes(schemes, scene.regions, scene.world, tick, SAMPLES, AGGREGATION_US)
        tried.append(int(schemes.items[0].tried_regions))

    assert tried == [0, 4, 4, 4, 8]


def test_a_scheme_that_is_off_waits_only_if_another_one_works() -> None:
    """A pass in which nothing works arms nothing again."""
    scene = four()
    schemes = staged(Scheme(action=Action.STAT), Scheme(action=Action.STAT))

    schemes.items.active = [0, 0]
    apply_schemes(schemes, scene.regions, scene.world, 20, SAMPLES, AGGREGATION_US)
    idle = schemes.items.next_apply.tolist()
    schemes.items.active = [0, 1]
    apply_schemes(schemes, scene.regions, scene.world, 21, SAMPLES, AGGREGATION_US)

    assert (idle, schemes.items.next_apply.tolist()) == ([20, 20], [41, 41])
    assert schemes.items.tried_regions.tolist() == [0, 4]


def test_the_time_that_trying_takes_is_measured_in_jiffies() -> None:
    scene = Scene((0, 200))
    schemes = pageout(Quota(time_us=1_000_000, reset_interval_us=1_000_000))

    scene.apply(schemes)

    # 200 pages of 100 us are 20 ms: five jiffies.
    assert schemes.items[0].spent_ns == 20_000_000


def test_a_full_array_holds_a_quota_back_instead_of_breaking_it() -> None:
    scene = Scene((0, 64), pieces=4, capacity=4)

    moved = scene.apply(pageout(a_pass(8)))

    assert moved == 0
    assert scene.sizes == [16] * 4


@pytest.mark.parametrize(
    ("filters", "out", "sizes"),
    [
        ((only(16, 32, matching=True),), [*range(16), *range(32, 64)], [16] * 4),
        ((only(16, 32, matching=False),), range(16, 32), [16] * 4),
        ((only(20, 24, matching=True),), [*range(20), *range(24, 64)], [16, 4, 4, 8, 16, 16]),
        ((only(20, 24, matching=False),), range(20, 24), [16, 4, 4, 8, 16, 16]),
        ((only(8, 40, matching=False),), range(8, 40), [8, 8, 16, 8, 8, 16]),
        (
            (only(8, 64, matching=False), only(0, 56, matching=False)),
            range(8, 56),
            [8, 8, 16, 16, 8, 8],
        ),
        ((only(100, 200, matching=False),), (), [16] * 4),
        ((Filter(type=FilterType.TARGET, target_index=0),), (), [16] * 4),
        ((Filter(type=FilterType.TARGET, target_index=1),), range(64), [16] * 4),
        (
            (Filter(type=FilterType.TARGET, target_index=1, matching=False),),
            (),
            [16] * 4,
        ),
    ],
)
def test_filters_cut_regions_at_their_bounds_and_keep_a_part_out(
    filters: tuple[Filter, ...], out: range | list[int], sizes: list[int]
) -> None:
    scene = four()
    scene.items.age = 50
    schemes = pageout(filters=filters)

    scene.apply(schemes)

    assert scene.out == list(out)
    assert scene.sizes == sizes
    assert schemes.items[0].tried_bytes == len(scene.out) * PAGE
    kept = [age for age in scene.ages if age == 50]
    assert len(kept) == sum(row.age > 0 for row in rows_of(scene.regions))
    for row in rows_of(scene.regions):
        tried = row.start // PAGE - FIRST_PAGE in scene.out
        assert row.age == (0 if tried else 50)


def test_only_what_a_filter_leaves_of_a_region_is_charged() -> None:
    scene = Scene((0, 64))
    schemes = pageout(a_pass(32), filters=(only(0, 8, matching=False),))

    scene.apply(schemes)

    assert scene.out == list(range(8))
    assert schemes.items[0].charged == 8 * PAGE
    assert scene.sizes == [8, 24, 24, 8]  # the quota's end cuts before the filter is asked


def test_watermarks_turn_a_scheme_on_below_mid_and_off_outside_high_and_low() -> None:
    marks = Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)
    schemes = pageout(watermarks=marks)

    waits = [
        look_at_watermarks(schemes, free) for free in (500, 501, 500, 450, 400, 399, 450, 199, 200)
    ]

    assert waits == [0.0, 5e6, 5e6, 5e6, 5e6, 0.0, 0.0, 5e6, 0.0]


def test_the_kdamond_sleeps_for_the_shortest_of_all_intervals_if_nothing_is_active() -> None:
    soon, late = (
        Scheme(
            action=Action.STAT,
            watermarks=Watermarks(interval_us=interval_us, high=0.5, mid=0.4, low=0.2),
        )
        for interval_us in (1_000_000, 5_000_000)
    )

    assert look_at_watermarks(staged(late, soon), 900) == 1e6
    assert look_at_watermarks(staged(late, Scheme(action=Action.STAT)), 900) == 0.0


def test_without_watermarks_or_schemes_nothing_waits() -> None:
    assert look_at_watermarks(pageout(), 0) == 0.0
    assert look_at_watermarks(staged(), 0) == 0.0


@dataclass(frozen=True)
class Play:
    """Schemes for both implementations, memory, and what the regions look like before each pass."""

    schemes: tuple[Scheme, ...]
    areas: list[tuple[int, int]]
    bounds: list[int]
    counts: list[list[tuple[int, int]]]
    times_us: list[int]


SPANS = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda pair: tuple(sorted(pair)))


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    if draw(st.integers(0, 4)) == 0:
        return Filter(
            type=FilterType.TARGET,
            target_index=draw(st.integers(0, 1)),
            matching=draw(st.booleans()),
        )
    low, high = draw(SPANS)
    return only(low, high + 1, matching=draw(st.booleans()))


@st.composite
def quotas(draw: st.DrawFn) -> Quota:
    time_us = draw(st.none() | st.sampled_from([1_000, 3_000]))
    goals = tuple(
        QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=target, current_value=current)
        for target, current in draw(
            st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), max_size=2)
        )
    )
    pages = draw(
        st.integers(1, 200) if time_us is None and not goals else st.none() | st.integers(1, 200)
    )
    return Quota(
        time_us=time_us,
        size_bytes=None if pages is None else pages * PAGE,
        reset_interval_us=draw(st.sampled_from([0, 0, 100_000, 250_000])),
        weights=Weights(access_rate=draw(st.integers(0, 3)), age=draw(st.integers(0, 3)), size=5),
        goals=goals,
    )


@st.composite
def schemes_(draw: st.DrawFn) -> Scheme:
    low, high = sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 20))))
    return Scheme(
        action=draw(st.sampled_from([Action.PAGEOUT, Action.PAGEOUT, Action.STAT])),
        pattern=AccessPattern(
            size_bytes=Range(draw(st.sampled_from([0, 0, 4 * PAGE]))),
            access_rate=Range(low / 20, high / 20),
            age_us=Range(draw(st.sampled_from([0, 0, 200_000]))),
        ),
        quota=draw(st.none() | quotas()),
        filters=tuple(draw(st.lists(filters(), max_size=2))),
        apply_interval_us=draw(st.sampled_from([0, 50_000, 300_000])),
    )


@st.composite
def plays(draw: st.DrawFn) -> Play:
    areas, end = [], 0
    for _ in range(draw(st.integers(1, 3))):
        low = end + draw(st.sampled_from([0, 0, 5]))
        end = low + draw(st.integers(1, 120))
        areas.append((low, end))
    inner = draw(st.lists(st.integers(1, end + 10), max_size=6))
    bounds = sorted({0, end + draw(st.sampled_from([0, 3])), *inner})
    counts = st.lists(
        st.tuples(st.integers(0, 20) | st.just(0), st.integers(0, 500)), min_size=12, max_size=12
    )
    return Play(
        schemes=tuple(draw(st.lists(schemes_(), min_size=1, max_size=3))),
        areas=areas,
        bounds=bounds,
        counts=draw(st.lists(counts, min_size=4, max_size=4)),
        times_us=[pass_ * 100_500 for pass_ in range(4)],
    )


def as_reference(scheme: Scheme) -> passes.Scheme:
    """The scheme in the kernel's units; all of it is on the kernel's grid."""
    pattern, quota = scheme.pattern, scheme.quota
    highest = pattern.access_rate.max
    most = 2**32 if highest == UNLIMITED else round(highest * 20)
    made = passes.Scheme(
        action="stat" if scheme.action is Action.STAT else "pageout",
        sizes=(pattern.size_bytes.min, 2**64),
        hits=(round(pattern.access_rate.min * 20), most),
        ages=(pattern.age_us.min // AGGREGATION_US, 2**32),
        apply_ticks=(scheme.apply_interval_us or AGGREGATION_US) // 5_000,
    )
    made.next_apply = made.apply_ticks
    if quota is not None:
        made.quota_ms = (quota.time_us or 0) // 1000
        made.quota_bytes = quota.size_bytes or 0
        made.goals = [(goal.target_value, goal.current_value) for goal in quota.goals]
        made.reset_us = -(-int(quota.reset_interval_us) // JIFFY_US) * JIFFY_US
        made.weights = (quota.weights.access_rate, quota.weights.age)
    made.filters = [
        passes.Filter(item.matching, item.address_range, item.target_index or 0)
        for item in scheme.filters
    ]
    return made


def figures(schemes: Schemes) -> list[list[int]]:
    names = ("charged", "allowed", "resume", "spent_bytes", "spent_ns", "next_apply")
    stats = ("tried_regions", "tried_bytes", "applied_regions", "applied_bytes", "quota_exceeds")
    return [[int(item[name]) for name in names + stats] for item in schemes.items]


def figures_of_reference(schemes: list[passes.Scheme]) -> list[list[int]]:
    return [
        [
            *(s.charged, s.esz, s.resume, s.total_bytes, s.total_ns, s.next_apply),
            *(*s.tried, *s.applied, s.exceeds),
        ]
        for s in schemes
    ]


@settings(max_examples=300)
@given(plays())
def test_passes_are_those_of_the_reference(play: Play) -> None:
    scene, schemes = Scene(*play.areas), staged(*play.schemes)
    references = [as_reference(scheme) for scheme in play.schemes]
    areas = [(FIRST_PAGE + low, FIRST_PAGE + high) for low, high in play.areas]
    resident = {page for low, high in areas for page in range(low, high)}
    memory = passes.Memory(areas, resident, PAGEOUT_US, SCAN_US, JIFFY_US)
    rows = [
        Region(at(low), at(high)) for low, high in zip(play.bounds, play.bounds[1:], strict=False)
    ]
    for number, counts in enumerate(play.counts):
        for index, row in enumerate(rows):
            hits, age = counts[index % len(counts)]
            row.moving, row.age = hits * 10_000, max(row.age, age)
        fill(scene.regions, rows)
        now_us = max(float(play.times_us[number]), memory.now_us)
        scene.world.clock[0].now_us = memory.now_us = now_us
        tick = 20 * (number + 1)

        apply_schemes(schemes, scene.regions, scene.world, tick, SAMPLES, AGGREGATION_US)

        run = passes.Pass(references, rows, memory, samples=SAMPLES, aggregation_us=AGGREGATION_US)
        run.run(tick)
        assert rows_of(scene.regions) == rows
        assert figures(schemes) == figures_of_reference(references)
        assert scene.out == sorted(page - FIRST_PAGE for page in memory.out)
        assert math.isclose(scene.world.clock[0].now_us, memory.now_us)

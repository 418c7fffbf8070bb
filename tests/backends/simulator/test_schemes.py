"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from autotune.backends.simulator.memory import PAGE
from autotune.backends.simulator.records import Records
from autotune.backends.simulator.regions import make_regions
from autotune.backends.simulator.schemes import (
    adjust_quota,
    apply_schemes,
    hot_score,
    look_at_watermarks,
    matches,
    stage,
)
from autotune.damon import Intervals
from autotune.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Quota,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from tests.backends.simulator.scene import (
    AGGREGATION_US,
    JIFFY_US,
    MACHINE,
    SAMPLES,
    Scene,
)

COLD = AccessPattern(access_rate=Range(0.0, 0.0))


def staged(quota: Quota | None = None, **fields: Any) -> Records:
    scheme = Scheme(action=Action.PAGEOUT, pattern=COLD, quota=quota, **fields)
    return stage((scheme,), Intervals(), JIFFY_US)


def spread(table: dict[range | int, int]) -> list[tuple[int, int]]:
    return [
        (age, score)
        for ages, score in table.items()
        for age in ([ages] if isinstance(ages, int) else (ages[0], ages[-1]))
    ]


@pytest.mark.parametrize(
    ("seconds", "cold"),
    spread(
        {
            0: 50,
            1: 52,
            range(2, 4): 54,
            range(4, 8): 55,
            range(8, 16): 57,
            range(16, 32): 58,
            range(32, 64): 60,
            range(64, 128): 61,
            range(128, 256): 63,
            range(256, 512): 65,
            range(512, 1024): 66,
        }
    ),
)
def test_cold_score_of_an_idle_region_rises_by_age(seconds: int, cold: int) -> None:
    assert 99 - hot_score(0, seconds * 10, SAMPLES, AGGREGATION_US, 0, 1) == cold


@pytest.mark.parametrize(
    ("seconds", "hot"),
    spread(
        {
            0: 49,
            1: 50,
            range(2, 4): 52,
            range(4, 8): 53,
            range(8, 16): 55,
            range(16, 32): 56,
            range(32, 64): 58,
            range(64, 128): 59,
            range(128, 256): 61,
        }
    ),
)
def test_hot_score_of_an_accessed_region_rises_by_age(seconds: int, hot: int) -> None:
    assert hot_score(5, seconds * 10, SAMPLES, AGGREGATION_US, 0, 1) == hot


@pytest.mark.parametrize(("hits", "cold"), [(0, 99), (2, 90), (10, 50), (18, 10), (20, 0)])
def test_cold_score_by_rate_alone(hits: int, cold: int) -> None:
    assert 99 - hot_score(hits, 0, SAMPLES, AGGREGATION_US, 1, 0) == cold


@pytest.mark.parametrize(("seconds", "cold"), [(0, 75), (1, 76), (2, 77), (64, 81)])
def test_cold_score_by_rate_and_age(seconds: int, cold: int) -> None:
    assert 99 - hot_score(0, seconds * 10, SAMPLES, AGGREGATION_US, 1, 1) == cold


def test_without_weights_all_regions_are_alike() -> None:
    scores = {
        hot_score(hits, years, SAMPLES, AGGREGATION_US, 0, 0)
        for hits, years in itertools.product((0, 7, 20), (0, 100, 10_000))
    }

    assert scores == {0}


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("size", (2 * PAGE, 4 * PAGE), (PAGE, 5 * PAGE)),
        ("hits", (1, 2), (0, 3)),
        ("age", (3, 5), (2, 6)),
    ],
)
def test_a_region_matches_inside_all_bounds_and_on_them(
    field: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    pattern = AccessPattern(
        size_bytes=Range(2 * PAGE, 4 * PAGE),
        access_rate=Range(0.05, 0.10),
        age_us=Range(300_000, 500_000),
    )
    scheme = stage((Scheme(action=Action.STAT, pattern=pattern),), Intervals(), JIFFY_US)[0]

    def match(value: int) -> bool:
        values = {"size": 3 * PAGE, "hits": 1, "age": 4, field: value}
        region = make_regions([(0, values["size"])], 1, 4).items[0]
        region.moving, region.age = values["hits"] * 10_000, values["age"]
        return bool(matches(scheme, region))

    assert [match(value) for value in inside] == [True, True]
    assert [match(value) for value in outside] == [False, False]


def test_a_time_quota_allows_four_mebibytes_a_millisecond_before_anything_was_measured() -> None:
    scheme = staged(Quota(time_us=1000, reset_interval_us=0))[0]

    adjust_quota(scheme, make_regions([(0, PAGE)], 1, 4), 0.0, SAMPLES, AGGREGATION_US)

    assert scheme.allowed == 4_194_304


def test_a_time_quota_follows_the_measured_speed() -> None:
    scheme = staged(Quota(time_us=10_000, reset_interval_us=0))[0]
    scheme.spent_bytes, scheme.spent_ns = 1_000_000, 4_000_000

    adjust_quota(scheme, make_regions([(0, PAGE)], 1, 4), 0.0, SAMPLES, AGGREGATION_US)

    assert scheme.allowed == 10 * 250_000


def test_the_smaller_of_two_quotas_holds() -> None:
    scheme = staged(Quota(time_us=1000, size_bytes=8 * PAGE, reset_interval_us=0))[0]

    adjust_quota(scheme, make_regions([(0, PAGE)], 1, 4), 0.0, SAMPLES, AGGREGATION_US)

    assert scheme.allowed == 8 * PAGE


def test_the_first_window_has_no_limit_and_the_second_has() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=1_000_000))

    first = scene.apply(schemes, 0.0)
    scene.touch_all()
    still_first = scene.apply(schemes, 0.9)
    scene.touch_all()
    second = scene.apply(schemes, 1.0)

    assert (first, still_first, second) == (64, 64, 8)


def test_with_a_reset_interval_of_zero_every_pass_is_a_window() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=0))

    passes = [scene.apply(schemes, second) for second in (0.0, 0.1, 0.2)]

    assert passes == [8, 8, 8]
    assert schemes[0].quota_exceeds == 2


def test_the_next_window_goes_on_where_the_last_one_stopped() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=0))

    scene.apply(schemes, 0.0)
    resume = int(schemes[0].resume)
    scene.apply(schemes, 0.1)

    assert resume == scene.start + 8 * PAGE
    assert scene.out == list(range(16))


def test_the_quota_is_charged_for_what_is_tried_whatever_comes_of_it() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=16 * PAGE, reset_interval_us=0))
    scene.apply(schemes, 0.0)
    schemes[0].resume = 0

    again = scene.apply(schemes, 0.1)

    assert again == 0
    assert schemes[0].charged == 16 * PAGE
    assert schemes[0].tried_bytes == 32 * PAGE


def test_every_tried_region_is_young_again() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = 50

    scene.apply(staged(), 0.0)

    assert scene.regions.items.age[:4].tolist() == [0, 0, 0, 0]


def test_stat_counts_and_leaves_ages_alone() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = 50
    schemes = stage((Scheme(action=Action.STAT, pattern=COLD),), Intervals(), JIFFY_US)

    moved = scene.apply(schemes, 0.0)

    assert moved == 0
    assert scene.regions.items.age[:4].tolist() == [50] * 4
    assert schemes[0].tried_bytes == 64 * PAGE
    assert schemes[0].applied_regions == 0


def test_older_regions_go_first_when_age_has_weight() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = [10, 10, 10, 100_000]
    quota = Quota(size_bytes=16 * PAGE, reset_interval_us=0, weights=Weights(age=1))

    scene.apply(staged(quota), 0.0)

    assert scene.out == list(range(48, 64))


def test_an_action_takes_its_time_from_the_kdamond() -> None:
    scene = Scene(pages=64, pieces=4)

    scene.apply(staged(), 0.0)

    assert scene.world.clock[0].busy_us == pytest.approx(64 * MACHINE.pageout_us)
    assert scene.world.clock[0].now_us == pytest.approx(64 * MACHINE.pageout_us)


def test_memory_with_a_hole_goes_out_but_is_not_called_applied() -> None:
    scene = Scene(pages=64, pieces=1)
    scene.regions.items[0].end += PAGE

    moved = scene.apply(schemes := staged(), 0.0)

    assert moved == 64
    assert (schemes[0].tried_regions, schemes[0].applied_regions) == (1, 0)


def test_watermarks_turn_a_scheme_on_below_mid_and_off_outside_high_and_low() -> None:
    marks = Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)
    schemes = staged(watermarks=marks)

    waits = [look_at_watermarks(schemes, free) for free in (501, 450, 399, 450, 199, 200)]

    assert waits == [5e6, 5e6, 0.0, 0.0, 5e6, 0.0]


def test_without_watermarks_or_schemes_nothing_waits() -> None:
    none = stage((), Intervals(), JIFFY_US)

    assert look_at_watermarks(staged(), 0) == 0.0
    assert look_at_watermarks(none, 0) == 0.0


def test_a_reset_interval_without_end_never_starts_a_second_window() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=UNLIMITED))

    moved = []
    for second in (0.0, 1e3, 1e6):
        moved.append(scene.apply(schemes, second))
        scene.touch_all()

    assert moved == [64, 64, 64]


def test_a_quota_that_ends_inside_a_region_cuts_it_there() -> None:
    scene = Scene(pages=64, pieces=4)

    scene.apply(staged(Quota(size_bytes=20 * PAGE, reset_interval_us=0)), 0.0)

    assert scene.sizes == [16, 4, 12, 16, 16]
    assert scene.out == list(range(20))


def test_a_point_inside_a_region_cuts_it_and_what_is_before_is_left_alone() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=10 * PAGE, reset_interval_us=0))
    schemes[0].resume = scene.start + 20 * PAGE

    scene.apply(schemes, 0.0)

    assert scene.sizes[:3] == [16, 4, 10]
    assert scene.out == list(range(20, 30))


def test_a_point_at_the_end_costs_one_pass_that_does_nothing() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(size_bytes=8 * PAGE, reset_interval_us=0))
    schemes[0].resume = scene.start + 64 * PAGE

    passes = [scene.apply(schemes, second) for second in (0.0, 0.1)]

    assert passes == [0, 8]
    assert scene.out == list(range(8))


def test_what_is_left_of_a_quota_below_a_page_only_counts_tries() -> None:
    """A time quota of 1 ms at 1.25 pages a millisecond: one page, and a rest that fits none."""
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(time_us=1_000, reset_interval_us=0))
    schemes[0].spent_bytes, schemes[0].spent_ns = 5 * PAGE, 4_000_000

    moved = scene.apply(schemes, 0.0)

    assert moved == 1
    assert schemes[0].charged == PAGE
    assert schemes[0].allowed == 5 * PAGE // 4
    assert schemes[0].tried_bytes == PAGE
    assert schemes[0].tried_regions == 1 + 4  # the rest of the first region, and the three others
    assert schemes[0].resume == 0


def test_a_full_array_holds_a_quota_back_instead_of_breaking_it() -> None:
    scene = Scene(pages=64, pieces=4, capacity=4)

    moved = scene.apply(staged(Quota(size_bytes=8 * PAGE, reset_interval_us=0)), 0.0)

    assert moved == 0
    assert scene.sizes == [16] * 4


def test_the_first_scheme_takes_a_region_from_those_that_want_it_older() -> None:
    scene = Scene(pages=64, pieces=4)
    scene.regions.items.age[:4] = 50
    older = AccessPattern(access_rate=Range(0.0, 0.0), age_us=Range(5_000_000))
    schemes = stage(
        (
            Scheme(action=Action.PAGEOUT, pattern=COLD),
            Scheme(action=Action.PAGEOUT, pattern=older),
        ),
        Intervals(),
        JIFFY_US,
    )

    scene.apply(schemes, 0.0)

    assert schemes.tried_regions.tolist() == [4, 0]


def test_a_scheme_waits_for_its_apply_interval() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = stage(
        (Scheme(action=Action.STAT, apply_interval_us=1_000_000),), Intervals(), JIFFY_US
    )

    tried = []
    for tick in (199, 200, 201, 399, 400):
        apply_schemes(schemes, scene.regions, scene.world, tick, SAMPLES, AGGREGATION_US)
        tried.append(int(schemes[0].tried_regions))

    assert tried == [0, 4, 4, 4, 8]


def test_the_time_that_trying_takes_is_measured_in_jiffies() -> None:
    scene = Scene(pages=200, pieces=1)
    schemes = staged(Quota(time_us=1_000_000, reset_interval_us=1_000_000))

    scene.apply(schemes, 0.0)

    # 200 pages of 100 us are 20 ms: five jiffies.
    assert schemes[0].spent_ns == 20_000_000


def test_a_quota_of_time_without_end_is_none() -> None:
    scene = Scene(pages=64, pieces=4)
    schemes = staged(Quota(time_us=3 * 10**18, reset_interval_us=0))

    assert scene.apply(schemes, 0.0) == 64

"""Vectors are those of Linux 6.12's rules, worked out by hand; some were also observed on it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.schemes import (
    MODELLED,
    TAKES_ALL,
    TAKES_NONE,
    TAKES_OLD,
    TAKES_YOUNG,
    UNREACHED,
    hot_score,
    looks_at_marks,
    matches,
    score,
)
from autotune.damon import kernel_rules
from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Filter,
    FilterType,
    Quota,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.monitoring import OperationsSet
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import (
    AGGREGATION_US,
    JIFFY_US,
    SAMPLES,
    regions_of,
    staged,
)


def spread(table: dict[range | int, int]) -> dict[int, int]:
    """The values of the first and the last age of each range."""
    return {
        age: value
        for ages, value in table.items()
        for age in ([ages] if isinstance(ages, int) else (ages[0], ages[-1]))
    }


def test_cold_score_of_an_idle_region_rises_by_age() -> None:
    cold = spread(
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
    )

    assert {
        seconds: 99 - hot_score(0, seconds * 10, SAMPLES, AGGREGATION_US, 0, 1) for seconds in cold
    } == cold


def test_hot_score_of_an_accessed_region_rises_by_age() -> None:
    hot = spread(
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
    )

    assert {
        seconds: hot_score(5, seconds * 10, SAMPLES, AGGREGATION_US, 0, 1) for seconds in hot
    } == hot


def test_cold_score_by_rate_alone() -> None:
    cold = {0: 99, 2: 90, 10: 50, 18: 10, 20: 0}

    assert {hits: 99 - hot_score(hits, 0, SAMPLES, AGGREGATION_US, 1, 0) for hits in cold} == cold


def test_cold_score_by_rate_and_age() -> None:
    cold = {0: 75, 1: 76, 2: 77, 64: 81}

    assert {
        seconds: 99 - hot_score(0, seconds * 10, SAMPLES, AGGREGATION_US, 1, 1) for seconds in cold
    } == cold


def test_without_weights_all_regions_are_alike() -> None:
    scores = {
        hot_score(hits, years, SAMPLES, AGGREGATION_US, 0, 0)
        for hits, years in itertools.product((0, 7, 20), (0, 100, 10_000))
    }

    assert scores == {0}


@given(
    st.integers(1, 400),
    st.integers(0, 500),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1_000, 100_000, 3_000_000]),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
@example(20, 23, 2**32 - 1, 100_000, 300, 700)
@example(20, 0, 2**32 - 1, 100_000, 0, 3)
def test_hot_scores_are_those_of_the_plain_rule(
    samples: int, hits: int, years: int, aggregation_us: int, rate_weight: int, age_weight: int
) -> None:
    given_ = (hits, years, samples, aggregation_us, rate_weight, age_weight)

    assert hot_score(*given_) == kernel_rules.hot_score(*given_)


@pytest.mark.parametrize("operations", [OperationsSet.VADDR, OperationsSet.PADDR])
@pytest.mark.parametrize("action", MODELLED)
def test_priorities_are_those_of_the_plain_rule(action: Action, operations: OperationsSet) -> None:
    quota = Quota(size_bytes=PAGE, weights=Weights(access_rate=3, age=5))
    physical = operations is OperationsSet.PADDR
    scheme = staged(Scheme(action=action, quota=quota), physical=physical).items[0]
    cases = list(itertools.product((0, 1, 7, 20, 23), (0, 9, 10, 33, 5000, 2**32 - 1)))
    regions = regions_of(
        Region(0, PAGE, moving=hits * 10_000 + 7, age=years) for hits, years in cases
    )

    found = [
        score(scheme, region, SAMPLES, AGGREGATION_US) for region in regions.items[: len(cases)]
    ]

    assert found == [
        kernel_rules.priority(
            action,
            operations,
            kernel_rules.hot_score(hits, years, SAMPLES, AGGREGATION_US, 3, 5),
        )
        for hits, years in cases
    ]


@pytest.mark.parametrize(
    ("action", "physical", "kind"),
    [
        (Action.PAGEOUT, False, "cold"),
        (Action.PAGEOUT, True, "cold"),
        (Action.LRU_DEPRIO, True, "cold"),
        (Action.LRU_PRIO, True, "hot"),
        (Action.COLD, False, "alike"),
        (Action.HUGEPAGE, False, "alike"),
        (Action.NOHUGEPAGE, False, "alike"),
        (Action.LRU_PRIO, False, "alike"),
        (Action.LRU_DEPRIO, False, "alike"),
        (Action.STAT, False, "alike"),
        (Action.STAT, True, "alike"),
    ],
)
def test_what_goes_first_depends_on_the_action_and_the_address_space(
    action: Action, physical: bool, kind: str
) -> None:
    quota = Quota(size_bytes=PAGE, weights=Weights(access_rate=1))
    scheme = staged(Scheme(action=action, quota=quota), physical=physical).items[0]
    regions = regions_of([Region(0, PAGE, moving=20_000)])

    found = score(scheme, regions.items[0], SAMPLES, AGGREGATION_US)

    assert found == {"cold": 90, "hot": 9, "alike": 99}[kind]


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
    scheme = staged(Scheme(action=Action.STAT, pattern=pattern)).items[0]

    def match(value: int) -> bool:
        values = {"size": 3 * PAGE, "hits": 1, "age": 4, field: value}
        region = Region(0, values["size"], moving=values["hits"] * 10_000 + 3, age=values["age"])
        return bool(matches(scheme, regions_of([region]).items[0]))

    assert [match(value) for value in inside] == [True, True]
    assert [match(value) for value in outside] == [False, False]


def test_the_running_count_of_an_aggregation_is_not_what_is_matched() -> None:
    """The moving sum is: it holds the last aggregation's share."""
    pattern = AccessPattern(access_rate=Range(0.5))
    scheme = staged(Scheme(action=Action.STAT, pattern=pattern)).items[0]

    seen = [
        bool(matches(scheme, regions_of([Region(0, PAGE, hits=h, moving=m)]).items[0]))
        for h, m in ((0, 100_000), (20, 99_999))
    ]

    assert seen == [True, False]


def test_a_reset_interval_is_rounded_up_to_jiffies() -> None:
    quota = Quota(size_bytes=PAGE, reset_interval_us=5_000)

    assert staged(Scheme(action=Action.STAT, quota=quota)).items[0].reset_us == 2 * JIFFY_US


def test_apply_intervals_are_counted_in_ticks() -> None:
    schemes = [
        Scheme(action=Action.STAT, apply_interval_us=interval_us)
        for interval_us in (0, 20_000, 4_999, 1_000_000)
    ]

    assert staged(*schemes).items.apply_ticks.tolist() == [20, 4, 0, 200]


def test_bounds_without_end_are_beyond_everything() -> None:
    scheme = Scheme(action=Action.STAT, quota=Quota(size_bytes=PAGE, reset_interval_us=UNLIMITED))

    item = staged(scheme).items[0]

    assert item.max_sz == UNREACHED
    assert item.reset_us > 10**14


@pytest.mark.parametrize(
    ("filters", "paged_out", "moved"),
    [
        # The kernel puts a filter against young pages before a page-out that has none for them.
        ((), TAKES_OLD, TAKES_ALL),
        ((Filter(type=FilterType.ANON, matching=False),), TAKES_OLD, TAKES_ALL),
        ((Filter(type=FilterType.YOUNG),), TAKES_OLD, TAKES_OLD),
        ((Filter(type=FilterType.YOUNG, matching=False),), TAKES_YOUNG, TAKES_YOUNG),
        ((Filter(type=FilterType.ANON),), TAKES_NONE, TAKES_NONE),
        (
            (Filter(type=FilterType.YOUNG, matching=False), Filter(type=FilterType.ANON)),
            TAKES_NONE,
            TAKES_NONE,
        ),
        (
            (Filter(type=FilterType.YOUNG), Filter(type=FilterType.YOUNG, matching=False)),
            TAKES_NONE,
            TAKES_NONE,
        ),
    ],
    ids=[
        "none",
        "anonymous only",
        "not young",
        "young only",
        "not anonymous",
        "young, not anonymous",
        "young and not",
    ],
)
def test_filters_of_pages_say_which_an_action_takes(
    filters: tuple[Filter, ...], paged_out: int, moved: int
) -> None:
    takes = {Action.PAGEOUT: paged_out, Action.LRU_PRIO: moved, Action.LRU_DEPRIO: moved}
    given = [Scheme(action=action, filters=filters) for action in takes]

    schemes = staged(*given, physical=True)

    assert schemes.items.takes.tolist() == list(takes.values())
    assert len(schemes.filters) == 0  # none that looks at addresses
    for scheme in given:
        assert looks_at_marks(scheme) == (takes[scheme.action] in (TAKES_OLD, TAKES_YOUNG))


def test_watermarks_are_counted_in_permille() -> None:
    marks = Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2)

    item = staged(Scheme(action=Action.STAT, watermarks=marks)).items[0]

    assert (item.look_us, item.high, item.mid, item.low) == (5e6, 500, 400, 200)

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.kernel_units import (
    UINT_MAX,
    ULONG_MAX,
    KernelScheme,
    on_grid,
    to_kernel,
)
from autotune.damon.monitoring import Intervals
from autotune.units import format_duration, format_share

NEAR = Fraction(2, 10**9)
"""A count this near to a whole one is meant as it: fractions such as 1/3 have no exact spelling."""

SIZES = st.integers(0, 2**40)
DURATIONS = st.integers(0, 10**11) | st.integers(0, 10**6).map(lambda count: count * 100_000)
FRACTIONS = (
    st.floats(0.0, 1.0)
    | st.integers(0, 100).map(lambda percent: percent / 100)
    | st.builds(lambda number, of: min(number, of) / of, st.integers(0, 99), st.integers(1, 99))
)
PERMILLES = st.floats(0.0, 1.0) | st.integers(0, 1000).map(lambda number: number / 1000)
INTERVALS = st.builds(
    lambda sampling_us, samples, rest: Intervals(
        sampling_us=sampling_us, aggregation_us=sampling_us * samples + rest % sampling_us
    ),
    st.sampled_from((1, 1_000, 5_000, 7_000)),
    st.integers(1, 200),
    st.just(0) | st.integers(0, 10_000),
)


def ranges(bounds: st.SearchStrategy[int]) -> st.SearchStrategy[Range[int]]:
    pairs = st.tuples(bounds, bounds).map(sorted)
    return pairs.map(lambda pair: Range(*pair)) | bounds.map(Range)


RATES = st.tuples(FRACTIONS, FRACTIONS).map(lambda pair: Range(min(pair), max(pair))) | (
    FRACTIONS.map(Range)
)
PATTERNS = st.builds(
    AccessPattern, size_bytes=ranges(SIZES), access_rate=RATES, age_us=ranges(DURATIONS)
)
QUOTAS = st.builds(
    Quota,
    time_us=st.none() | st.integers(1, 10**9),
    size_bytes=st.integers(1, 2**40),
    reset_interval_us=DURATIONS | st.just(UNLIMITED),
)
WATERMARKS = st.builds(
    lambda interval_us, marks: Watermarks(
        interval_us=interval_us, low=marks[0], mid=marks[1], high=marks[2]
    ),
    DURATIONS,
    st.tuples(PERMILLES, PERMILLES, PERMILLES).map(sorted),
)
SCHEMES = st.builds(
    Scheme,
    action=st.just(Action.PAGEOUT),
    pattern=PATTERNS,
    quota=st.none() | QUOTAS,
    watermarks=st.none() | WATERMARKS,
)


def counted(scheme: Scheme, intervals: Intervals) -> KernelScheme:
    """As `to_kernel`, for schemes that are possible."""
    try:
        return to_kernel(scheme, intervals)
    except ValueError:
        assume(False)
        raise


def inside(value: Fraction, bounds: Range[int] | Range[float], near: Fraction) -> bool:
    """Whether *value* lies between *bounds*, or beside one by no more than *near*."""
    reaches = bounds.max == UNLIMITED or value <= Fraction(bounds.max) + near
    return Fraction(bounds.min) - near <= value and reaches


def rate_matches(count: int, bounds: Range[float], intervals: Intervals) -> bool:
    near = NEAR / intervals.samples
    limit = bounds.max if bounds.max == UNLIMITED else Fraction(bounds.max) + near
    limited = bounds if limit < 1 else Range(bounds.min)
    return inside(Fraction(count, intervals.samples), limited, near)


@given(SCHEMES, INTERVALS, st.data())
def test_rounding_never_widens_a_scheme(
    scheme: Scheme, intervals: Intervals, data: st.DataObject
) -> None:
    kernel = counted(scheme, intervals)
    pattern = scheme.pattern

    size = data.draw(st.integers(*kernel.sz))
    count = data.draw(st.integers(*kernel.nr_accesses))
    age = data.draw(st.integers(*kernel.age))

    assert inside(Fraction(size), pattern.size_bytes, Fraction(0))
    assert rate_matches(count, pattern.access_rate, intervals)
    assert inside(Fraction(age * intervals.aggregation_us), pattern.age_us, Fraction(0))


@given(SCHEMES, INTERVALS)
def test_rounding_leaves_nothing_out_that_was_meant(scheme: Scheme, intervals: Intervals) -> None:
    kernel = counted(scheme, intervals)
    pattern, unit = scheme.pattern, intervals.aggregation_us
    counts = range(intervals.samples + 1)
    first, last = kernel.nr_accesses

    assert not inside(Fraction(kernel.sz[0] - PAGE_BYTES), pattern.size_bytes, Fraction(0))
    assert kernel.sz[1] == ULONG_MAX or not inside(
        Fraction(kernel.sz[1] + PAGE_BYTES), pattern.size_bytes, Fraction(0)
    )
    assert all(
        first <= count <= last
        for count in counts
        if inside(Fraction(count, intervals.samples), pattern.access_rate, Fraction(0))
    )
    assert not inside(Fraction((kernel.age[0] - 1) * unit), pattern.age_us, Fraction(0))
    assert kernel.age[1] == UINT_MAX or not inside(
        Fraction((kernel.age[1] + 1) * unit), pattern.age_us, Fraction(0)
    )


@given(RATES, INTERVALS)
def test_a_rate_is_refused_only_if_no_count_matches_it(
    bounds: Range[float], intervals: Intervals
) -> None:
    scheme = Scheme(action=Action.STAT, pattern=AccessPattern(access_rate=bounds))

    matching = [
        count
        for count in range(intervals.samples + 1)
        if inside(Fraction(count, intervals.samples), scheme.pattern.access_rate, Fraction(0))
    ]
    try:
        to_kernel(scheme, intervals)
    except ValueError:
        assert not matching


@given(QUOTAS, INTERVALS)
def test_limits_round_down_and_their_window_up(quota: Quota, intervals: Intervals) -> None:
    kernel = counted(Scheme(action=Action.PAGEOUT, quota=quota), intervals)

    assert quota.size_bytes is not None
    assert 0 < kernel.quota_bytes <= quota.size_bytes < kernel.quota_bytes + PAGE_BYTES
    assert kernel.quota_bytes % PAGE_BYTES == 0
    if quota.time_us is not None:
        assert 0 < kernel.quota_ms * 1000 <= quota.time_us < (kernel.quota_ms + 1) * 1000
    if quota.reset_interval_us != UNLIMITED:
        window_us = kernel.reset_interval_ms * 1000
        assert window_us - 1000 < quota.reset_interval_us <= window_us


@given(WATERMARKS, INTERVALS)
def test_watermarks_round_such_that_a_scheme_is_active_no_longer(
    marks: Watermarks, intervals: Intervals
) -> None:
    kernel = counted(Scheme(action=Action.PAGEOUT, watermarks=marks), intervals)

    assert kernel.watermarks is not None
    interval_us, high, mid, low = kernel.watermarks
    assert interval_us == marks.interval_us
    assert high <= Fraction(marks.high) * 1000 + NEAR < high + 1 + NEAR
    assert mid <= Fraction(marks.mid) * 1000 + NEAR < mid + 1 + NEAR
    assert low - 1 - NEAR < Fraction(marks.low) * 1000 - NEAR <= low
    assert high >= mid >= low


@given(SCHEMES, INTERVALS)
def test_what_is_on_the_grid_stays_where_it_is(scheme: Scheme, intervals: Intervals) -> None:
    kernel = counted(scheme, intervals)

    grid = on_grid(scheme, intervals)

    assert to_kernel(grid, intervals) == kernel
    assert on_grid(grid, intervals) == grid


ALMOST_ALL = Range(0.0, 1.0 - 2**-53)


@given(RATES, INTERVALS)
@example(ALMOST_ALL, Intervals())
def test_damo_reads_the_same_counts_from_the_rates_that_are_printed(
    bounds: Range[float], intervals: Intervals
) -> None:
    scheme = Scheme(action=Action.STAT, pattern=AccessPattern(access_rate=bounds))
    kernel = counted(scheme, intervals)

    grid = on_grid(scheme, intervals).pattern.access_rate

    rates = (grid.min, 2.0 if grid.max == UNLIMITED else grid.max)
    assert tuple(as_damo_counts(rate, intervals) for rate in rates) == kernel.nr_accesses


def as_damo_counts(rate: float, intervals: Intervals) -> int:
    percent = float(format_share(rate).removesuffix("%"))
    return int(percent * (intervals.aggregation_us / intervals.sampling_us) / 100)


@given(st.integers(0, 10**11), st.integers(0, 10**11), INTERVALS)
def test_damo_reads_the_same_counts_from_the_ages_that_are_printed(
    low_us: int, more_us: int, intervals: Intervals
) -> None:
    pattern = AccessPattern(age_us=Range(low_us, low_us + more_us))
    scheme = Scheme(action=Action.STAT, pattern=pattern)
    kernel = counted(scheme, intervals)

    grid = on_grid(scheme, intervals).pattern.age_us

    assert as_damo_ages(grid.min, intervals) == kernel.age[0]
    assert (grid.max == UNLIMITED) == (kernel.age[1] == UINT_MAX)
    assert grid.max == UNLIMITED or as_damo_ages(grid.max, intervals) == kernel.age[1]


def as_damo_ages(age_us: float, intervals: Intervals) -> int:
    factors = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "d": 86400e6}
    number, unit = format_duration(int(age_us), space=" ").split()
    return int(float(number) * factors[unit] / intervals.aggregation_us)


def test_no_limit_stays_no_limit() -> None:
    scheme = Scheme(
        action=Action.PAGEOUT, quota=Quota(size_bytes=4096, reset_interval_us=UNLIMITED)
    )

    kernel = to_kernel(scheme, Intervals())

    assert on_grid(scheme, Intervals()) == scheme
    assert kernel.sz[1] == kernel.reset_interval_ms == ULONG_MAX
    assert kernel.nr_accesses[1] > Intervals().samples


def test_no_quota_and_no_watermarks_are_zeros_and_none() -> None:
    kernel = to_kernel(Scheme(action=Action.STAT), Intervals())

    assert (kernel.quota_ms, kernel.quota_bytes, kernel.reset_interval_ms) == (0, 0, 0)
    assert kernel.watermarks is None


def test_a_quota_of_goals_alone_stays_one() -> None:
    goal = QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=100)
    scheme = Scheme(action=Action.PAGEOUT, quota=Quota(goals=(goal,)))

    assert on_grid(scheme, Intervals()) == scheme


def test_what_the_kernel_does_not_count_is_kept_as_it_is() -> None:
    scheme = Scheme(action=Action.MIGRATE_COLD, target_nid=3, apply_interval_us=12_345)

    assert on_grid(scheme, Intervals()) == scheme


BASE = Scheme(action=Action.PAGEOUT)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (
            replace(BASE, pattern=AccessPattern(age_us=Range(110_000, 190_000))),
            "age_us from 110ms to 190ms holds no multiple of the aggregation interval (100ms): "
            "widen it",
        ),
        (
            replace(BASE, pattern=AccessPattern(age_us=Range(2**32 * 100_000))),
            "age_us.min is 429496729600ms: that is more than the kernel can count in "
            "aggregation intervals of 100ms: write 4971d at most",
        ),
        (
            replace(BASE, pattern=AccessPattern(access_rate=Range(0.01, 0.04))),
            "access_rate from 1% to 4% holds no whole number of samples at 20 samples an "
            "aggregation interval: widen it",
        ),
        (
            replace(BASE, quota=Quota(time_us=999)),
            "quota time_us is 999us: the kernel counts milliseconds, and reads 0 as no limit; "
            "give 1ms or more",
        ),
        (
            replace(BASE, quota=Quota(size_bytes=4095)),
            "quota size_bytes is 4095: that is less than a page, and the kernel reads 0 as no "
            "limit; give 4096B or more",
        ),
        (
            replace(BASE, watermarks=Watermarks(interval_us=0, high=0.5, mid=0.4005, low=0.4001)),
            "watermarks mid 0.4005 and low 0.4001: no whole permille lies between them; move "
            "them apart",
        ),
    ],
)
def test_a_scheme_of_which_nothing_is_left_is_refused(scheme: Scheme, message: str) -> None:
    for round_it in (to_kernel, on_grid):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            round_it(scheme, Intervals())


def test_sizes_between_which_no_whole_page_lies_are_refused() -> None:
    pattern = AccessPattern(size_bytes=Range(4097, 8191))

    with pytest.raises(ValueError, match=r"^size_bytes from 4097B to 8191B holds no whole number"):
        to_kernel(Scheme(action=Action.STAT, pattern=pattern), Intervals())


@pytest.mark.parametrize("highest_us", [UINT_MAX * 100_000, 2**64])
def test_a_max_age_that_no_age_exceeds_is_none(highest_us: int) -> None:
    scheme = replace(BASE, pattern=AccessPattern(age_us=Range(0, highest_us)))

    assert on_grid(scheme, Intervals()).pattern.age_us == Range(0)

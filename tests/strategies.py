"""Hypothesis strategies for the domain types: everything that their constructors take."""

from __future__ import annotations

from hypothesis import strategies as st

from autotune.damon.damos import (
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
    Watermarks,
    Weights,
)
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.kernel_units import on_grid
from autotune.damon.monitoring import MIN_REGIONS, Intervals, Monitoring, OperationsSet, Target

SIZES = st.one_of(
    st.integers(0, 2**50),
    st.builds(
        lambda number, shift: number << shift, st.integers(0, 2000), st.sampled_from((12, 20, 30))
    ),
)
DURATIONS_US = st.one_of(
    st.integers(0, 10**12),
    st.builds(
        lambda number, unit: number * unit,
        st.integers(0, 1000),
        st.sampled_from((1_000, 100_000, 1_000_000, 60_000_000)),
    ),
)
FRACTIONS = st.one_of(
    st.floats(0.0, 1.0), st.integers(0, 1000).map(lambda permille: permille / 1000)
)
PATHS = st.text("abcXYZ09_-./ '\"$é", max_size=12).map(lambda name: f"/{name}")
COMMON_ACTIONS = tuple(action for action in Action if action not in MIGRATIONS)


def bounds(values: st.SearchStrategy[int]) -> st.SearchStrategy[Range[int]]:
    """Ranges of whole numbers, with an upper bound or without."""
    pairs = st.tuples(values, values).map(lambda pair: Range(min(pair), max(pair)))
    return st.one_of(values.map(Range), pairs)


RATES = st.one_of(
    FRACTIONS.map(Range),
    st.tuples(FRACTIONS, FRACTIONS).map(lambda pair: Range(min(pair), max(pair))),
)
PATTERNS = st.builds(
    AccessPattern, size_bytes=bounds(SIZES), access_rate=RATES, age_us=bounds(DURATIONS_US)
)
WEIGHTS = st.builds(
    Weights,
    size=st.integers(0, 2**32 - 1),
    access_rate=st.integers(0, 1000),
    age=st.integers(0, 1000),
)


@st.composite
def goals(draw: st.DrawFn) -> QuotaGoal:
    metric = draw(st.sampled_from(GoalMetric))
    return QuotaGoal(
        metric=metric,
        target_value=draw(st.integers(1, 10_000_000)),
        current_value=draw(st.integers(0, 10_000)) if metric is GoalMetric.USER_INPUT else 0,
        nid=draw(st.integers(0, 8)) if metric.value.startswith("node_") else None,
        memcg_path=draw(PATHS) if "_memcg_" in metric.value else None,
    )


@st.composite
def quotas(draw: st.DrawFn, goal: st.SearchStrategy[QuotaGoal] | None = None) -> Quota:
    chosen = draw(st.lists(goal, max_size=2)) if goal is not None else []
    size_bytes = draw(st.none() | st.integers(1, 2**40))
    needed = size_bytes is None and not chosen
    time_us = draw(st.integers(1, 10**9) if needed else st.none() | st.integers(1, 10**9))
    return Quota(
        time_us=time_us,
        size_bytes=size_bytes,
        reset_interval_us=draw(DURATIONS_US | st.just(UNLIMITED)),
        weights=draw(WEIGHTS),
        goals=tuple(chosen),
    )


def watermarks(shares: st.SearchStrategy[float] = FRACTIONS) -> st.SearchStrategy[Watermarks]:
    return st.builds(
        lambda interval, three: Watermarks(
            interval_us=interval, low=three[0], mid=three[1], high=three[2]
        ),
        DURATIONS_US,
        st.lists(shares, min_size=3, max_size=3).map(sorted),
    )


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    kind = draw(st.sampled_from(FilterType))
    span = st.tuples(SIZES, SIZES).map(lambda pair: (min(pair), max(pair)))
    return Filter(
        type=kind,
        matching=draw(st.booleans()),
        allow=draw(st.booleans()),
        memcg_path=draw(PATHS) if kind is FilterType.MEMCG else None,
        address_range=draw(span) if kind is FilterType.ADDR else None,
        size_range=draw(span) if kind is FilterType.HUGEPAGE_SIZE else None,
        target_index=draw(st.integers(0, 3)) if kind is FilterType.TARGET else None,
    )


@st.composite
def schemes(draw: st.DrawFn, max_filters: int = 3) -> Scheme:
    """Everything that a scheme can be."""
    action = draw(st.sampled_from(Action))
    return Scheme(
        action=action,
        pattern=draw(PATTERNS),
        quota=draw(st.none() | quotas(goals())),
        watermarks=draw(st.none() | watermarks()),
        filters=tuple(draw(st.lists(filters(), max_size=max_filters))),
        apply_interval_us=draw(st.just(0) | DURATIONS_US),
        target_nid=draw(st.integers(0, 8)) if action in MIGRATIONS else None,
    )


PERMILLE = st.integers(0, 1000).map(lambda permille: permille / 1000)
ONE_LINE_SCHEMES = st.builds(
    Scheme,
    action=st.sampled_from(COMMON_ACTIONS),
    pattern=PATTERNS,
    quota=st.none() | quotas(),
    watermarks=st.none() | watermarks(PERMILLE),
)
"""What a line of a `.damos` file can say."""

INTERVALS = st.builds(
    lambda sampling, samples, extra, update: Intervals(
        sampling_us=sampling,
        aggregation_us=sampling * samples + sampling * extra // 10,
        update_us=update,
    ),
    st.sampled_from((1_000, 5_000, 7_000, 20_000, 50_000)),
    st.integers(1, 200),
    st.sampled_from((0, 0, 3, 7)),
    st.integers(1, 10**8),
)
MONITORING = st.builds(
    lambda intervals, low, more: Monitoring(
        intervals=intervals, min_regions=low, max_regions=low + more
    ),
    INTERVALS,
    st.integers(MIN_REGIONS, 1000),
    st.integers(0, 10_000),
)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    operations = draw(st.sampled_from(OperationsSet))
    regions: list[tuple[int, int]] = []
    if operations is not OperationsSet.VADDR:
        marks = draw(st.lists(st.integers(0, 2**46), min_size=2, max_size=6, unique=True))
        ordered = sorted(marks)
        regions = list(zip(ordered[::2], ordered[1::2], strict=False))
    pid = None if operations is OperationsSet.PADDR else draw(st.integers(0, 2**22))
    return Target(operations=operations, pid=pid, regions=tuple(regions))


@st.composite
def grid_schemes(draw: st.DrawFn, intervals: Intervals, max_filters: int = 3) -> Scheme:
    """Schemes on the kernel's grid, filters and all."""
    scheme = draw(schemes(max_filters))
    samples = intervals.samples
    counts = sorted(draw(st.lists(st.integers(0, samples), min_size=2, max_size=2)))
    ages = sorted(draw(st.lists(st.integers(0, 10**6), min_size=2, max_size=2)))
    unit = intervals.aggregation_us
    limit = draw(st.booleans())
    size = scheme.pattern.size_bytes
    pages = -(-size.min // PAGE_BYTES) * PAGE_BYTES
    pattern = AccessPattern(
        size_bytes=Range(pages, max(pages, size.max)),
        access_rate=Range(counts[0] / samples, counts[1] / samples if limit else UNLIMITED),
        age_us=Range(ages[0] * unit, ages[1] * unit if limit else UNLIMITED),
    )
    quota = scheme.quota
    if quota is not None:
        quota = Quota(
            time_us=None if quota.time_us is None else quota.time_us + 1_000,
            size_bytes=None if quota.size_bytes is None else quota.size_bytes + 4_096,
            reset_interval_us=quota.reset_interval_us,
            weights=quota.weights,
            goals=quota.goals,
        )
    return on_grid(
        Scheme(
            action=scheme.action,
            pattern=pattern,
            quota=quota,
            watermarks=draw(st.none() | watermarks(PERMILLE)),
            filters=scheme.filters,
            apply_interval_us=scheme.apply_interval_us,
            target_nid=scheme.target_nid,
        ),
        intervals,
    )

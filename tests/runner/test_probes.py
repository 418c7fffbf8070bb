from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import SchemeStats, Watermarks
from autotune.damon.kernel_units import to_kernel
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.runner.probes import Counts, probes
from autotune.testing import prcl

GATE = Watermarks(interval_us=1_000_000, high=0.5, mid=0.4, low=0.2)


@given(st.integers(1, 400), st.integers(1_000, 100_000))
def test_the_probes_tell_accessed_regions_from_all(samples: int, sampling_us: int) -> None:
    intervals = Intervals(sampling_us=sampling_us, aggregation_us=samples * sampling_us)

    accessed, everything = probes(Monitoring(intervals=intervals), ())

    counted, counted_all = to_kernel(accessed, intervals), to_kernel(everything, intervals)
    assert counted.nr_accesses[0] == 1
    assert counted_all.nr_accesses[0] == 0
    for kernel in (counted, counted_all):
        assert kernel.nr_accesses[1] >= samples
        assert (kernel.sz[0], kernel.age[0], kernel.quota_bytes, kernel.quota_ms) == (0, 0, 0, 0)
        assert kernel.sz[1] == 2**64 - 1
        assert kernel.age[1] == 2**32 - 1


@pytest.mark.parametrize(
    ("watermarks", "expected"),
    [((), None), ((None,), None), ((GATE,), GATE), ((GATE, None), None), ((GATE, GATE), GATE)],
)
def test_the_probes_rest_only_where_all_the_users_schemes_can(
    watermarks: tuple[Watermarks | None, ...], expected: Watermarks | None
) -> None:
    schemes = tuple(replace(prcl(), watermarks=gate) for gate in watermarks)

    assert [probe.watermarks for probe in probes(Monitoring(), schemes)] == [expected] * 2


def tried(*sizes: int) -> tuple[SchemeStats, ...]:
    return tuple(
        SchemeStats(
            tried_regions=1,
            tried_bytes=size,
            applied_regions=0,
            applied_bytes=0,
            quota_exceeds=0,
        )
        for size in sizes
    )


def test_the_working_set_is_the_mean_of_the_aggregations_since_the_last_poll() -> None:
    counts = Counts(0)

    counts.take(tried(30, 100), 100, None)
    counts.take(tried(130, 300), 100, None)

    assert (counts.wss_bytes, counts.aggregations) == (50, 3.0)
    assert counts.wss_mean_bytes == pytest.approx(130 / 3)


def test_no_more_than_what_is_resident_was_accessed() -> None:
    counts = Counts(0)

    counts.take(tried(90, 200), 100, lambda: 20)

    assert counts.wss_bytes == counts.wss_mean_bytes == 20


def test_a_poll_without_an_aggregation_leaves_the_working_set() -> None:
    counts = Counts(0)
    assert (counts.wss_bytes, counts.wss_mean_bytes, counts.is_growing) == (None, None, False)

    counts.take(tried(30, 100), 100, None)
    grown = counts.is_growing
    counts.take(tried(30, 100), 100, None)

    assert (grown, counts.is_growing) == (True, False)
    assert (counts.wss_bytes, counts.aggregations) == (30, 1.0)


def test_what_was_counted_before_damon_began_anew_still_counts() -> None:
    counts = Counts(1)

    counts.take(tried(7, 30, 100), 100, None)
    counts.begin_anew()
    counts.take(tried(5, 10, 100), 100, None)

    assert counts.stats.tried_bytes == 12
    assert (counts.wss_bytes, counts.wss_mean_bytes) == (10, 20.0)

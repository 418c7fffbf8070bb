from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_an_aggregation_has_as_many_samples_as_fit_into_it(sampling_us: int, more_us: int) -> None:
    intervals = Intervals(sampling_us=sampling_us, aggregation_us=sampling_us + more_us)

    assert intervals.samples * sampling_us <= intervals.aggregation_us
    assert (intervals.samples + 1) * sampling_us > intervals.aggregation_us


def test_a_sample_an_aggregation_is_enough() -> None:
    assert Intervals(sampling_us=7, aggregation_us=7).samples == 1


def test_monitoring_is_by_default_that_of_the_published_evaluations() -> None:
    assert Monitoring() == Monitoring(
        intervals=Intervals(sampling_us=5_000, aggregation_us=100_000, update_us=1_000_000),
        min_regions=10,
        max_regions=1000,
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Intervals(sampling_us=0),
            "sampling_us is 0: it must be from 1 microsecond to 1 day",
        ),
        (
            lambda: Intervals(aggregation_us=-1),
            "aggregation_us is -1: it must be from 1 microsecond to 1 day",
        ),
        (
            lambda: Intervals(update_us=0),
            "update_us is 0: it must be from 1 microsecond to 1 day",
        ),
        (
            lambda: Intervals(sampling_us=200_000),
            "sampling_us (200000) is above aggregation_us (100000): "
            "sample at least once an aggregation",
        ),
        (
            lambda: Monitoring(min_regions=2),
            "min_regions is 2: DAMON wants 3 or more",
        ),
        (
            lambda: Monitoring(min_regions=20, max_regions=10),
            "min_regions (20) is above max_regions (10)",
        ),
        (
            lambda: Target(operations=OperationsSet.PADDR),
            "pid belongs to virtual address spaces, and only to those",
        ),
        (
            lambda: Target(pid=None),
            "pid belongs to virtual address spaces, and only to those",
        ),
        (
            lambda: Target(operations=OperationsSet.FVADDR, regions=((4096, 4096),)),
            "region (4096, 4096) is empty, or not above the one before it",
        ),
        (
            lambda: Target(
                operations=OperationsSet.PADDR, pid=None, regions=((8192, 12288), (4096, 8192))
            ),
            "region (4096, 8192) is empty, or not above the one before it",
        ),
    ],
)
def test_what_the_kernel_would_not_take_is_refused(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_ranges_may_touch() -> None:
    ranges = ((4096, 8192), (8192, 12288))

    assert Target(operations=OperationsSet.FVADDR, regions=ranges).regions == ranges

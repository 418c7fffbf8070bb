from __future__ import annotations

import math
from dataclasses import replace

import pytest

from autotune.damon.damos import AccessPattern, Range, Watermarks
from autotune.damon.recording import RecordedRegion
from autotune.experiment.conditions import active_shares, is_like, selects, swap_full_from
from autotune.testing import prcl

GATE = Watermarks(interval_us=2_000_000, high=0.5, mid=0.4, low=0.2)
GATED = replace(prcl(), watermarks=GATE)


def share(*free: float, mark: Watermarks = GATE) -> float | None:
    """The active share of one scheme, with one sample of free memory a second."""
    times = tuple(float(number) for number in range(len(free)))
    [found] = active_shares(
        [replace(prcl(), watermarks=replace(mark, interval_us=0))], times, free, float(len(free))
    )
    return found


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        ((0.45, 0.45), 1.0),  # schemes begin active, and stay so up to the high watermark
        ((0.51, 0.51), 0.0),
        ((0.51, 0.45, 0.39, 0.45), 0.5),  # inactive until free memory is below the middle
        ((0.3, 0.19, 0.3, 0.3), 0.75),
        ((0.19, 0.19), 0.0),
        ((0.5009, 0.5009), 1.0),  # the kernel cuts to whole permille
        ((0.501, 0.501), 0.0),
    ],
)
def test_watermarks_let_a_scheme_act_by_free_memory(
    free: tuple[float, ...], expected: float
) -> None:
    assert share(*free) == pytest.approx(expected)


def test_while_no_scheme_is_active_free_memory_is_looked_at_once_an_interval() -> None:
    times, free = (0.0, 1.0, 2.0, 3.0), (0.6, 0.3, 0.3, 0.3)

    assert active_shares([GATED], times, free, 4.0) == (0.5,)
    assert active_shares([GATED, prcl()], times, free, 4.0) == (0.75, 1.0)


def test_without_samples_the_share_is_not_known() -> None:
    assert active_shares([GATED], (), (), 4.0) == (None,)


@pytest.mark.parametrize(
    ("used", "total", "expected"),
    [
        ((0, 98, 98), 100, None),
        ((0, 99, 50), 100, 1.0),
        ((0, 0, 0), 0, None),
    ],
)
def test_swap_is_full_from_its_last_hundredth_on(
    used: tuple[int, ...], total: int, expected: float | None
) -> None:
    assert swap_full_from((0.0, 1.0, 2.0), used, total) == expected


WARM = AccessPattern(
    size_bytes=Range(4096, 8192), access_rate=Range(0.05, 0.15), age_us=Range(200_000, math.inf)
)


@pytest.mark.parametrize(
    ("pages", "accesses", "age", "alike", "selected"),
    [
        (1, 1, 2, True, True),
        (2, 3, 9, True, True),
        (3, 1, 2, False, False),
        (1, 0, 2, False, False),
        (1, 4, 2, False, False),
        (1, 1, 1, True, False),
    ],
)
def test_a_pattern_selects_what_lies_in_all_three_ranges(
    pages: int, accesses: int, age: int, *, alike: bool, selected: bool
) -> None:
    region = RecordedRegion(4096, 4096 * (pages + 1), accesses, age)

    assert is_like(WARM, region, samples=20) is alike
    assert selects(WARM, region, samples=20, unit_us=100_000) is selected

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from autotune.backends.simulator.workload.reuse import (
    PERIODS_S,
    RATES_HZ,
    WIDENINGS,
    Reuse,
    fit,
    zones,
)
from autotune.damon.references import ReferencedArea, ReferencedWindow

PAGE, PAGES = 4096, 10_000
WINDOWS_S = (0.2, 0.8, 1.6, 3.2, 6.4)
NOTHING = np.zeros((len(WIDENINGS), len(WINDOWS_S)))


def window(begin_s: float, end_s: float, *areas: tuple[int, int, int, int]) -> ReferencedWindow:
    """A window of areas given in pages: start, end, resident, and referenced."""
    return ReferencedWindow(
        begin_us=round(begin_s * 1e6),
        end_us=round(end_s * 1e6),
        areas=tuple(ReferencedArea(*(PAGE * number for number in area)) for area in areas),
    )


def used(share: Callable[[float], float], begin_s: float = 0.0) -> list[ReferencedWindow]:
    """The windows of a mapping of which *share* of the pages is used within a time."""
    return [
        window(begin_s, begin_s + time_s, (0, PAGES, PAGES, round(PAGES * share(time_s))))
        for time_s in WINDOWS_S
    ]


def said(reuse: Reuse, time_s: float) -> float:
    """The share of the pages that is used within a time."""
    drawn = sum(
        share * (1 - math.exp(-time_s * rate))
        for share, rate in zip(reuse.drawn, RATES_HZ, strict=True)
    )
    swept = sum(
        share * min(1.0, time_s / period)
        for share, period in zip(reuse.swept, PERIODS_S, strict=True)
    )
    return reuse.always + drawn + swept


@pytest.mark.parametrize(
    "share",
    [
        lambda _: 0.3,
        lambda time_s: min(1.0, time_s / 3.2),
        lambda time_s: 0.1 + 0.4 * (1 - math.exp(-time_s)),
        lambda time_s: 0.05 + 0.2 * min(1.0, time_s / 5) + 0.3 * (1 - math.exp(-time_s / 7)),
        lambda _: 0.0,
        lambda _: 1.0,
    ],
)
def test_what_damon_missed_is_used_as_often_as_the_windows_say(
    share: Callable[[float], float],
) -> None:
    (reuse,) = fit(zones(used(share)), [NOTHING])

    for time_s in WINDOWS_S:
        assert said(reuse, time_s) == pytest.approx(share(time_s), abs=0.01)
    assert said(reuse, 1e9) <= 1.001
    assert reuse.passes == ()


def test_pages_that_are_always_used_are_told_from_pages_that_are_used_in_turn() -> None:
    (always,) = fit(zones(used(lambda _: 0.3)), [NOTHING])
    (in_turn,) = fit(zones(used(lambda time_s: min(1.0, time_s / 6.4))), [NOTHING])

    assert always.always == pytest.approx(0.3, abs=0.01)
    assert in_turn.always == pytest.approx(0.0, abs=0.01)
    assert sum(in_turn.swept) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("factor", [0.5, 2.0, 5.0])
def test_damons_counts_explain_what_they_can(factor: float) -> None:
    """DAMON saw a tenth of the pages at a time; *factor* times as many are used, the same ones."""
    explained = np.repeat([[min(1.0, 0.1 * one)] for one in WIDENINGS], len(WINDOWS_S), axis=1)

    (reuse,) = fit(zones(used(lambda _: 0.1 * factor)), [explained])

    assert reuse.widening == factor
    assert said(reuse, 6.4) == pytest.approx(0.0, abs=0.01)


def test_what_a_program_does_once_is_no_habit() -> None:
    """Where it goes on as before, a tenth is used; in the second round, a third of all at one time."""
    first = used(lambda _: 0.1)
    second = used(lambda time_s: 0.1 if time_s < 3 else 0.4, begin_s=10.0)

    (reuse,) = fit(zones([*first, *second]), [np.hstack((NOTHING, NOTHING))])

    assert said(reuse, 6.4) == pytest.approx(0.1, abs=0.01)
    (once,) = reuse.passes
    assert (once.begin_us, once.end_us) == (11_600_000, 13_200_000)
    assert once.share == pytest.approx(0.3, abs=0.01)


def test_mappings_that_replace_each_other_are_one_zone() -> None:
    split = window(1, 2, (0, 4, 4, 1), (4, 9, 5, 3), (20, 21, 1, 1))

    first, second = zones([window(0, 1, (0, 8, 6, 2)), split])

    assert (first.start, first.end) == (0, 9 * PAGE)
    assert first.resident.tolist() == [6, 9]
    assert (second.start, second.end) == (20 * PAGE, 21 * PAGE)
    assert second.resident.tolist() == [1]


def test_pages_that_are_new_are_not_used_again() -> None:
    """All 10 pages that came were referenced as they came."""
    (zone,) = zones([window(0, 1, (0, 90, 30, 5)), window(1, 2, (0, 90, 40, 15))])

    assert zone.referenced.tolist() == [5, 5]


@pytest.mark.parametrize("windows", [[], [window(0, 1, (0, 9, 0, 0))]])
def test_without_memory_there_is_no_zone(windows: Sequence[ReferencedWindow]) -> None:
    assert zones(windows) == []

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.heat import heat
from autotune.damon.monitoring import Intervals
from autotune.damon.recording import Recording
from autotune.damon.spans import common
from tests.recordings import PAGE, area, recording, snapshot

FAR = 1 << 30
"""Pages to something far away."""


def test_halves_that_are_hot_one_after_the_other_stand_on_a_diagonal() -> None:
    found = heat(recording(), columns=2, rows=2)

    assert found.edges_us == (0, 100_000, 200_000)
    assert [row.rates for row in found.rows] == [(1.0, 0.0), (0.0, 1.0)]
    assert [row.spans for row in found.rows] == [
        ((16 * PAGE, 24 * PAGE),),
        ((24 * PAGE, 32 * PAGE),),
    ]


def test_a_cell_is_the_mean_over_its_bytes_and_its_time() -> None:
    found = heat(recording(), columns=1, rows=1)

    assert [row.rates for row in found.rows] == [(0.5,)]


def test_what_was_neither_resident_nor_accessed_is_left_out() -> None:
    reserved = replace(area(32, FAR), resident=())
    recorded = recording(
        areas=(area(16, 32), reserved),
        snapshots=(snapshot(200_000, (16, 32, 1), (32, FAR // 2, 0), (FAR // 2, FAR, 0)),),
    )

    (row,) = heat(recorded, columns=1, rows=1).rows

    assert row.spans == ((16 * PAGE, 32 * PAGE),)


def test_what_was_not_monitored_has_no_rate() -> None:
    recorded = recording(
        snapshots=(snapshot(100_000, (16, 24, 0)), snapshot(200_000, (16, 32, 20)))
    )

    found = heat(recorded, columns=2, rows=2)

    assert [row.rates for row in found.rows] == [(0.0, 1.0), (None, 1.0)]


def test_before_damon_was_turned_on_nothing_was_monitored() -> None:
    recorded = recording(
        duration_us=400_000,
        snapshots=(snapshot(300_000, (16, 32, 20)), snapshot(400_000, (16, 32, 20))),
    )

    (row,) = heat(recorded, columns=2, rows=1).rows

    assert row.rates == (None, 1.0)


def test_far_stretches_have_rows_of_their_own() -> None:
    recorded = recording(
        areas=(area(16, 32), area(FAR, FAR + 1)),
        snapshots=(snapshot(200_000, (16, 32, 0), (FAR, FAR + 1, 20)),),
    )

    found = heat(recorded, columns=1, rows=4)

    assert [row.rates for row in found.rows] == [(0.0,)] * 4 + [(1.0,)]
    assert [row.after_gap for row in found.rows] == [False] * 4 + [True]


def test_of_many_stretches_the_largest_are_shown_and_the_rest_is_told() -> None:
    sizes = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    spans = [(number * FAR + 1, number * FAR + 1 + size) for number, size in enumerate(sizes)]
    recorded = recording(
        areas=tuple(area(*span) for span in spans),
        snapshots=(snapshot(200_000, *((*span, 1) for span in spans)),),
    )

    found = heat(recorded, columns=1, rows=8)

    shown = [sum(high - low for low, high in row.spans) for row in found.rows]
    assert found.left_out_bytes == (1 + 1) * PAGE
    assert sum(shown) == (sum(sizes) - 2) * PAGE


@st.composite
def timelines(draw: st.DrawFn) -> Recording:
    """One area, and snapshots whose borders move."""
    count = draw(st.integers(1, 5))
    snapshots = []
    for number in range(count):
        cuts = sorted(draw(st.sets(st.integers(1, 19), max_size=4)) | {0, 20})
        snapshots.append(
            snapshot(
                (number + 1) * 100_000,
                *(
                    (16 + low, 16 + high, draw(st.integers(0, 20)))
                    for low, high in itertools.pairwise(cuts)
                ),
            )
        )
    return Recording(
        name="moving",
        intervals=Intervals(),
        duration_us=count * 100_000,
        snapshots=tuple(snapshots),
        areas=(area(16, 36, 0, count * 100_000),),
    )


@given(timelines(), st.integers(1, 5), st.integers(1, 7))
def test_cells_agree_with_looking_at_every_page_at_every_instant(
    recorded: Recording, columns: int, rows: int
) -> None:
    found = heat(recorded, columns=columns, rows=rows)

    step_us = 100_000 // 60  # 1, 2, 3, 4 and 5 columns begin at a whole number of steps, nearly
    for row in found.rows:
        for column, rate in enumerate(row.rates):
            low_us, high_us = found.edges_us[column : column + 2]
            instants = range(low_us + step_us // 2, high_us, step_us)
            rates = [
                region.accesses / 20 * (high - low)
                for instant in instants
                for one in recorded.snapshots[instant // 100_000 :][:1]
                for region in one.regions
                for low, high in common(row.spans, [region[:2]])
            ]
            size = sum(high - low for low, high in row.spans)
            assert rate == pytest.approx(sum(rates) / size / len(instants), abs=0.04)

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.memory.pages import RESIDENT, SHARED
from autotune.backends.simulator.workload.replay_layout import begin_recording, lay_out_recording
from autotune.damon.recording import Recording
from tests.backends.simulator.scene import MACHINE, draws_of
from tests.recordings import PAGE, area, recording, recordings, snapshot


@st.composite
def aligned(draw: st.DrawFn) -> Recording:
    """A few areas of whole pages that come and go, none over another at one time."""
    areas = []
    for low in range(0, 60, 20):
        time_us = 0
        for _ in range(draw(st.integers(0, 3))):
            from_us = time_us + draw(st.sampled_from([0, 10_000]))
            time_us = min(200_000, from_us + draw(st.sampled_from([0, 30_000, 200_000])))
            start = low + draw(st.integers(0, 5))
            areas.append(area(start, start + draw(st.integers(1, 14)), from_us, time_us))
            time_us += 1
            if time_us > 190_000:
                break
    return recording(areas=tuple(areas), snapshots=(snapshot(200_000, (0, 60, 20)),))


def mapped_pages(played: Recording, time_us: int) -> set[int]:
    return {
        page
        for area_ in played.areas
        if area_.from_us <= time_us < max(area_.until_us, area_.from_us + 1)
        or (area_.from_us <= time_us and area_.until_us == played.duration_us)
        for page in range(area_.start // PAGE, area_.end // PAGE)
    }


@given(aligned())
def test_at_the_beginning_that_is_mapped_what_was_there_then(played: Recording) -> None:
    memory, _ = begin_recording(lay_out_recording(played, MACHINE), draws_of(0))

    there = {
        page
        for row in memory.areas
        if row.mapped
        for page in range(row.start // PAGE, row.start // PAGE + row.pages)
    }
    assert there == mapped_pages(played, 0)
    assert memory.counters[0].resident == len(there)


@given(aligned())
def test_pieces_lie_in_order_and_cover_all_that_was_ever_mapped(played: Recording) -> None:
    areas = lay_out_recording(played, MACHINE).areas

    pages = [
        page for row in areas for page in range(row.start // PAGE, row.start // PAGE + row.pages)
    ]
    ever = {
        page for area_ in played.areas for page in range(area_.start // PAGE, area_.end // PAGE)
    }
    assert pages == sorted(ever)


def test_regions_are_cut_where_mappings_begin_and_end() -> None:
    played = recording(
        areas=(area(16, 32), area(40, 48)), snapshots=(snapshot(200_000, (20, 44, 10)),)
    )

    rows = lay_out_recording(played, MACHINE).rows

    spans = [(int(row.start) // PAGE, int(row.end) // PAGE) for row in rows]
    assert spans == [(20, 32), (40, 44)]
    assert [(int(row.low), int(row.high)) for row in rows] == [(4, 16), (0, 4)]


def test_a_region_that_was_not_accessed_leaves_no_row() -> None:
    assert (
        len(
            lay_out_recording(recording(snapshots=(snapshot(200_000, (16, 32, 0)),)), MACHINE).rows
        )
        == 0
    )


def test_the_last_snapshot_lasts_to_the_end() -> None:
    recorded = lay_out_recording(recording(duration_us=290_000), MACHINE)

    assert recorded.slices.end_us.tolist() == [100_000, 290_000]


def test_times_are_those_without_what_watched() -> None:
    mapped = (area(0, 9, 0, 100_000), area(20, 25, 40_000, 200_000))

    recorded = lay_out_recording(
        recording(areas=mapped, held_up_us=50_000, cpu_us=75_000), MACHINE
    )
    state = begin_recording(recorded, draws_of(0))[1].state[0]

    assert recorded.slices.end_us.tolist() == [75_000, 150_000]
    assert recorded.changes.time_us.tolist() == [0, 30_000, 75_000]
    assert (state.duration_us, state.cpu_share) == (150_000, 0.5)


@pytest.mark.parametrize(("fraction", "compressed"), [(None, 1 / 3), (0.4, 0.4), (1.7, 1.0)])
def test_memory_is_compressed_as_it_was_measured_or_to_a_third(
    fraction: float | None, compressed: float
) -> None:
    recorded = lay_out_recording(recording(compressed_fraction=fraction), MACHINE)

    assert [row.compressed for row in recorded.areas] == [compressed]


def test_two_runs_of_a_recording_share_nothing_that_changes() -> None:
    recorded = lay_out_recording(recording(), MACHINE)
    first, second = begin_recording(recorded, draws_of(0)), begin_recording(recorded, draws_of(0))

    first[1].state[0].position_us = 5.0
    first[0].counters[0].resident = 0

    assert second[1].state[0].position_us == 0.0
    assert second[0].counters[0].resident == 16


@given(recordings())
def test_whatever_can_be_recorded_can_be_laid_out(played: Recording) -> None:
    within = tuple(replace(area_, start=0, end=PAGE, resident=()) for area_ in played.areas[:1])

    recorded = lay_out_recording(replace(played, areas=within), MACHINE)

    assert len(recorded.slices) == len(played.snapshots)
    left_us = played.duration_us - played.held_up_us
    assert recorded.slices[-1].end_us == pytest.approx(left_us)


def test_shared_pages_are_told_from_others() -> None:
    mixed = replace(area(16, 32), shared=((16 * PAGE, 20 * PAGE),))

    memory, _ = begin_recording(lay_out_recording(recording(areas=(mixed,)), MACHINE), draws_of(0))

    first = memory.areas[0].first
    assert memory.state[first : first + 16].tolist() == [SHARED] * 4 + [RESIDENT] * 12
    assert memory.counters[0].resident == 16


@pytest.mark.parametrize(("accesses", "chance"), [(5, 0.5), (10, 1.0), (15, 1.0)])
def test_what_is_mapped_was_accessed_the_more_where_samples_met_a_hole(
    accesses: int, chance: float
) -> None:
    half_mapped = recording(
        areas=(area(16, 24),), snapshots=(snapshot(200_000, (16, 32, accesses)),)
    )

    rows = lay_out_recording(half_mapped, MACHINE).rows

    assert rows.chance.tolist() == [chance]

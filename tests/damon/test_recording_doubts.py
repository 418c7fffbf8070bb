"""What a recording can't tell is found in the recording itself."""

import pytest

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import MappedArea, RecordedRegion, Recording, Snapshot
from autotune.damon.recording_doubts import accuracy_note, doubts

PAGE = 4096
STEP_US = 100_000


def recording(
    *, pages: int, span_pages: int, aggregations: int, peak_pages: int | None = None
) -> Recording:
    """One region over *span_pages*, of which the first *pages* are resident."""
    duration_us = (aggregations + 1) * STEP_US
    region = RecordedRegion(0, span_pages * PAGE, 0, None)
    return Recording(
        name="made",
        intervals=Intervals(),
        duration_us=duration_us,
        snapshots=tuple(
            Snapshot(end_us=(number + 1) * STEP_US, regions=(region,))
            for number in range(aggregations)
        ),
        areas=(
            MappedArea(
                start=0,
                end=span_pages * PAGE,
                from_us=0,
                until_us=duration_us,
                resident=((0, pages * PAGE),),
            ),
        ),
        resident_peak_bytes=None if peak_pages is None else peak_pages * PAGE,
    )


def test_a_dense_and_long_recording_is_in_no_doubt() -> None:
    found = doubts(recording(pages=100, span_pages=100, aggregations=50))

    # 20 looks at one of 100 pages in each of 50 aggregations.
    assert found.looks_per_page == pytest.approx(10.0)
    assert found.unseen_share == 0.0
    assert found.reasons == ()


def test_memory_in_a_sparse_address_space_is_not_seen() -> None:
    found = doubts(recording(pages=100, span_pages=100_000, aggregations=50))

    assert found.unseen_share == 1.0
    assert found.looks_per_page == pytest.approx(0.01)
    assert "100 % of the memory lies so sparsely" in found.reasons[0]


def test_few_looks_at_much_memory_are_a_reason() -> None:
    found = doubts(recording(pages=10_000, span_pages=10_000, aggregations=50))

    assert found.looks_per_page == pytest.approx(0.1)
    assert "DAMON looked at a page 0.1 times in the mean" in found.reasons[0]


def test_few_aggregations_are_a_reason() -> None:
    assert doubts(recording(pages=10, span_pages=10, aggregations=5)).reasons == (
        "it has 5 aggregations",
    )


def test_memory_that_comes_later_is_a_reason() -> None:
    found = doubts(recording(pages=100, span_pages=100, aggregations=50, peak_pages=200))

    assert found.grown_share == pytest.approx(0.5)
    assert "50 % of the memory came later" in found.reasons[0]


def test_each_recording_is_told_with_its_expected_error_and_a_remedy() -> None:
    sure = accuracy_note(recording(pages=100, span_pages=100, aggregations=50))
    unsure = accuracy_note(recording(pages=10, span_pages=10, aggregations=5))

    assert sure.startswith("a recording without windows of references misses rare accesses: ")
    assert unsure.startswith("this recording tells less than most: it has 5 aggregations; ")
    for note in (sure, unsure):
        assert "was 2 times" in note
        assert note.endswith("with backend: vm")

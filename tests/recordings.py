"""Recordings for tests: a few regions over a few aggregations."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import MappedArea, RecordedRegion, Recording, Snapshot
from autotune.damon.references import ReferencedArea, ReferencedWindow

PAGE = 4096


def snapshot(end_us: int, *regions: tuple[int, int, int]) -> Snapshot:
    """One of regions given as first page, page behind the last, and accesses."""
    return Snapshot(
        end_us=end_us,
        regions=tuple(
            RecordedRegion(start * PAGE, end * PAGE, accesses, None)
            for start, end, accesses in regions
        ),
    )


def area(start: int, end: int, from_us: int = 0, until_us: int = 200_000) -> MappedArea:
    """One of pages, all resident."""
    span = (start * PAGE, end * PAGE)
    return MappedArea(
        start=span[0], end=span[1], from_us=from_us, until_us=until_us, resident=(span,)
    )


def recording(**overrides: Any) -> Recording:
    """Two aggregations of one area: its first half is hot, then its second half."""
    fields: dict[str, Any] = {
        "name": "halves",
        "intervals": Intervals(),
        "duration_us": 200_000,
        "snapshots": (
            snapshot(100_000, (16, 24, 20), (24, 32, 0)),
            snapshot(200_000, (16, 24, 0), (24, 32, 20)),
        ),
        "areas": (area(16, 32),),
    }
    return Recording(**{**fields, **overrides})


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Anything that can be recorded, small."""
    samples = draw(st.integers(1, 40))
    intervals = Intervals(
        sampling_us=(sampling_us := draw(st.integers(1, 10**6))),
        aggregation_us=samples * sampling_us,
        update_us=draw(st.integers(1, 10**9)),
    )
    ends = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=4, unique=True).map(sorted))
    duration_us = ends[-1] + draw(st.integers(0, 10**6))
    return Recording(
        name=draw(st.text(max_size=5)),
        intervals=intervals,
        duration_us=duration_us,
        snapshots=tuple(
            Snapshot(
                end_us=end_us,
                regions=tuple(
                    RecordedRegion(
                        *span,
                        draw(st.integers(0, samples)),
                        draw(st.none() | st.integers(0, 2**32 - 1)),
                    )
                    for span in draw(_spans(0, 2**47))
                ),
            )
            for end_us in ends
        ),
        areas=tuple(
            MappedArea(
                start=start,
                end=end,
                from_us=(from_us := draw(st.integers(0, duration_us))),
                until_us=draw(st.integers(from_us, duration_us)),
                resident=draw(_spans(start, end)),
            )
            for start, end in draw(_spans(0, 2**47))
        ),
        held_up_us=draw(st.integers(0, duration_us - 1)),
        cpu_us=draw(st.none() | st.integers(0, 10**12)),
        work_done=draw(st.none() | st.floats(0, 1e15)),
        compressed_fraction=draw(st.none() | st.floats(0, 2)),
        resident_peak_bytes=draw(st.none() | st.integers(0, 2**47)),
        references=tuple(
            ReferencedWindow(
                begin_us=(begin_us := draw(st.integers(0, duration_us - 1))),
                end_us=draw(st.integers(begin_us + 1, duration_us)),
                areas=tuple(
                    ReferencedArea(
                        *(start, end),
                        (resident := draw(st.integers(0, end - start))),
                        draw(st.integers(0, resident)),
                    )
                    for start, end in spans
                ),
            )
            for spans in draw(st.lists(_spans(0, 2**47).filter(bool), max_size=3))
        ),
    )


def _spans(low: int, high: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    bounds = st.lists(st.integers(low, high), unique=True, max_size=6).map(sorted)
    return bounds.map(lambda found: tuple(zip(found[::2], found[1::2], strict=False)))

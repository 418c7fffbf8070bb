from __future__ import annotations

import numpy as np
import pytest

from autotune.backends.simulator.workload.located import Cells, Segments, locate
from tests.recordings import area, recording, snapshot

SEGMENTS = Segments(
    low=np.array([0, 100, 200]),
    high=np.array([100, 200, 300]),
    piece=np.array([0, 0, 0]),
    resident=np.array([100, 100, 100]),
)


def located(*regions: tuple[tuple[int, int, int], ...], prior: list[float]) -> list[Cells]:
    played = recording(
        snapshots=tuple(
            snapshot(10_000 * (number + 1), *own) for number, own in enumerate(regions)
        ),
        areas=(area(0, 300),),
    )
    return locate(played, SEGMENTS, np.array(prior))[1]


def by_segment(cells: Cells) -> list[float]:
    """How many pages of each segment are touched at a time."""
    touched = np.bincount(cells.segment, cells.chance * (cells.high - cells.low), 3)
    return [round(float(one), 6) for one in touched]


def test_what_windows_found_hotter_gets_more_of_a_regions_accesses() -> None:
    (cells,) = located(((0, 300, 2),), prior=[0.1, 0.3, 0.0])

    cold, hot, never = by_segment(cells)
    assert hot == pytest.approx(3 * cold)
    assert never < 0.5
    assert cold + hot + never == pytest.approx(0.1 * 300)


def test_a_region_of_mixed_memory_is_hot_where_smaller_regions_were() -> None:
    apart = ((0, 100, 0), (100, 200, 10), (200, 300, 0))

    *_, cells = located(*([apart] * 9), ((0, 300, 3),), prior=[0.1, 0.1, 0.1])

    assert by_segment(cells)[1] > 0.8 * sum(by_segment(cells))


def test_what_does_not_fit_where_it_is_hottest_goes_to_the_rest() -> None:
    (cells,) = located(((0, 300, 10),), prior=[0.9, 0.1, 0.1])

    assert by_segment(cells) == [100, 25, 25]


def test_a_region_lends_nothing_to_its_neighbours() -> None:
    (cells,) = located(((0, 150, 0), (150, 300, 10)), prior=[0.9, 0.1, 0.1])

    cold, mixed, hot = by_segment(cells)
    assert (cold, mixed + hot) == (0, 75)
    assert mixed / 50 < hot / 100  # half of it lies where nothing was found
    assert cells.low.tolist() == [150, 200]
    assert cells.hits.sum() == pytest.approx(10)


def test_without_accesses_there_are_no_cells() -> None:
    (cells,) = located(((0, 300, 0),), prior=[0.1, 0.1, 0.1])

    assert len(cells.low) == 0

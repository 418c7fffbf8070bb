from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.memory.contents import (
    STORED_WHOLE,
    WRITTEN_PLACES,
    cost,
    look_at,
    scattered_fraction,
)
from tests.backends.simulator.scene import COMPRESSED, MACHINE, memory_of


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (0.0, 10.0),
        (0.05, 10.0),
        (0.15, 15.0),
        (0.25, 20.0),
        (0.45, 30.0),
        (STORED_WHOLE, 99.0),
        (1.0, 99.0),
    ],
)
def test_costs_rise_evenly_up_to_a_page_that_is_kept_as_it_is(
    fraction: float, expected: float
) -> None:
    assert cost(fraction, 0.05, 10.0, 20.0, 99.0) == pytest.approx(expected)


@given(st.floats(0, 1e9), st.integers(1, 10**6))
def test_more_writes_compress_no_better(writes: float, pages: int) -> None:
    fewer, more = (scattered_fraction(count, pages) for count in (writes, 2 * writes + 1))

    assert 0.0 <= fewer <= more <= 1.0


def test_a_few_bytes_in_many_pages_take_a_sequence_each() -> None:
    """A write per page: four bytes of a sequence, and one more for its distance."""
    pages = 1_000_000_000

    fraction = scattered_fraction(1_000, pages)

    per_write = fraction * 4096 * pages / 1_000
    assert per_write == pytest.approx(4 + math.exp(-19 / 4096 * 1_000 / pages), rel=1e-2)


def test_bytes_all_over_a_page_leave_it_as_large_as_it_was() -> None:
    assert scattered_fraction(1e9, 100) == 1.0


def test_writes_reach_so_many_places_and_no_more() -> None:
    pages = 100_000

    assert scattered_fraction(1e12, pages) == scattered_fraction(1e15, pages)
    assert scattered_fraction(1e12, pages) < 6 * WRITTEN_PLACES / (pages * 4096)


def test_what_was_written_at_random_costs_more_to_move() -> None:
    memory = memory_of((0, 1000), (1000, 2000))
    memory.areas[1].random_writes = 400_000.0

    for index in (0, 1):
        look_at(memory, index)

    calm, written = memory.areas
    assert (calm.compressed, calm.pageout_us) == (COMPRESSED, MACHINE.pageout_us)
    assert written.compressed == pytest.approx(COMPRESSED + scattered_fraction(400_000.0, 1000))
    # Rising from the cost of an empty page through that of one at a quarter.
    slope = (MACHINE.quarter_pageout_us - MACHINE.pageout_us) / (0.25 - COMPRESSED)
    assert written.pageout_us == pytest.approx(
        MACHINE.pageout_us + slope * (written.compressed - COMPRESSED)
    )

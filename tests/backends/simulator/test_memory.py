from __future__ import annotations

import numpy as np
import pytest

from autotune.backends.simulator.memory import (
    ABSENT,
    PAGE,
    RESIDENT,
    SWAPPED,
    Layout,
    area_of,
    is_mapped,
    lay_out,
    page_out,
    pool_bytes,
    ranges,
    swap_in,
)
from autotune.patterns import TABLE_BYTES, Access, Pattern, PatternRegion, Phase


def layout_of(*sizes: int, swap_bytes: int = 1 << 30) -> Layout:
    regions = tuple(
        PatternRegion(name=f"r{number}", size_bytes=size) for number, size in enumerate(sizes)
    )
    access = Access(region=0, random=False, stride_bytes=PAGE, weight=1)
    phase = Phase(name="p", duration_us=1, accesses=(access,))
    pattern = Pattern(regions=regions, phases=(phase,))
    return lay_out(pattern, compressed_fraction=0.25, swap_bytes=swap_bytes)


def test_later_regions_lie_below_earlier_ones_without_a_gap() -> None:
    layout = layout_of(10 * PAGE, 20 * PAGE)

    first, second = (layout.memory.areas[area] for area in layout.region_area)

    assert second.start + second.pages * PAGE == first.start
    assert (first.pages, second.pages) == (11, 21)  # malloc keeps 16 bytes of its own


def test_what_was_written_once_is_resident_and_program_and_stack_are_absent() -> None:
    memory = layout_of(10 * PAGE).memory

    states = [int(memory.state[area.first]) for area in memory.areas]

    assert states == [ABSENT, RESIDENT, RESIDENT, ABSENT]
    assert memory.counters[0].resident == -(-TABLE_BYTES // PAGE) + 11


def test_the_three_ranges_leave_out_the_two_largest_gaps() -> None:
    memory = layout_of(10 * PAGE, 20 * PAGE).memory

    program, mappings, stack = ranges(memory)

    areas = memory.areas
    assert program == (areas[0].start, areas[1].start + areas[1].pages * PAGE)
    assert mappings == (areas[2].start, areas[3].start + areas[3].pages * PAGE)
    assert stack == (areas[4].start, areas[4].start + areas[4].pages * PAGE)


def test_with_fewer_than_two_gaps_there_is_nothing_to_watch() -> None:
    memory = layout_of(10 * PAGE).memory

    with pytest.raises(ValueError, match="fewer than two gaps between the mapped areas"):
        ranges(memory._replace(areas=memory.areas[1:3].view(np.recarray)))


def test_an_address_belongs_to_its_area_or_to_none() -> None:
    memory = layout_of(10 * PAGE, 20 * PAGE).memory
    for index, area in enumerate(memory.areas):
        end = area.start + area.pages * PAGE

        inside = [area_of(memory, int(area.start)), area_of(memory, int(end) - 1)]

        assert inside == [index, index]
    assert area_of(memory, 0) == -1
    assert area_of(memory, int(memory.areas[1].start + memory.areas[1].pages * PAGE)) == -1


def test_paging_out_moves_pages_between_the_counters_and_back() -> None:
    layout = layout_of(10 * PAGE)
    memory, number = layout.memory, layout.region_area[0]
    area, resident = memory.areas[number], int(memory.counters[0].resident)

    moved, done = page_out(memory, area.start, area.start + 4 * PAGE, 100)
    swap_in(memory, number, 2)

    assert (moved, done) == (4, area.start + 4 * PAGE)
    assert memory.state[area.first : area.first + 5].tolist() == [
        SWAPPED,
        SWAPPED,
        RESIDENT,
        SWAPPED,
        RESIDENT,
    ]
    counters = memory.counters[0]
    assert (counters.resident, counters.swapped) == (resident - 3, 3)
    assert (counters.swap_outs, counters.swap_ins, area.swapped) == (4, 1, 3)


def test_paging_out_stops_after_as_many_pages_as_asked_and_goes_on_there() -> None:
    layout = layout_of(10 * PAGE)
    memory, area = layout.memory, layout.memory.areas[layout.region_area[0]]
    end = area.start + area.pages * PAGE

    first, position = page_out(memory, area.start, end, 4)
    second, done = page_out(memory, position, end, 100)

    assert (first, position, second, done) == (4, area.start + 4 * PAGE, 7, end)


def test_a_full_swap_takes_no_more() -> None:
    layout = layout_of(10 * PAGE, swap_bytes=3 * PAGE)
    memory, area = layout.memory, layout.memory.areas[layout.region_area[0]]

    moved, done = page_out(memory, area.start, area.start + 10 * PAGE, 100)

    assert (moved, done) == (3, area.start + 10 * PAGE)


def test_the_pool_holds_what_is_swapped_as_far_as_it_compresses() -> None:
    layout = layout_of(8 * PAGE)
    memory = layout.memory
    area, table = memory.areas[layout.region_area[0]], memory.areas[layout.table_area]

    page_out(memory, area.start, area.start + 8 * PAGE, 100)
    page_out(memory, table.start, table.start + 3 * PAGE, 100)

    assert pool_bytes(memory) == 8 * PAGE * 0.25 + 3 * PAGE


def test_a_range_is_mapped_up_to_the_first_hole() -> None:
    memory = layout_of(10 * PAGE, 20 * PAGE).memory
    low, high = memory.areas[2], memory.areas[3]
    end = int(high.start + high.pages * PAGE)

    assert is_mapped(memory, int(low.start), end)
    assert not is_mapped(memory, int(low.start), end + PAGE)
    assert not is_mapped(memory, int(low.start) - PAGE, end)


def test_states_are_one_byte_a_page() -> None:
    memory = layout_of(10 * PAGE).memory

    assert memory.state.dtype == np.uint8
    assert len(memory.state) == memory.areas.pages.sum()

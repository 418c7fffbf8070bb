from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.memory.pages import (
    ABSENT,
    BLOCK_PAGES,
    RESIDENT,
    SHARED,
    SWAPPED,
    Memory,
    area_at_or_behind,
    area_of,
    drop,
    is_mapped,
    pages_of_block,
    pool_bytes,
    populate,
    resident_in,
    swap_in,
    swap_out,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from tests.backends.simulator.scene import COMPRESSED, FIRST_PAGE, at, memory_of

SPANS = ((100, 700), (700, 720), (1300, 2600))


def check_sums(memory: Memory) -> None:
    """Every counter is what the pages' states add up to."""
    blocks = memory.state.reshape(-1, BLOCK_PAGES)
    assert memory.blocks.resident.tolist() == (blocks == RESIDENT).sum(axis=1).tolist()
    for area in memory.areas:
        own = memory.state[area.first : area.first + area.pages]
        assert (area.resident, area.swapped) == ((own == RESIDENT).sum(), (own == SWAPPED).sum())
    counters = memory.counters[0]
    assert counters.resident == memory.areas.resident.sum()
    assert counters.swapped == memory.areas.swapped.sum()
    assert pool_bytes(memory) == pytest.approx(counters.swapped * PAGE * COMPRESSED, abs=1)


def test_what_was_written_once_is_resident_and_what_was_not_is_absent() -> None:
    there, not_there = memory_of(*SPANS), memory_of(*SPANS, state=ABSENT)

    assert there.counters[0].resident == 600 + 20 + 1300
    assert not_there.counters[0].resident == 0
    check_sums(there)
    check_sums(not_there)


def test_what_is_not_mapped_yet_holds_nothing() -> None:
    memory = memory_of((0, 10), (10, 20), mapped=[True, False])

    assert memory.areas.resident.tolist() == [10, 0]
    assert (area_of(memory, at(5)), area_of(memory, at(15))) == (0, -1)


def test_pages_lie_in_blocks_as_in_huge_pages_and_no_block_has_two_areas() -> None:
    memory = memory_of(*SPANS)

    owners: dict[int, int] = {}
    for index, area in enumerate(memory.areas):
        assert area.first % BLOCK_PAGES == area.start // PAGE % BLOCK_PAGES
        for page in range(area.first, area.first + area.pages):
            assert owners.setdefault(page // BLOCK_PAGES, index) == index
    for block, index in owners.items():
        pages = np.arange(block * BLOCK_PAGES, (block + 1) * BLOCK_PAGES)
        first, behind = memory.areas[index].first, memory.areas[index].first
        behind += memory.areas[index].pages
        inside = ((pages >= first) & (pages < behind)).sum()
        assert pages_of_block(memory, index, block) == inside


def check_bounds(memory: Memory) -> None:
    """Of each area no page is swapped out beyond the bounds that are kept."""
    for area in memory.areas:
        swapped = np.flatnonzero(memory.state[area.first : area.first + area.pages] == SWAPPED)
        assert ((swapped >= area.low_swapped) & (swapped < area.high_swapped)).all()


@given(st.lists(st.tuples(st.sampled_from("oibr"), st.integers(0, 2), st.integers(0, 1299))))
def test_counters_follow_every_page(moves: list[tuple[str, int, int]]) -> None:
    memory = memory_of(*SPANS, state=ABSENT)
    for kind, index, number in moves:
        area = memory.areas[index]
        page = number % area.pages
        state = memory.state[area.first + page]
        if kind == "o" and state == RESIDENT:
            swap_out(memory, index, area.first + page)
        elif kind == "i" and state == SWAPPED:
            swap_in(memory, index, page)
        elif kind == "b":
            populate(memory, index, page, min(area.pages, page + 300))
        elif kind == "r":
            first = area.first + page
            behind = min(
                first + 40, area.first + area.pages, -(-(first + 1) // BLOCK_PAGES) * BLOCK_PAGES
            )
            if (memory.state[first:behind] == RESIDENT).all():
                swap_out(memory, index, first, behind - first)

    check_bounds(memory)
    check_sums(memory)


@given(st.permutations(range(5, 11)), st.integers(0, 6))
def test_swapped_pages_stay_within_their_bounds_in_whatever_order_they_come_back(
    order: list[int], again: int
) -> None:
    memory = memory_of(*SPANS)
    swap_out(memory, 0, memory.areas[0].first + 5, 6)
    for page in order[:again]:
        swap_in(memory, 0, page)
        check_bounds(memory)
    swap_out(memory, 0, memory.areas[0].first + 2)
    for page in order[again:]:
        check_bounds(memory)
        swap_in(memory, 0, page)

    check_bounds(memory)


def test_an_area_that_goes_takes_its_pages_with_it() -> None:
    memory = memory_of(*SPANS)
    for page in range(50):
        swap_out(memory, 0, memory.areas[0].first + page)
        swap_out(memory, 2, memory.areas[2].first + page)

    drop(memory, 0)

    assert memory.counters[0].resident == 20 + 1250
    assert memory.counters[0].swapped == 50
    assert not memory.state[memory.areas[0].first :][:600].any()
    check_sums(memory)


def test_pages_that_come_back_take_their_part_of_the_pool_with_them() -> None:
    memory = memory_of((0, 8), (8, 16))
    memory.areas[1].compressed = 1.0
    for index, area in enumerate(memory.areas):
        for page in range(4):
            swap_out(memory, index, area.first + page)
    full = pool_bytes(memory)

    for page in range(4):
        swap_in(memory, 1, page)

    assert full == 4 * PAGE * (1 + COMPRESSED)
    assert pool_bytes(memory) == 4 * PAGE * COMPRESSED


def test_an_address_belongs_to_its_area_or_to_none() -> None:
    memory = memory_of(*SPANS)
    for index, (low, high) in enumerate(SPANS):
        inside = [area_of(memory, at(low)), area_of(memory, at(high) - 1)]

        assert inside == [index, index]
    assert [area_of(memory, at(page)) for page in (0, 720, 1299, 2600)] == [-1] * 4


@given(st.integers(0, 2700))
def test_the_area_behind_an_address_is_the_first_that_ends_behind_it(page: int) -> None:
    expected = next((i for i, (_, high) in enumerate(SPANS) if high > page), len(SPANS))

    assert area_at_or_behind(memory_of(*SPANS), at(page)) == expected


@given(st.integers(0, 2700), st.integers(1, 2700), st.sampled_from([0, 1, 2, None]))
def test_a_range_is_mapped_if_every_page_of_it_is(low: int, pages: int, gone: int | None) -> None:
    memory = memory_of(*SPANS, mapped=[index != gone for index in range(3)])
    there = {page for index, span in enumerate(SPANS) if index != gone for page in range(*span)}

    mapped = is_mapped(memory, at(low), at(low + pages))

    assert mapped == (set(range(low, low + pages)) <= there)


@given(st.integers(0, 2700), st.integers(0, 2700), st.integers(0, 1300))
def test_resident_pages_of_a_range_are_counted_one_by_one(low: int, pages: int, out: int) -> None:
    memory = memory_of(*SPANS)
    for page in range(out):
        swap_out(memory, 2, memory.areas[2].first + page)
    there = {page for low, high in SPANS[:2] for page in range(low, high)}
    there |= set(range(1300 + out, 2600))

    found = resident_in(memory, at(low), at(low + pages))

    assert found == len(there & set(range(low, low + pages)))


@pytest.mark.parametrize(("low", "high"), [(0, 1024), (100, 900), (90, 110)])
def test_shared_pages_are_resident_too(low: int, high: int) -> None:
    memory = memory_of((0, 1024), state=ABSENT)
    populate(memory, 0, 0, 100, SHARED)
    populate(memory, 0, 100, 1024)

    assert resident_in(memory, at(low), at(high)) == high - low
    assert memory.counters[0].resident == 1024


def test_states_are_one_byte_a_page() -> None:
    memory = memory_of(*SPANS)

    assert memory.state.dtype == np.uint8
    assert memory.areas[0].start == (FIRST_PAGE + 100) * PAGE

from __future__ import annotations

import pytest

from autotune.backends.simulator.damon.actions import page_out
from autotune.backends.simulator.damon.counting import count_hits
from autotune.backends.simulator.damon.schemes import TAKES_NONE, TAKES_OLD, TAKES_YOUNG
from autotune.backends.simulator.memory.idle_marks import idle_pages, mark_one
from autotune.backends.simulator.memory.pages import Memory, swap_in
from autotune.backends.simulator.memory.touches import (
    Touches,
    begin_tick,
    end_tick,
    forget,
    make_touches,
    note_all,
    note_random,
)
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import SAMPLES, at, draws_of, memory_of, regions_of

BLOCK = 512


def watched(*spans: tuple[int, int]) -> Memory:
    memory = memory_of(*spans)
    memory.counters[0].marks = 1
    return memory


def first_block(memory: Memory, area: int) -> int:
    return int(memory.areas[area].first) // BLOCK


def sample(memory: Memory, touches: Touches, low: int, high: int, *, seed: int = 0) -> None:
    """Count the hits of a region, given in pages."""
    regions = regions_of([Region(at(low), at(high))])
    count_hits(regions, touches, memory, SAMPLES, 0.0, draws_of(seed))
    forget(touches)


def quiet(memory: Memory, ticks: int) -> Touches:
    touches = make_touches(len(memory.areas), 10)
    for _ in range(ticks):
        begin_tick(touches)
        end_tick(touches, memory)
    return touches


def takes(memory: Memory, low: int, high: int, kind: int = TAKES_OLD) -> int:
    """One page-out in physical addresses, of pages from *low* to *high*."""
    moved, position = 0, at(low)
    while position < at(high):
        more, _, _, position = page_out(memory, position, at(high), 32, True, kind)
        moved += more
    return moved


def test_samples_mark_pages_as_often_as_they_meet_new_ones() -> None:
    memory = watched((0, BLOCK))
    for seed in range(10):
        sample(memory, quiet(memory, 40), 0, BLOCK, seed=seed)

    # 400 draws of one of 512 pages: the usual formula for those met at least once.
    expected = BLOCK * (1 - (1 - 1 / BLOCK) ** 400)
    assert memory.blocks[0].idle == pytest.approx(expected)


def test_pages_that_are_not_there_are_not_marked() -> None:
    memory = watched((0, BLOCK))
    page_out(memory, at(0), at(BLOCK), 1 << 40, False, TAKES_OLD)

    sample(memory, quiet(memory, 60), 0, BLOCK)

    assert idle_pages(memory, 0, 0) == 0


def test_a_hit_marks_nothing() -> None:
    memory = watched((0, 4), (4, 8))
    touches = make_touches(2, 10)
    for _ in range(60):
        begin_tick(touches)
        note_all(touches, 0)
        end_tick(touches, memory)

    sample(memory, touches, 0, 8)

    assert idle_pages(memory, 0, first_block(memory, 0)) == 0
    # Thirty samples or so of four pages: all of them, but for one in a thousand.
    assert idle_pages(memory, 1, first_block(memory, 1)) == 4


def test_a_touch_of_all_takes_all_marks_of_its_area_away() -> None:
    memory = watched((0, 4), (4, 8))
    for area in (0, 1):
        memory.blocks[first_block(memory, area)].idle = 4.0
    touches = make_touches(2, 10)
    begin_tick(touches)
    note_all(touches, 1)
    end_tick(touches, memory)

    sample(memory, touches, 100, 101)

    assert idle_pages(memory, 0, first_block(memory, 0)) == 4
    assert idle_pages(memory, 1, first_block(memory, 1)) == 0


def test_random_touches_take_their_share_of_the_marks() -> None:
    memory = watched((0, BLOCK))
    memory.blocks[0].idle = 500.0
    touches = make_touches(1, 10)
    for accesses in (100, 300):
        begin_tick(touches)
        note_random(touches, 0, accesses)
        end_tick(touches, memory)

    sample(memory, touches, 1000, 1001)

    assert idle_pages(memory, 0, 0) == round(500 * (1 - 1 / BLOCK) ** 400)


def test_marking_a_page_twice_is_as_marking_it_once_where_all_are_marked() -> None:
    memory = watched((0, 4))
    memory.blocks[0].idle = 4.0

    mark_one(memory, 0, 2)

    assert idle_pages(memory, 0, 0) == 4


def test_a_page_out_takes_what_is_marked_and_marks_the_rest() -> None:
    memory = watched((0, BLOCK), (BLOCK, 2 * BLOCK))
    memory.blocks[0].idle, memory.blocks[1].idle = 100.0, 0.0

    moved = [takes(memory, 0, 2 * BLOCK), takes(memory, 0, 2 * BLOCK)]

    assert moved == [100, 2 * BLOCK - 100]


def test_a_page_out_of_a_part_of_a_block_leaves_the_rest_as_it_is() -> None:
    """Half of the marks are in either half, as far as anyone can know."""
    memory = watched((0, BLOCK))
    memory.blocks[0].idle = 200.0

    moved = takes(memory, 0, BLOCK // 2)

    assert moved == 100
    # 100 in the upper half still, and the 156 that were spared in the lower one.
    assert idle_pages(memory, 0, 0) == 256


def test_a_part_of_a_block_that_was_spared_goes_with_the_next_page_out_of_it() -> None:
    memory = watched((0, BLOCK))

    moved = [takes(memory, 0, 128), takes(memory, 0, BLOCK)]

    assert moved == [0, 128]


@pytest.mark.parametrize(
    ("kind", "moved"), [(TAKES_OLD, 100), (TAKES_YOUNG, BLOCK - 100), (TAKES_NONE, 0)]
)
def test_filters_decide_which_pages_go(kind: int, moved: int) -> None:
    memory = watched((0, BLOCK))
    memory.blocks[0].idle = 100.0

    assert takes(memory, 0, BLOCK, kind) == moved


def test_a_page_that_came_back_is_not_marked() -> None:
    memory = watched((0, BLOCK))
    memory.blocks[0].idle = float(BLOCK)
    takes(memory, 0, BLOCK)
    for page in range(BLOCK):
        swap_in(memory, 0, page)

    assert idle_pages(memory, 0, 0) == 0
    assert takes(memory, 0, BLOCK) == 0

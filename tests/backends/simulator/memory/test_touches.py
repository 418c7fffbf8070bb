"""What is known of a tick against one access at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.memory.pages import Memory
from autotune.backends.simulator.memory.touches import (
    MOST_TICKS,
    Touches,
    begin_tick,
    end_tick,
    forget,
    is_full,
    is_touched,
    make_touches,
    note_all,
    note_random,
    note_sweep,
    window,
)
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from tests.backends.simulator.reference.sampling import Sweep, pages_touched, random_of
from tests.backends.simulator.scene import draws_of, memory_of


def touched(touches: Touches, memory: Memory, area: int, tick: int = 0) -> set[int]:
    """The pages of an area that were touched for sure or by one draw each."""
    draws = draws_of(0)
    pages = range(memory.areas[area].pages)
    return {page for page in pages if is_touched(touches, memory, area, page, tick, draws)}


@st.composite
def sweeps(draw: st.DrawFn) -> list[Sweep]:
    """Two sweeps over the same 40 pages, in turns."""
    found = []
    for _ in range(2):
        stride = draw(st.sampled_from([64, 1000, 4096, 5000, 8192, 100_000]))
        positions = -(-draw(st.integers(1, 40 * PAGE)) // stride)
        position = draw(st.integers(0, positions - 1))
        found.append(Sweep(0, stride, positions, position, draw(st.integers(0, 300))))
    return found


@given(sweeps(), st.integers(0, 300))
def test_what_stretches_of_sweeps_touched_is_known_to_the_page(
    actions: list[Sweep], more: int
) -> None:
    memory = memory_of((0, 40))
    touches = make_touches(1, 10)
    begin_tick(touches)
    for number, sweep in enumerate(actions):
        note_sweep(touches, 0, number, sweep.stride, sweep.positions, sweep.position, sweep.count)
    first = actions[0]
    goes_on = (first.position + first.count) % first.positions
    note_sweep(touches, 0, 0, first.stride, first.positions, goes_on, more)
    end_tick(touches, memory)

    on = [*actions, Sweep(0, first.stride, first.positions, goes_on, more)]
    expected = pages_touched(on, [(0, 40)], frozenset(), random_of(0))
    everything = any(
        sum(s.count for s in on if s.stride == sweep.stride) >= sweep.positions
        and sweep.stride <= PAGE
        for sweep in on
    )
    found = touched(touches, memory, 0)
    # A whole sweep stands for all of the area, also where the area is a little larger.
    assert found == expected or (everything and found == set(range(40)))


def test_a_whole_sweep_that_steps_over_pages_does_not_touch_them() -> None:
    memory, touches = memory_of((0, 40)), make_touches(1, 10)
    begin_tick(touches)

    note_sweep(touches, 0, 0, 2 * PAGE, 20, 0, 1000)
    end_tick(touches, memory)

    assert touched(touches, memory, 0) == set(range(0, 40, 2))


def test_ticks_are_kept_apart_and_forgotten_together() -> None:
    memory, touches = memory_of((0, 4), (4, 8)), make_touches(2, 10)
    for tick in range(4):
        begin_tick(touches)
        if tick == 1:
            note_all(touches, 0)
        if tick == 2:
            note_sweep(touches, 1, 0, PAGE, 4, 0, 1)
        end_tick(touches, memory)

    seen = [[touched(touches, memory, area, tick) for tick in range(4)] for area in (0, 1)]
    forget(touches)
    for _ in range(4):
        begin_tick(touches)
        end_tick(touches, memory)

    assert seen == [[set(), {0, 1, 2, 3}, set(), set()], [set(), set(), {1}, set()]]
    assert [touched(touches, memory, area, 1) for area in (0, 1)] == [set(), set()]


def test_between_ticks_nothing_is_kept() -> None:
    memory, touches = memory_of((0, 4)), make_touches(1, 10)

    note_all(touches, 0)
    note_random(touches, 0, 1000)
    note_sweep(touches, 0, 0, PAGE, 4, 0, 4)
    begin_tick(touches)
    end_tick(touches, memory)

    assert touched(touches, memory, 0) == set()


def test_random_accesses_touch_a_page_as_often_as_chance_has_it() -> None:
    pages, accesses = 1000, 700
    memory, touches = memory_of((0, pages)), make_touches(1, 10)
    begin_tick(touches)
    note_random(touches, 0, accesses - 300)
    note_random(touches, 0, 300)
    end_tick(touches, memory)
    draws = draws_of(0)

    hits = sum(is_touched(touches, memory, 0, page % pages, 0, draws) for page in range(40_000))

    expected = 1 - (1 - 1 / pages) ** accesses
    assert hits / 40_000 == pytest.approx(expected, abs=4.5 * np.sqrt(0.25 / 40_000))


def test_so_many_random_accesses_that_none_is_left_out_touch_all() -> None:
    memory, touches = memory_of((0, 100)), make_touches(1, 10)
    begin_tick(touches)
    note_random(touches, 0, 131_072)
    end_tick(touches, memory)

    assert touches.areas.whole.tolist() == [1]


def test_a_window_ends_with_its_last_tick_or_the_last_room_for_sweeps() -> None:
    memory, touches = memory_of((0, 4)), make_touches(1, 5)
    ticks = 0
    while not is_full(touches):
        begin_tick(touches)
        end_tick(touches, memory)
        ticks += 1
    forget(touches)
    tight = make_touches(1, 5)
    swept = 0
    while not is_full(tight):
        begin_tick(tight)
        for access in range(5 + 2):
            note_sweep(tight, 0, access, PAGE, 4, 0, 1)
        end_tick(tight, memory)
        swept += 1

    assert ticks == MOST_TICKS
    assert 0 < swept < MOST_TICKS
    assert tight.state[0].spans <= len(tight.spans)


def test_a_window_has_a_bit_for_each_tick() -> None:
    memory, touches = memory_of((0, 4)), make_touches(1, 5)
    for _ in range(MOST_TICKS):
        begin_tick(touches)
        end_tick(touches, memory)

    assert window(touches) == 2**MOST_TICKS - 1

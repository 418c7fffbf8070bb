from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.backends.simulator.damon.actions import page_out
from autotune.backends.simulator.damon.schemes import TAKES_OLD
from autotune.backends.simulator.memory.huge_pages import (
    advise,
    advise_everything,
    collapse,
    fault_huge,
)
from autotune.backends.simulator.memory.pages import (
    ABSENT,
    ADVISED,
    HUGE,
    RESIDENT,
    SMALL,
    Memory,
    populate,
)
from autotune.damon.damos import Action, Scheme
from tests.backends.simulator.scene import MACHINE, Scene, at, memory_of, staged

BLOCK = 512


def kinds(memory: Memory) -> list[int]:
    return [int(kind) for kind in memory.blocks.kind]


def out(memory: Memory, low: int, high: int) -> None:
    moved = page_out(memory, at(low), at(high), 1 << 40, False, TAKES_OLD)[0]
    assert moved == high - low


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 4 * BLOCK, [ADVISED] * 4),
        (1, 4 * BLOCK, [SMALL, ADVISED, ADVISED, ADVISED]),
        (0, 4 * BLOCK - 1, [ADVISED, ADVISED, ADVISED, SMALL]),
        (BLOCK - 1, 2 * BLOCK + 1, [SMALL, ADVISED, SMALL, SMALL]),
        (10, 500, [SMALL] * 4),
    ],
)
def test_advice_holds_for_whole_huge_pages_inside(
    low: int, high: int, expected: list[int]
) -> None:
    memory = memory_of((0, 4 * BLOCK))

    advise(memory, at(low), at(high), True)

    assert kinds(memory) == expected


def test_huge_pages_are_aligned_by_address_and_not_by_area() -> None:
    """An area from page 100 on has its first huge page at page 512."""
    memory = memory_of((100, 100 + 2 * BLOCK))

    advise(memory, at(0), at(3 * BLOCK), True)

    assert kinds(memory) == [SMALL, ADVISED, SMALL]


def test_advice_can_be_taken_back_but_what_is_huge_stays() -> None:
    memory = memory_of((0, 2 * BLOCK))
    advise(memory, at(0), at(BLOCK), True)
    collapse(memory, 0)
    advise(memory, at(BLOCK), at(2 * BLOCK), True)

    advise(memory, at(0), at(2 * BLOCK), False)

    assert kinds(memory) == [HUGE, SMALL]


def test_eight_huge_pages_are_made_in_a_scan_and_the_next_one_goes_on_there() -> None:
    memory = memory_of((0, 12 * BLOCK))
    advise(memory, at(0), at(12 * BLOCK), True)

    goes_on = collapse(memory, 0)
    first = kinds(memory)
    again = collapse(memory, goes_on)

    assert goes_on == 8
    assert first == [HUGE] * 8 + [ADVISED] * 4
    assert (again, kinds(memory)) == (0, [HUGE] * 12)
    assert memory.areas[0].huge == 12


def test_what_nobody_asked_for_is_not_even_scanned() -> None:
    memory = memory_of((0, 20 * BLOCK))
    advise(memory, at(19 * BLOCK), at(20 * BLOCK), True)

    collapse(memory, 0)

    assert kinds(memory) == [SMALL] * 19 + [HUGE]


def test_a_huge_page_holds_what_was_never_touched_too() -> None:
    memory = memory_of((0, 2 * BLOCK), state=ABSENT)
    populate(memory, 0, 7, 8)
    advise(memory, at(0), at(2 * BLOCK), True)

    collapse(memory, 0)

    # One page was there, and becomes 512; the other huge page has none, and stays nothing.
    assert kinds(memory) == [HUGE, ADVISED]
    assert memory.counters[0].resident == BLOCK


@pytest.mark.parametrize(("swapped", "kind"), [(64, HUGE), (65, ADVISED)])
def test_with_more_than_64_pages_out_a_block_stays_small(swapped: int, kind: int) -> None:
    memory = memory_of((0, BLOCK))
    out(memory, 0, swapped)
    advise(memory, at(0), at(BLOCK), True)

    collapse(memory, 0)

    assert kinds(memory) == [kind]
    assert memory.counters[0].swap_ins == (swapped if kind == HUGE else 0)


def test_the_first_touch_of_an_advised_block_brings_all_of_it() -> None:
    memory = memory_of((0, 2 * BLOCK), state=ABSENT)
    advise(memory, at(0), at(BLOCK), True)

    served = [fault_huge(memory, 0, page) for page in (3, BLOCK + 3)]

    assert served == [True, False]
    assert memory.counters[0].resident == BLOCK
    assert (memory.state[:BLOCK] == RESIDENT).all()


@pytest.mark.parametrize("there", ["resident", "swapped"])
def test_where_something_of_the_block_is_already_a_touch_brings_a_page(there: str) -> None:
    memory = memory_of((0, BLOCK), state=ABSENT)
    populate(memory, 0, 9, 10)
    if there == "swapped":
        out(memory, 9, 10)
    advise(memory, at(0), at(BLOCK), True)

    assert not fault_huge(memory, 0, 3)


def test_in_mode_always_all_that_is_there_is_huge_from_the_beginning() -> None:
    memory = memory_of((0, 2 * BLOCK + 5), (3 * BLOCK, 4 * BLOCK))
    out(memory, 0, 1)

    advise_everything(memory)

    assert kinds(memory) == [ADVISED, HUGE, SMALL, HUGE]
    assert memory.areas.huge.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [(Action.HUGEPAGE, SMALL, ADVISED), (Action.NOHUGEPAGE, ADVISED, SMALL)],
)
def test_schemes_give_the_advice(action: Action, before: int, after: int) -> None:
    scene = Scene((0, 2 * BLOCK))
    scene.memory.blocks.kind[:] = before

    scene.apply(staged(Scheme(action=action)))

    assert kinds(scene.memory) == [after] * 2


def test_in_mode_never_advice_is_heard_and_does_nothing() -> None:
    scene = Scene((0, 2 * BLOCK), machine=replace(MACHINE, huge_pages="never"))
    schemes = staged(Scheme(action=Action.HUGEPAGE))

    scene.apply(schemes)

    assert kinds(scene.memory) == [SMALL] * 2
    assert schemes.items[0].applied_bytes == 2 * BLOCK * 4096

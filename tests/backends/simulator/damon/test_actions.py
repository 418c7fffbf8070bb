from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotune.backends.simulator.damon.actions import page_out
from autotune.backends.simulator.damon.schemes import TAKES_OLD, Schemes
from autotune.backends.simulator.memory.contents import look_at
from autotune.backends.simulator.memory.idle_marks import idle_pages
from autotune.backends.simulator.memory.pages import (
    ABSENT,
    HUGE,
    RESIDENT,
    SHARED,
    pool_bytes,
    populate,
)
from autotune.damon.damos import AccessPattern, Action, Filter, FilterType, Range, Scheme
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from tests.backends.simulator.reference.regions import Region
from tests.backends.simulator.scene import (
    COMPRESSED,
    MACHINE,
    PAGEOUT_US,
    SCAN_US,
    Scene,
    at,
    fill,
    staged,
)

BLOCK = 512
COLD = AccessPattern(access_rate=Range(0.0, 0.0))
EVERYTHING = 1 << 40


def scheme_of(action: Action, *, physical: bool = False, **fields: Any) -> Schemes:
    return staged(Scheme(action=action, pattern=COLD, **fields), physical=physical)


def out_of(scene: Scene, low: int, high: int, most: int = EVERYTHING) -> tuple[int, int]:
    """Page out, in virtual addresses; how many pages went, and where it stands."""
    moved, _, _, position = page_out(scene.memory, at(low), at(high), most, False, TAKES_OLD)
    return moved, (position - at(0)) // PAGE


def physical(*filters: Filter) -> Schemes:
    return scheme_of(Action.PAGEOUT, physical=True, filters=filters)


def in_physical(scene: Scene) -> Scene:
    scene.memory.counters[0].marks = 1
    return scene


def test_paging_out_stops_after_as_many_pages_as_asked_and_goes_on_there() -> None:
    scene = Scene((0, 11))

    first, position = out_of(scene, 0, 11, most=4)
    second, done = out_of(scene, position, 11)

    assert (first, position, second, done) == (4, 4, 7, 11)


def test_pages_of_one_area_go_out_at_a_time() -> None:
    """What a page costs is a matter of its area."""
    scene = Scene((0, 4), (4, 8), (10, 12))

    assert out_of(scene, 0, 12) == (4, 4)
    assert out_of(scene, 4, 12) == (4, 10)
    assert out_of(scene, 10, 12) == (2, 12)


def test_what_is_out_or_was_never_there_is_passed_over() -> None:
    scene = Scene((0, 2000))
    out_of(scene, 100, 1900)

    moved, done = out_of(scene, 0, 2000)

    assert (moved, done) == (200, 2000)
    assert scene.out == list(range(2000))


def test_shared_pages_stay_where_they_are() -> None:
    scene = Scene((0, 600), state=ABSENT)
    populate(scene.memory, 0, 0, 10, SHARED)
    populate(scene.memory, 0, 10, 600)

    moved, done = out_of(scene, 0, 600)

    assert (moved, done) == (590, 600)
    assert scene.pages(SHARED) == list(range(10))


def test_a_full_swap_takes_no_more() -> None:
    scene = Scene((0, 10), swap_pages=3)

    assert out_of(scene, 0, 10)[0] == 3
    assert scene.out == [0, 1, 2]


def test_the_pool_holds_what_is_swapped_as_far_as_it_compresses() -> None:
    scene = Scene((0, 16))

    out_of(scene, 0, 8)

    assert pool_bytes(scene.memory) == 8 * PAGE * COMPRESSED


@pytest.mark.parametrize("cpus", [1, 2])
def test_an_action_takes_its_time_from_the_kdamond(cpus: int) -> None:
    scene = Scene((0, 64), machine=replace(MACHINE, cpus=cpus))

    scene.apply(scheme_of(Action.PAGEOUT))

    clock = scene.world.clock[0]
    assert clock.busy_us == pytest.approx(64 * PAGEOUT_US)
    # On a shared CPU, where the workload wants it too, it takes turns with it.
    assert clock.now_us == pytest.approx(64 * PAGEOUT_US * (2 if cpus == 1 else 1))


def test_pages_that_are_left_cost_a_look() -> None:
    scene = Scene((0, 64))
    scene.apply(schemes := scheme_of(Action.PAGEOUT))
    busy_us = float(scene.world.clock[0].busy_us)

    scene.apply(schemes)

    assert scene.world.clock[0].busy_us - busy_us == pytest.approx(64 * SCAN_US)


@pytest.mark.parametrize(
    ("spans", "regions", "applied"),
    [
        (((0, 64),), [(0, 64)], [64]),
        (((0, 30), (30, 64)), [(0, 64)], [64]),
        (((0, 30), (31, 64)), [(0, 64)], [0]),
        (((0, 64),), [(0, 65)], [0]),
        (((4, 64),), [(0, 64)], [0]),
        (((0, 30), (31, 64)), [(0, 20), (20, 40), (40, 64)], [20, 24]),
    ],
    ids=["all", "two areas", "a hole inside", "behind the end", "before", "one with a hole"],
)
@pytest.mark.parametrize("action", [Action.PAGEOUT, Action.COLD, Action.HUGEPAGE])
def test_a_region_with_a_hole_is_not_called_applied_though_all_else_of_it_is(
    action: Action,
    spans: tuple[tuple[int, int], ...],
    regions: list[tuple[int, int]],
    applied: list[int],
) -> None:
    scene = Scene(*spans)
    fill(scene.regions, [Region(at(low), at(high)) for low, high in regions])
    schemes = scheme_of(action)

    moved = scene.apply(schemes)

    item = schemes.items[0]
    assert moved == (sum(high - low for low, high in spans) if action is Action.PAGEOUT else 0)
    assert item.applied_bytes == sum(applied) * PAGE
    assert item.applied_regions == sum(pages > 0 for pages in applied)
    assert item.tried_regions == len(regions)


def test_what_is_out_already_is_applied_again() -> None:
    """It is the length of the region, and not what moved."""
    scene = Scene((0, 64))
    scene.apply(schemes := scheme_of(Action.PAGEOUT))

    moved = scene.apply(schemes)

    assert (moved, schemes.items[0].applied_bytes) == (0, 128 * PAGE)


def test_other_actions_move_nothing_out() -> None:
    left = {}
    for action in (
        Action.STAT,
        Action.COLD,
        Action.LRU_PRIO,
        Action.LRU_DEPRIO,
        Action.NOHUGEPAGE,
    ):
        for is_physical in (False, True):
            scene = Scene((0, 64))
            moved = scene.apply(scheme_of(action, physical=is_physical))
            left[action, is_physical] = (moved, scene.pages(RESIDENT))

    assert left == dict.fromkeys(left, (0, list(range(64))))


@pytest.mark.parametrize(
    ("action", "is_physical", "applied_pages"),
    [
        (Action.STAT, False, 0),
        (Action.STAT, True, 0),
        (Action.LRU_PRIO, False, 0),
        (Action.LRU_DEPRIO, False, 0),
        (Action.LRU_PRIO, True, 24),  # what is there, of a region of 64 pages
        (Action.LRU_DEPRIO, True, 24),
        (Action.COLD, False, 64),
        (Action.COLD, True, 0),
        (Action.HUGEPAGE, True, 0),
        (Action.NOHUGEPAGE, True, 0),
    ],
)
def test_what_counts_as_applied_depends_on_the_address_space(
    action: Action, is_physical: bool, applied_pages: int
) -> None:
    scene = Scene((0, 64))
    out_of(scene, 0, 40)
    schemes = scheme_of(action, physical=is_physical)

    scene.apply(schemes)

    item = schemes.items[0]
    assert item.applied_bytes == applied_pages * PAGE
    assert item.applied_regions == (1 if applied_pages else 0)
    assert item.tried_bytes == 64 * PAGE


def test_memory_that_is_not_anonymous_is_all_that_a_filter_against_it_leaves() -> None:
    scene = in_physical(Scene((0, BLOCK)))
    schemes = physical(Filter(type=FilterType.ANON))

    moved = [scene.apply(schemes, second) for second in (0.0, 0.1, 0.2)]

    assert moved == [0, 0, 0]
    assert schemes.items[0].tried_bytes == 3 * BLOCK * PAGE


def test_the_first_page_out_in_physical_addresses_spares_what_no_sample_marked() -> None:
    """The region is young again and the quota charged; the second one takes it all."""
    scene = in_physical(Scene((0, 4 * BLOCK)))
    scene.items.age = 50
    schemes = physical()

    first = scene.apply(schemes)
    ages = scene.ages
    applied = int(schemes.items[0].applied_bytes)
    second = scene.apply(schemes)

    assert (first, ages, applied) == (0, [0], 0)
    assert second == 4 * BLOCK
    assert schemes.items[0].applied_bytes == 4 * BLOCK * PAGE
    assert schemes.items[0].charged == 8 * BLOCK * PAGE


def test_in_virtual_addresses_nothing_is_spared() -> None:
    scene = Scene((0, 4 * BLOCK))

    assert scene.apply(scheme_of(Action.PAGEOUT)) == 4 * BLOCK


def test_pages_that_a_page_out_spared_are_young_again_once_they_were_touched() -> None:
    scene = in_physical(Scene((0, BLOCK), (BLOCK, 2 * BLOCK)))
    scene.apply(schemes := physical())
    scene.memory.areas[1].sweeps += 1.0  # all of it was touched

    moved = scene.apply(schemes)

    assert moved == BLOCK
    assert scene.out == list(range(BLOCK))
    assert idle_pages(scene.memory, 1, scene.memory.areas[1].first // BLOCK) == BLOCK


def test_a_filter_for_young_pages_only_takes_those_and_leaves_the_others() -> None:
    scene = in_physical(Scene((0, BLOCK)))
    schemes = physical(Filter(type=FilterType.YOUNG, matching=False))

    assert scene.apply(schemes) == BLOCK


@pytest.mark.parametrize(
    ("action", "matching", "first", "second"),
    [
        (Action.LRU_DEPRIO, True, 100, 2 * BLOCK),
        (Action.LRU_DEPRIO, False, 2 * BLOCK - 100, 0),
        (Action.LRU_PRIO, True, 100, 2 * BLOCK - 100),
        (Action.LRU_PRIO, False, 2 * BLOCK - 100, 2 * BLOCK - 100),
    ],
)
def test_pages_move_between_lists_by_whether_they_were_accessed(
    action: Action, matching: bool, first: int, second: int
) -> None:
    """What is looked at is marked, and what lru_prio takes counts as accessed."""
    scene = in_physical(Scene((0, BLOCK), (BLOCK, 2 * BLOCK)))
    scene.memory.blocks.idle[:2] = [70.0, 30.0]
    only = Filter(type=FilterType.YOUNG, matching=matching)
    schemes = scheme_of(action, physical=True, filters=(only,))

    scene.apply(schemes)
    applied = int(schemes.items[0].applied_bytes)
    scene.apply(schemes)

    assert applied == first * PAGE
    assert schemes.items[0].applied_bytes == (first + second) * PAGE
    assert scene.out == []


def test_a_page_out_splits_huge_pages() -> None:
    scene = Scene((0, 4 * BLOCK))
    scene.memory.blocks.kind[:4] = HUGE
    scene.memory.areas[0].huge = 4

    out_of(scene, BLOCK + 10, 2 * BLOCK + 1)

    kinds = (scene.memory.blocks.kind[:4] == HUGE).tolist()
    assert kinds == [True, False, False, True]
    assert scene.memory.areas[0].huge == 2


def test_absent_memory_costs_a_look_and_nothing_goes_out() -> None:
    scene = Scene((0, 64), state=ABSENT)

    moved = scene.apply(scheme_of(Action.PAGEOUT))

    assert moved == 0
    assert scene.world.clock[0].busy_us == pytest.approx(64 * SCAN_US)


def test_a_page_costs_by_what_it_holds() -> None:
    """Nobody wrote to it: it costs what an almost empty page does."""
    scene = Scene((0, 64))

    look_at(scene.memory, 0)

    area = scene.memory.areas[0]
    assert (area.pageout_us, area.fault_us) == (PAGEOUT_US, MACHINE.fault_us)

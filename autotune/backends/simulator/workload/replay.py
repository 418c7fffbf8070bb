"""A recording as a workload: it accesses again what DAMON saw of a program, page by page, by chance.

If *n* of *m* samples of a region found an access, that share of the region's pages is touched in every
sampling interval, always the same pages. So pages are hot or cold: a region mixes hot and cold pages,
and its pages are not all lukewarm. Where more is known than DAMON's counts, more pages are touched in an
aggregation, and pools of pages are touched besides: only what is swapped out need be touched. Mappings
come and go as the program's did. The program's work is fixed: the time for faults makes the run longer.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.bits import first_bits, ones
from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.draws import Draws, chosen, split_mix, uniform
from autotune.backends.simulator.compiled.structs import FLAG, FLOAT, INT, Structs, make_structs
from autotune.backends.simulator.memory.huge_pages import fault_huge
from autotune.backends.simulator.memory.pages import (
    ABSENT,
    BLOCK_PAGES,
    SWAPPED,
    Memory,
    drop,
    pages_of_block,
    populate,
    swap_in,
)
from autotune.backends.simulator.memory.touches import MOST_TICKS
from autotune.backends.simulator.workload.progress import begin_progress

ALWAYS, DRAWN, IN_TURN, ONCE = 0, 1, 2, 3
"""How pages of a pool are touched: in every slice; at random times; one after the other, again and
again; one after the other, once.
"""

_ROW = {
    "start": INT,  # first address
    "end": INT,  # address behind the last
    "area": INT,  # of memory
    "low": INT,  # its first page, counted within the area
    "high": INT,  # the page behind its last
    "chance": FLOAT,  # the share of its pages that is touched in a sampling interval
    "reach": FLOAT,  # the share of its pages that is touched in the slice
    "fills": FLAG,  # whether a touch makes a page resident that never was
    "before": FLOAT,  # bytes times chance, summed over the rows before it in its slice
    "bytes_before": FLOAT,  # bytes, summed over the rows before it in its slice
}
_SLICE = {
    "first": INT,  # its first row
    "behind": INT,  # the row behind its last
    "end_us": FLOAT,  # of the recording's time
    "beyond_us": FLOAT,  # what a tick of DAMON took beyond its sleep when this was recorded
}
_CHANGE = {
    "time_us": FLOAT,  # of the recording's time
    "area": INT,
    "mapped": FLAG,  # 1: it comes; 0: it goes
    "first": INT,  # its first stretch of resident pages
    "behind": INT,  # the stretch behind its last
}
_STRETCH = {
    "low": INT,  # page, counted within the area
    "high": INT,
    "state": INT,  # RESIDENT or SHARED
}
_POOL = {
    "area": INT,
    "first": INT,  # its first page in the list of pages
    "behind": INT,  # behind its last page in the list
    "gap_us": FLOAT,  # mean time between two touches
    "kind": INT,  # how they are touched
    "next_us": FLOAT,  # of the recording's time
    "next_page": INT,  # place in the list
}
_STATE = {
    "position_us": FLOAT,  # of the recording's time
    "duration_us": FLOAT,
    "slice": INT,
    "change": INT,  # the next one
    "cpu_share": FLOAT,  # CPU seconds that the program used in a second
    "busy": FLOAT,  # the share of the time in which it waits if another program has the CPU
    "first_touch_us": FLOAT,
    "by_chance": FLOAT,  # the variance of counts, over that of samples which fall by chance; at most 1
    "ticks": INT,  # of this window that are over
    "seen": INT,  # slices in this window
    "touched": INT,  # the slice whose pages were last touched; -1 is none
    "swap_outs": INT,  # pages swapped out up to that touch
}
_SEEN = {
    "slice": INT,
    "ticks": INT,  # of this window that ended in the slice
}


class Replay(NamedTuple):
    """A recording, and how far it has been played.

    Attributes:
        rows: `_ROW` structs: accessed stretches of areas, by slice and then by address.
        slices: `_SLICE` structs, in the order of time.
        changes: `_CHANGE` structs of mappings, in the order of time.
        stretches: `_STRETCH` structs: the resident pages of mappings that come.
        pools: `_POOL` structs: pages that are touched besides.
        pages: The pages of the pools, counted within their areas.
        draws: The stream of random numbers for the pools.
        seen: `_SEEN` structs: the slices of this window.
        state: `_STATE`, one struct.
        progress: How far the workload has come, one struct.
    """

    rows: Structs
    slices: Structs
    changes: Structs
    stretches: Structs
    pools: Structs
    pages: NDArray[np.int64]
    draws: Draws
    seen: Structs
    state: Structs
    progress: Structs


def make_replay(
    rows: Structs,
    slices: Structs,
    changes: Structs,
    stretches: Structs,
    pools: Structs,
    pages: NDArray[np.int64],
    draws: Draws,
) -> Replay:
    """Make a replay that stands at the beginning of a recording; the caller fills in the state."""
    state = make_structs(_STATE, 1)
    state[0].touched = -1
    seen = make_structs(_SEEN, MOST_TICKS + 1)
    return Replay(
        *(rows, slices, changes, stretches, pools.copy(), pages, draws),
        *(seen, state, begin_progress()),
    )


def make_parts(
    rows: int, slices: int, changes: int, stretches: int, pools: int
) -> tuple[Structs, ...]:
    """Empty structs for the parts of a recording."""
    return (
        make_structs(_ROW, rows),
        make_structs(_SLICE, slices),
        make_structs(_CHANGE, changes),
        make_structs(_STRETCH, stretches),
        make_structs(_POOL, pools),
    )


def sum_up(rows: Structs, slices: Structs) -> None:
    """Fill in `before` and `bytes_before` of all rows."""
    weights: NDArray[np.float64] = (rows.end - rows.start) * rows.chance
    for part in slices:
        own = slice(int(part.first), int(part.behind))
        rows.before[own] = np.cumsum(weights[own]) - weights[own]
        sizes = np.asarray(rows.end[own] - rows.start[own], dtype=np.float64)
        rows.bytes_before[own] = np.cumsum(sizes) - sizes


@compiled
def _touch(replay: Replay, memory: Memory, index: int, page: int) -> None:
    """Touch a page that is not resident; *page* is an index of the states."""
    progress, area = replay.progress[0], memory.areas[index]
    if memory.state[page] == SWAPPED:
        swap_in(memory, index, page - area.first)
        progress.owed_us += area.fault_us
        progress.fault_us += area.fault_us
    elif memory.state[page] == ABSENT:
        if not fault_huge(memory, index, page):
            populate(memory, index, page - area.first, page - area.first + 1)
        progress.owed_us += replay.state[0].first_touch_us


@inlined
def _heat(page: int) -> float:
    """The place of a page, an index of the states, among all pages, from 0, the hottest, to 1."""
    return float(split_mix(np.uint64(page)) >> np.uint64(11)) * (1.0 / (1 << 53))


@compiled
def _touch_share(
    replay: Replay, memory: Memory, index: int, low: int, high: int, share: float, fills: int
) -> None:
    """Touch the hottest *share* of the pages of area *index* from *low* to *high*.

    Only pages that are not resident need it; with *fills*, also those that never were.
    """
    area = memory.areas[index]
    if area.mapped == 0 or (area.resident == area.pages if fills else area.swapped == 0):
        return
    page, behind = area.first + low, area.first + high
    while page < behind:
        block = page // BLOCK_PAGES
        block_end = min(behind, (block + 1) * BLOCK_PAGES)
        if memory.blocks[block].resident == pages_of_block(memory, index, block):
            page = block_end  # all are resident already
        while page < block_end:
            state = memory.state[page]
            if (state == SWAPPED or (state == ABSENT and fills)) and _heat(page) < share:
                _touch(replay, memory, index, page)
            page += 1


@compiled
def _touch_all(replay: Replay, memory: Memory) -> None:
    """Touch the running slice's pages, unless none went out since they were last touched."""
    state, counters = replay.state[0], memory.counters[0]
    if state.touched == state.slice and state.swap_outs == counters.swap_outs:
        return
    state.touched = state.slice
    state.swap_outs = counters.swap_outs
    part = replay.slices[state.slice]
    for number in range(part.first, part.behind):
        row = replay.rows[number]
        _touch_share(replay, memory, row.area, row.low, row.high, row.reach, row.fills)
    for number in range(len(replay.pools)):
        pool = replay.pools[number]
        if pool.kind == ALWAYS and memory.areas[pool.area].swapped > 0:
            for place in range(pool.first, pool.behind):
                _touch_swapped(replay, memory, pool.area, replay.pages[place])


@compiled
def _touch_pools(replay: Replay, memory: Memory) -> None:
    """Touch what the pools touched up to the replay's place in the recording."""
    now_us = replay.state[0].position_us
    for number in range(len(replay.pools)):
        pool = replay.pools[number]
        pages, is_out = pool.behind - pool.first, memory.areas[pool.area].swapped > 0
        if pool.next_us <= now_us and pool.kind == DRAWN and not is_out:
            pool.next_us = now_us + _gap_us(pool, replay.draws)
        while pool.next_us <= now_us:
            place = pool.next_page
            if pool.kind == DRAWN:
                place = pool.first + int(uniform(replay.draws) * pages)
                pool.next_us += _gap_us(pool, replay.draws)
            else:
                pool.next_us += pool.gap_us
                pool.next_page = pool.first + (place - pool.first + 1) % pages
                if pool.kind == ONCE and pool.next_page == pool.first:
                    pool.next_us = math.inf
            if is_out:
                _touch_swapped(replay, memory, pool.area, replay.pages[place])


@inlined
def _touch_swapped(replay: Replay, memory: Memory, index: int, page: int) -> None:
    """Touch a page, counted within area *index*, if it is swapped out."""
    area = memory.areas[index]
    if area.mapped == 1 and memory.state[area.first + page] == SWAPPED:
        _touch(replay, memory, index, area.first + page)


@inlined
def _gap_us(pool: Any, draws: Draws) -> float:
    return -math.log(1.0 - uniform(draws)) * pool.gap_us


def begin_pools(replay: Replay) -> None:
    """Draw when the pools' first touches come."""
    for pool in replay.pools:
        if pool.kind == ONCE:
            continue
        pool.next_us = math.inf if pool.kind == ALWAYS else uniform(replay.draws) * pool.gap_us
        pages = int(pool.behind) - int(pool.first)
        pool.next_page = pool.first + int(uniform(replay.draws) * pages)


@compiled
def change_mappings(replay: Replay, memory: Memory) -> None:
    """Map and unmap areas as the program did, up to the replay's place in the recording."""
    state = replay.state[0]
    while (
        state.change < len(replay.changes)
        and replay.changes[state.change].time_us <= state.position_us
    ):
        change = replay.changes[state.change]
        area = memory.areas[change.area]
        if change.mapped == 1:
            area.mapped = 1
            for number in range(change.first, change.behind):
                stretch = replay.stretches[number]
                populate(memory, change.area, stretch.low, stretch.high, stretch.state)
        else:
            drop(memory, change.area)
            area.mapped = 0
        memory.counters[0].changes += 1
        state.change += 1
        state.touched = -1  # the slice may have more pages to touch now


@compiled
def play_recording(replay: Replay, memory: Memory, time_us: float) -> float:
    """Play for *time_us*, or to the end.

    Returns:
        The time not used: above 0 only at the recording's end.
    """
    state, progress, left_us = replay.state[0], replay.progress[0], time_us
    while left_us > 0.0 and progress.over == 0:
        if progress.owed_us > 0.0:
            paid_us = min(progress.owed_us, left_us)
            progress.owed_us -= paid_us
            progress.cpu_us += paid_us
            left_us -= paid_us
            continue
        end_us = replay.slices[state.slice].end_us
        step_us = min(left_us, end_us - state.position_us)
        _touch_all(replay, memory)
        _touch_pools(replay, memory)
        progress.cpu_us += step_us * state.cpu_share
        left_us -= step_us
        state.position_us = (
            end_us if step_us == end_us - state.position_us else (state.position_us + step_us)
        )
        if state.position_us >= end_us and state.slice + 1 < len(replay.slices):
            state.slice += 1
        progress.over = 1 if state.position_us >= state.duration_us else 0
        change_mappings(replay, memory)
    return left_us


@compiled
def let_idle(replay: Replay, memory: Memory, time_us: float) -> None:
    """Let time pass in which the recorded program has no CPU.

    A program that has to run first, for faults, waits; else, what it would have waited for passes.
    """
    progress = replay.progress[0]
    owed_us = progress.owed_us
    progress.owed_us = 0.0
    idle_us = max(0.0, time_us - owed_us) * (1.0 - replay.state[0].busy)
    play_recording(replay, memory, idle_us)
    progress.owed_us += owed_us


@inlined
def note_tick(replay: Replay) -> None:
    """End a tick of the window."""
    state = replay.state[0]
    if state.seen > 0 and replay.seen[state.seen - 1].slice == state.slice:
        replay.seen[state.seen - 1].ticks += 1
    else:
        replay.seen[state.seen].slice = state.slice
        replay.seen[state.seen].ticks = 1
        state.seen += 1
    state.ticks += 1
    replay.progress[0].full = 1 if state.ticks == MOST_TICKS else 0


@inlined
def forget_ticks(replay: Replay) -> None:
    """Begin a new window."""
    replay.state[0].ticks = 0
    replay.state[0].seen = 0
    replay.progress[0].full = 0


@compiled
def _first_row_behind(replay: Replay, part: int, address: int) -> int:
    """The first row of a slice that ends behind *address*."""
    low, high = replay.slices[part].first, replay.slices[part].behind
    while low < high:
        middle = (low + high) // 2
        if replay.rows[middle].end <= address:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _accessed_up_to(replay: Replay, part: int, address: int) -> tuple[float, float]:
    """Bytes times chance, and bytes, summed over a slice's rows below *address*."""
    number = _first_row_behind(replay, part, address)
    if number < replay.slices[part].behind:
        row = replay.rows[number]
        size = max(0, address - row.start)
        return row.before + size * row.chance, row.bytes_before + size
    if number == replay.slices[part].first:
        return 0.0, 0.0
    row = replay.rows[number - 1]
    size = row.end - row.start
    return row.before + size * row.chance, row.bytes_before + size


@compiled
def hits_of_recording(replay: Replay, start: int, end: int, draws: Draws) -> int:
    """How many samples of this window find a random page of ``[start, end)`` touched."""
    state, hits = replay.state[0], 0
    for i in range(state.seen):
        part = replay.seen[i].slice
        accessed, size = _accessed_up_to(replay, part, end)
        accessed_before, size_before = _accessed_up_to(replay, part, start)
        accessed -= accessed_before
        chance, ticks = accessed / (end - start), replay.seen[i].ticks
        if state.by_chance < 1.0 and accessed > 0.0:
            # In a share of the ticks the rows' pages are more likely touched, and in the others never.
            mean = min(1.0, accessed / (size - size_before))
            share = mean / (1.0 - state.by_chance * (1.0 - mean))
            ticks = int(ticks * share + uniform(draws))
            chance /= share
        hits += ones(chosen(draws, first_bits(ticks), chance))
    return hits

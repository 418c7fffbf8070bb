"""A pattern's player, as masim plays it: batch by batch.

A batch is 131,072 accesses to one region, chosen by the phase's weights; after each batch the player
looks at the clock.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.draws import Draws, next_state, split_mix, uniform
from autotune.backends.simulator.compiled.structs import (
    FLAG,
    FLOAT,
    INT,
    Structs,
    at,
    copied,
    make_structs,
)
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.pages import (
    BLOCK_PAGES,
    SWAPPED,
    Memory,
    pages_of_block,
    swap_in,
)
from autotune.backends.simulator.memory.touches import (
    Touches,
    make_touches,
    note_random,
    note_sweep,
)
from autotune.backends.simulator.workload.layout import Layout
from autotune.backends.simulator.workload.progress import begin_progress
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.experiment.pattern import BATCH_ACCESSES, TABLE_BYTES, AccessMode, Pattern

_TABLE_STRIDE = 8
_GUIDES_AN_ACCESS = 4
_DRAWS = 16
"""How many times a page is drawn to find a swapped page."""

_ACCESS = {
    "area": INT,  # of memory
    "random": FLAG,  # random offsets, or sweeps
    "writes": FLAG,
    "stride": INT,  # bytes between two accesses of a sweep
    "positions": INT,  # places that a sweep visits: size / stride, rounded up
    "step": INT,  # how many positions a whole batch moves the sweep on
    "weight": "u8",  # cumulative within the phase; all 0 in a phase that idles
    "position": INT,  # where the sweep stands
    # Positions swept since the last fault, and since pages of the area went out. A whole sweep without
    # a fault shows that the stride steps over all pages that are still out.
    "quiet": INT,
    "cuts": INT,  # how many pages of the area had ever gone out when `quiet` began
}
_PHASE = {
    "first": INT,  # its first access
    "behind": INT,  # the access behind its last
    "length_us": FLOAT,
    "weights": "u8",  # sum over its accesses; 0 in a phase that idles
    "guide": INT,  # where its part of the guide begins
    "guides": INT,  # length of its part of the guide
    "scale": FLOAT,  # steps of the guide for each 1 of a random number
}
_STATE = {
    "phase": INT,
    "access": INT,  # of the running batch
    "random_state": "u8",  # decides the order of batches, as in the real player
    "left": INT,  # accesses that the batch still has to make
    "phase_began_us": FLOAT,
    "accesses": FLOAT,  # made so far
    "sequential_us": FLOAT,  # cost of an access of a sweep
    "random_us": FLOAT,  # cost of an access at random
    "huge_random_us": FLOAT,  # cost of an access at random in huge pages
}


class Loaded(NamedTuple):
    """A pattern, loaded for a machine; each run plays a copy.

    Attributes:
        memory: All of it resident.
        accesses: `_ACCESS` structs, in the order of the phases; the last struct is the table of random
            numbers, which each random access reads.
        phases: `_PHASE` structs.
        guide: For equal steps of a random number, the first access that the number can choose. The
            search for the access that the number does choose begins there.
        state: `_STATE`, one struct.
    """

    memory: Memory
    accesses: Structs
    phases: Structs
    guide: NDArray[np.int64]
    state: Structs


class Player(NamedTuple):
    """What is accessed when, how far the player has come, and what it touched.

    Attributes:
        accesses: `_ACCESS` structs, in the order of the phases; the last struct is the table of random
            numbers, which each random access reads.
        phases: `_PHASE` structs.
        guide: For equal steps of a random number, the first access that the number can choose. The
            search for the access that the number does choose begins there.
        state: `_STATE`, one struct.
        progress: How far the player has come, one struct.
        touches: What it touched in the ticks of this window.
        draws: The stream of random numbers for random accesses.
    """

    accesses: Structs
    phases: Structs
    guide: NDArray[np.int64]
    state: Structs
    progress: Structs
    touches: Touches
    draws: Draws


def load(pattern: Pattern, layout: Layout, machine: Machine) -> Loaded:
    """Load *pattern*, laid out as *layout*; it will be played from its first phase on."""
    given = [access for phase in pattern.phases for access in phase.accesses]
    accesses = make_structs(_ACCESS, len(given) + 1)
    for row, access in zip(accesses, given, strict=False):
        row.area = layout.region_area[access.region]
        row.random = access.random
        row.writes = access.mode is not AccessMode.READ
        row.stride = max(1, access.stride_bytes)
        row.positions = -(-pattern.regions[access.region].size_bytes // row.stride)
        row.step = BATCH_ACCESSES % int(row.positions)
    table = accesses[-1]
    table.area, table.stride = layout.table_area, _TABLE_STRIDE
    table.positions = TABLE_BYTES // _TABLE_STRIDE
    table.step = BATCH_ACCESSES
    accesses.weight[:-1] = [
        weight
        for phase in pattern.phases
        for weight in itertools.accumulate(access.weight for access in phase.accesses)
    ]
    phases = make_structs(_PHASE, len(pattern.phases))
    phases.behind = np.cumsum([len(phase.accesses) for phase in pattern.phases])
    phases.first = phases.behind - [len(phase.accesses) for phase in pattern.phases]
    phases.length_us = [phase.duration_us for phase in pattern.phases]
    state = make_structs(_STATE, 1)
    state[0].sequential_us = machine.sequential_access_ns / 1000
    state[0].random_us = machine.random_access_ns / 1000
    state[0].huge_random_us = machine.huge_random_access_ns / 1000
    phases.guides = _GUIDES_AN_ACCESS * (phases.behind - phases.first)
    phases.guide = np.cumsum(phases.guides) - phases.guides
    phases.weights = accesses.weight[phases.behind - 1]
    phases.scale = phases.guides / np.maximum(phases.weights, 1)
    guide = [
        part.first
        + np.searchsorted(
            accesses.weight[part.first : part.behind],
            # The smallest number that each step of the guide can stand for.
            [-(-int(part.weights) * step // int(part.guides)) for step in range(part.guides)],
            side="right",
        )
        for part in phases
    ]
    return Loaded(layout.memory, accesses, phases, np.concatenate(guide), state)


def begin_pattern(
    loaded: Loaded, seed: int, draws: Draws, spans_a_tick: int
) -> tuple[Memory, Player]:
    """Make a player that stands at the beginning of a pattern.

    Args:
        loaded: The pattern.
        seed: Decides the order of batches; `autotune/native/player.c` has an equal order for it.
        draws: The stream of random numbers for random accesses.
        spans_a_tick: Room for the stretches of sweeps in a tick; `spans_in` gives it.
    """
    memory = copied(loaded.memory)
    player = Player(
        accesses=loaded.accesses.copy(),
        phases=loaded.phases,
        guide=loaded.guide,
        state=loaded.state.copy(),
        progress=begin_progress(),
        touches=make_touches(len(memory.areas), spans_a_tick),
        draws=draws,
    )
    player.state.random_state[:] = seed
    return memory, player


def spans_in(machine: Machine, time_us: float) -> int:
    """The most stretches of sweeps, of batches and of the table, that *time_us* can hold."""
    cheapest_ns = min(
        machine.sequential_access_ns, machine.random_access_ns, machine.huge_random_access_ns
    )
    return 2 * int(time_us * 1000 / (BATCH_ACCESSES * cheapest_ns)) + 64


@inlined
def _may_fault(player: Player, memory: Memory, index: int) -> bool:
    """Whether the access can still meet a swapped page."""
    access = at(player.accesses, index)
    area = at(memory.areas, access.area)
    if access.cuts != area.cuts:
        access.cuts = area.cuts
        access.quiet = 0
    return area.swapped > 0 and (access.random == 1 or access.quiet < access.positions)


@compiled
def _sweep(
    access: Any, progress: Any, memory: Memory, one_us: float, count: int, time_us: float
) -> tuple[int, float]:
    """Access up to *count* positions of a sweep, for up to *time_us*: by pages, blocks or more.

    Args:
        access: The sweep, an `_ACCESS` struct.
        progress: The player's progress.
        memory: The memory that is swept.
        one_us: Cost of an access.
        count: How many accesses are left of the batch.
        time_us: Time for these accesses and their faults.

    Returns:
        The accesses made and the time left. If the time is too short for a fault, the rest stays owed.
    """
    area = at(memory.areas, access.area)
    made = 0
    while made < count and time_us > 0.0 and access.quiet < access.positions:
        here = access.position + 1
        if here == access.positions:
            here = 0
        page = here * access.stride // PAGE_BYTES
        number = (area.first + page) // BLOCK_PAGES
        behind = page + 1
        if page < area.low_swapped:
            behind = area.low_swapped
        elif page >= area.high_swapped:
            behind = area.pages
        elif at(memory.blocks, number).resident == pages_of_block(memory, access.area, number):
            behind = min(area.pages, (number + 1) * BLOCK_PAGES - area.first)
        elif memory.state[area.first + page] == SWAPPED:
            swap_in(memory, access.area, page)
            access.quiet = 0
            progress.fault_us += area.fault_us
            if time_us < area.fault_us:
                progress.owed_us += area.fault_us - time_us
                return made, 0.0
            time_us -= area.fault_us
        last = min(access.positions - 1, (behind * PAGE_BYTES - 1) // access.stride)
        run = min(last - here + 1, count - made)
        affordable = int(time_us / one_us)
        if affordable < run:
            run = affordable
            time_us = 0.0
        else:
            time_us -= run * one_us
        access.position += run  # up to the last position, or past it to the first positions
        if access.position >= access.positions:
            access.position -= access.positions
        access.quiet += run
        made += run
    return made, time_us


@inlined
def _cost_us(player: Player, memory: Memory, access: Any) -> float:
    """Cost of one access of a batch. For a random access, it depends on the area's huge pages."""
    state, area = player.state[0], access.area
    if access.random == 0:
        return state.sequential_us
    if at(memory.areas, area).huge == 0:
        return state.random_us
    share = min(1.0, at(memory.areas, area).huge * BLOCK_PAGES / at(memory.areas, area).pages)
    return state.random_us + share * (state.huge_random_us - state.random_us)


@compiled
def _swapped_page(memory: Memory, index: int, draws: Draws) -> int:
    """Draw one of the swapped pages of area *index*, counted within the area.

    If only few pages are swapped, the page is the next swapped page behind a drawn page.
    """
    area = at(memory.areas, index)
    low, pages = area.low_swapped, area.high_swapped - area.low_swapped
    page = low + int(uniform(draws) * pages)
    for _ in range(_DRAWS):
        if memory.state[area.first + page] == SWAPPED:
            return page
        page = low + int(uniform(draws) * pages)
    while memory.state[area.first + page] != SWAPPED:
        number = (area.first + page) // BLOCK_PAGES
        if at(memory.blocks, number).resident == pages_of_block(memory, index, number):
            page = (number + 1) * BLOCK_PAGES - area.first
        else:
            page += 1
        if page >= area.high_swapped:
            page = low
    return page


@compiled
def _scatter(
    index: int,
    progress: Any,
    memory: Memory,
    draws: Draws,
    one_us: float,
    count: int,
    time_us: float,
) -> tuple[int, float]:
    """Make up to *count* random accesses for up to *time_us*, up to and including the next fault.

    Args:
        index: The area that is accessed.
        progress: The player's progress.
        memory: The memory that is accessed.
        draws: Decides when a swapped page is met, and which page.
        one_us: Cost of an access.
        count: How many accesses are left of the batch.
        time_us: Time for these accesses and the fault.

    Returns:
        The accesses made and the time left. If the time is too short for a fault, the rest stays owed.
    """
    area = at(memory.areas, index)
    affordable = min(count, int(time_us / one_us))
    share = area.swapped / area.pages
    until = 0.0  # accesses before an access meets a swapped page: geometric
    if share < 1.0:
        until = math.log(1.0 - uniform(draws)) / math.log1p(-share)
    if until >= affordable:
        left_us = 0.0 if affordable < count else time_us - affordable * one_us
        return affordable, left_us
    swap_in(memory, index, _swapped_page(memory, index, draws))
    made = int(until) + 1
    progress.fault_us += area.fault_us
    time_us -= made * one_us + area.fault_us
    progress.owed_us += max(0.0, -time_us)
    return made, max(0.0, time_us)


@compiled
def _fetch_table(table: Any, progress: Any, memory: Memory) -> None:
    """Bring back swapped pages of the table that hold random numbers for the next batch."""
    area = at(memory.areas, table.area)
    begin = (table.position + 1) % table.positions
    per_page = PAGE_BYTES // _TABLE_STRIDE
    for page in range(area.pages):
        low = page * per_page
        near = (low - begin) % table.positions < table.step or low <= begin < low + per_page
        if near and memory.state[area.first + page] == SWAPPED:
            swap_in(memory, table.area, page)
            progress.fault_us += area.fault_us
            progress.owed_us += area.fault_us


@inlined
def _read_table(player: Player, memory: Memory) -> None:
    """Read the random numbers of the next batch; swapped pages that hold them come back first."""
    index = len(player.accesses) - 1
    table = at(player.accesses, index)
    if at(memory.areas, table.area).swapped > 0:
        _fetch_table(table, player.progress[0], memory)
    note_sweep(
        player.touches,
        table.area,
        index,
        table.stride,
        table.positions,
        table.position,
        table.step,
    )
    _step(table)


@inlined
def _step(access: Any) -> None:
    """Move a sweep on by a whole batch."""
    position = access.position + access.step
    access.position = position if position < access.positions else position - access.positions


@inlined
def _choose(player: Player, phase: Any) -> int:
    """Draw an access of a phase by the weights; the real player draws the same access."""
    state = player.state[0]
    state.random_state = next_state(state.random_state)
    drawn = split_mix(state.random_state) % phase.weights
    index = at(player.guide, phase.guide + int(drawn * phase.scale))
    while at(player.accesses, index).weight <= drawn:
        index += 1
    return index


@inlined
def _look_at_clock(player: Player, now_us: float) -> bool:
    """Begin the next phase if it is due. Returns False once the last phase is over."""
    state = player.state[0]
    while now_us - state.phase_began_us > at(player.phases, state.phase).length_us:
        state.phase += 1
        state.phase_began_us = now_us
        if state.phase >= len(player.phases):
            player.progress[0].over = 1
            return False
        for index in range(
            at(player.phases, state.phase).first, at(player.phases, state.phase).behind
        ):
            at(player.accesses, index).position = 0
    return True


@inlined
def _begin_batches(player: Player, memory: Memory, end_us: float, left_us: float) -> float:
    """Choose batches, and run each that surely ends in time and meets no fault; returns the time left.

    It stops when the phase or the time ends, or at a batch that it only begins: `_run_batch` goes on.
    """
    state, progress = player.state[0], player.progress[0]
    phase = at(player.phases, state.phase)
    while left_us > 0.0 and end_us - left_us - state.phase_began_us <= phase.length_us:
        index = _choose(player, phase)
        access = at(player.accesses, index)
        if access.random == 1:
            _read_table(player, memory)
        cost_us = _cost_us(player, memory, access) * BATCH_ACCESSES
        if cost_us > left_us or progress.owed_us > 0.0 or _may_fault(player, memory, index):
            state.access = index
            state.left = BATCH_ACCESSES
            break
        left_us -= cost_us
        _note(player, memory, index, access.position, BATCH_ACCESSES)
        if access.random == 0:
            _step(access)
        state.accesses += BATCH_ACCESSES
    return left_us


@inlined
def _note(player: Player, memory: Memory, index: int, position: int, made: int) -> None:
    """Note what *made* accesses touched; the accesses of a sweep are those behind *position*."""
    access = at(player.accesses, index)
    if access.random == 1:
        note_random(player.touches, access.area, made)
        if access.writes == 1:
            at(memory.areas, access.area).random_writes += made
    else:
        note_sweep(
            player.touches, access.area, index, access.stride, access.positions, position, made
        )


@inlined
def _wrapped(position: int, positions: int) -> int:
    """``position % positions``, several times as fast: where a sweep stands that came to *position*."""
    if position < positions:
        return position
    left = position - positions * int(position / positions)
    if left < 0:
        return left + positions
    return left - positions if left >= positions else left


@inlined
def _run_batch(player: Player, memory: Memory, time_us: float) -> float:
    """Run the batch for up to *time_us*, or until something changes; returns the time left."""
    state = player.state[0]
    index, count = state.access, state.left
    access = at(player.accesses, index)
    position, cost_us = access.position, _cost_us(player, memory, access)
    if not _may_fault(player, memory, index):
        whole_us = count * cost_us
        if whole_us <= time_us:
            made = count
            time_us -= whole_us
        else:
            made = min(count, int(time_us / cost_us))
            time_us = 0.0
        if access.random == 0:
            position = access.position
            access.position = _wrapped(position + made, access.positions)
    elif access.random == 1:
        made, time_us = _scatter(
            access.area, player.progress[0], memory, player.draws, cost_us, count, time_us
        )
    else:
        made, time_us = _sweep(access, player.progress[0], memory, cost_us, count, time_us)
    _note(player, memory, index, position, made)
    state.left = count - made
    state.accesses += made
    return max(0.0, time_us)


@inlined
def play(player: Player, memory: Memory, now_us: float, time_us: float) -> float:
    """Run the workload for *time_us* of CPU time from *now_us* on, or until its last phase ends.

    Returns:
        The time not used: above 0 only at the end.
    """
    state, progress = player.state[0], player.progress[0]
    end_us, left_us = now_us + time_us, time_us
    while left_us > 0.0:
        if progress.owed_us > 0.0:
            paid_us = min(progress.owed_us, left_us)
            progress.owed_us -= paid_us
            left_us -= paid_us
        elif state.left > 0:
            left_us = _run_batch(player, memory, left_us)
        elif not _look_at_clock(player, end_us - left_us):
            break
        elif at(player.phases, state.phase).weights == 0:
            over_us = state.phase_began_us + at(player.phases, state.phase).length_us
            idle_us = min(left_us, max(1.0, over_us + 1.0 - (end_us - left_us)))
            progress.idle_us += idle_us
            left_us -= idle_us
        else:
            left_us = _begin_batches(player, memory, end_us, left_us)
    progress.cpu_us += time_us - left_us
    return left_us

"""The workload: masim's player, one batch of accesses after the other.

A batch is 131,072 accesses to one region, chosen by the phase's weights; after each the player looks at
the clock. What a stretch of time touched is kept as *spans*, so that a check of any page can be
answered exactly, without a mark on every page.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.memory import PAGE, SWAPPED, Layout, Memory, swap_in
from autotune.backends.simulator.records import FLAG, FLOAT, INT, Records, make_records
from autotune.machine import Machine
from autotune.patterns import BATCH_ACCESSES, TABLE_BYTES, Pattern

_TABLE_STRIDE = 8
_IDLE = -1

_ACCESS = {
    "area": INT,  # of memory
    "random": FLAG,  # random offsets, or sweeps
    "stride": INT,  # bytes between two accesses of a sweep
    "positions": INT,  # places that a sweep visits: size / stride, rounded up
    "chance": FLOAT,  # cumulative within the phase; all 0 in a phase that idles
    "position": INT,  # where the sweep stands
    # Positions swept since the last fault, and since pages of the area went out: a whole sweep without
    # a fault shows that the stride steps over all that is still out.
    "quiet": INT,
    "cuts": INT,  # the area's count of pages swapped out that `quiet` refers to
}
_PHASE = {
    "first": INT,  # its first access
    "behind": INT,  # the access behind its last
    "length_us": FLOAT,
}
_SPAN = {
    "access": INT,
    "position": INT,  # before the span's first access
    "count": INT,  # accesses
}
_PROGRESS = {
    "phase": INT,
    "access": INT,  # of the running batch, or _IDLE
    "left": INT,  # accesses that the batch still has to make
    "phase_began_us": FLOAT,
    "owed_us": FLOAT,  # CPU time that goes before the next access: faults, disturbances
    "accesses": FLOAT,  # made so far
    "cpu_us": FLOAT,  # used so far
    "fault_us": FLOAT,  # of it in faults
    "spans": INT,  # kept since `watch`; -1 keeps none
    "sequential_us": FLOAT,  # cost of an access of a sweep
    "random_us": FLOAT,  # cost of an access at random
    "one_fault_us": FLOAT,
}


class Player(NamedTuple):
    """What is accessed when, and how far the player has come.

    Attributes:
        accesses: `_ACCESS` records, those of each phase in a row; the last one is the table of random
            numbers, which each random access reads.
        phases: `_PHASE` records.
        spans: `_SPAN` records, in the order of time; as many as there can be between two ticks.
        swept: 1 for areas that were touched on every page since `watch`, shape ``(n_areas,)``.
        progress: `_PROGRESS`, one record.
    """

    accesses: Records
    phases: Records
    spans: Records
    swept: NDArray[np.uint8]
    progress: Records


def _chances(weights: list[int]) -> list[float]:
    total = sum(weights)
    return (np.cumsum(weights) / total).tolist() if total else [0.0] * len(weights)


def load(pattern: Pattern, layout: Layout, machine: Machine, *, longest_watch_us: float) -> Player:
    """Make a player of *pattern* that stands at its first phase.

    *longest_watch_us* is the longest stretch of time between `watch` and `unwatch`.
    """
    given = [access for phase in pattern.phases for access in phase.accesses]
    accesses = make_records(_ACCESS, len(given) + 1)
    for record, access in zip(accesses, given, strict=False):
        record.area = layout.region_area[access.region]
        record.random = access.random
        record.stride = max(1, access.stride_bytes)
        record.positions = -(-pattern.regions[access.region].size_bytes // record.stride)
    table = accesses[-1]
    table.area, table.stride = layout.table_area, _TABLE_STRIDE
    table.positions = TABLE_BYTES // _TABLE_STRIDE
    accesses.chance[:-1] = [
        c for p in pattern.phases for c in _chances([access.weight for access in p.accesses])
    ]
    phases = make_records(_PHASE, len(pattern.phases))
    phases.behind = np.cumsum([len(phase.accesses) for phase in pattern.phases])
    phases.first = phases.behind - [len(phase.accesses) for phase in pattern.phases]
    phases.length_us = [phase.duration_us for phase in pattern.phases]
    progress = make_records(_PROGRESS, 1)
    progress[0].access, progress[0].spans = _IDLE, -1
    progress[0].sequential_us = machine.sequential_access_ns / 1000
    progress[0].random_us = machine.random_access_ns / 1000
    progress[0].one_fault_us = machine.fault_us
    shortest_us = BATCH_ACCESSES * min(progress[0].sequential_us, progress[0].random_us)
    most = 2 * int(longest_watch_us / shortest_us) + 64  # a random batch reads the table too
    swept = np.zeros(len(layout.memory.areas), dtype=np.uint8)
    return Player(accesses, phases, make_records(_SPAN, most), swept, progress)


@compiled
def watch(player: Player) -> None:
    """Forget what was touched so far, and keep from now on what is."""
    player.progress[0].spans = 0
    player.swept[:] = 0


@compiled
def unwatch(player: Player) -> None:
    """Keep no more spans."""
    player.progress[0].spans = -1


@compiled
def ended(player: Player) -> bool:
    """Whether the last phase is over."""
    return player.progress[0].phase >= len(player.phases)


@compiled
def _note(player: Player, index: int, position: int, count: int) -> None:
    """Keep a span, unless nobody watches or the area is known to be touched all over."""
    access, total = player.accesses[index], player.progress[0].spans
    if total < 0 or count == 0 or player.swept[access.area] == 1:
        return
    if access.random == 0 and count >= access.positions and access.stride <= PAGE:
        player.swept[access.area] = 1
    elif total > 0 and player.spans[total - 1].access == index:
        player.spans[total - 1].count += count
    else:
        span = player.spans[total]
        span.access = index
        span.position = position
        span.count = count
        player.progress[0].spans = total + 1


@compiled
def _untouched(pages: int, accesses: int) -> float:
    """Chance that none of so many random accesses meets one page of *pages*."""
    return 0.0 if pages == 1 else math.exp(accesses * math.log1p(-1.0 / pages))


@compiled
def touched(
    player: Player, memory: Memory, area: int, page: int, rng: np.random.Generator
) -> bool:
    """Whether *page* (counted within *area*) was accessed since `watch`.

    Sweeps are answered exactly; random accesses by their chance, drawn from *rng*.
    """
    if memory.state[memory.areas[area].first + page] == SWAPPED:
        return False
    if player.swept[area] == 1:
        return True
    missed = 1.0
    for number in range(player.progress[0].spans):
        span = player.spans[number]
        access = player.accesses[span.access]
        if access.area != area:
            continue
        if access.random == 1:
            missed *= _untouched(memory.areas[area].pages, span.count)
            continue
        low = -(-page * PAGE // access.stride)
        high = min(access.positions - 1, (page * PAGE + PAGE - 1) // access.stride)
        begin = (span.position + 1) % access.positions
        if low <= high and ((low - begin) % access.positions < span.count or low <= begin <= high):
            return True
    return missed < 1.0 and rng.random() >= missed


@compiled
def _may_fault(player: Player, memory: Memory, index: int) -> bool:
    """Whether the access can still meet a swapped page."""
    access = player.accesses[index]
    area = memory.areas[access.area]
    if access.cuts != area.cuts:
        access.cuts = area.cuts
        access.quiet = 0
    return area.swapped > 0 and (access.random == 1 or access.quiet < access.positions)


@compiled
def _sweep(
    player: Player, memory: Memory, index: int, count: int, time_us: float
) -> tuple[int, float]:
    """Access up to *count* positions of a sweep, page by page, for up to *time_us*.

    Returns:
        The accesses made and the time left. A fault that the time did not suffice for stays owed.
    """
    access, progress = player.accesses[index], player.progress[0]
    first = memory.areas[access.area].first
    made = 0
    while made < count and time_us > 0.0 and access.quiet < access.positions:
        here = (access.position + 1) % access.positions
        page = here * access.stride // PAGE
        if memory.state[first + page] == SWAPPED:
            swap_in(memory, access.area, page)
            access.quiet = 0
            progress.fault_us += progress.one_fault_us
            if time_us < progress.one_fault_us:
                progress.owed_us += progress.one_fault_us - time_us
                return made, 0.0
            time_us -= progress.one_fault_us
        last = min(access.positions - 1, (page * PAGE + PAGE - 1) // access.stride)
        run = min(last - here + 1, count - made)
        affordable = int(time_us / progress.sequential_us)
        if affordable < run:
            run = affordable
            time_us = 0.0
        else:
            time_us -= run * progress.sequential_us
        access.position = (access.position + run) % access.positions
        access.quiet += run
        made += run
    return made, time_us


@compiled
def _scatter(
    player: Player,
    memory: Memory,
    index: int,
    count: int,
    time_us: float,
    rng: np.random.Generator,
) -> tuple[int, float]:
    """Make up to *count* random accesses for up to *time_us*, up to and including the next fault.

    Returns:
        The accesses made and the time left, as `_sweep`.
    """
    progress, number = player.progress[0], player.accesses[index].area
    area = memory.areas[number]
    affordable = min(count, int(time_us / progress.random_us))
    share = area.swapped / area.pages
    until = 0.0  # accesses before the one that meets a swapped page: geometric
    if share < 1.0:
        until = math.log(1.0 - rng.random()) / math.log1p(-share)
    if until >= affordable:
        left_us = 0.0 if affordable < count else time_us - affordable * progress.random_us
        return affordable, left_us
    page = int(rng.random() * area.pages)
    while memory.state[area.first + page] != SWAPPED:
        page = int(rng.random() * area.pages)
    swap_in(memory, number, page)
    made = int(until) + 1
    progress.fault_us += progress.one_fault_us
    time_us -= made * progress.random_us + progress.one_fault_us
    progress.owed_us += max(0.0, -time_us)
    return made, max(0.0, time_us)


@compiled
def _read_table(player: Player, memory: Memory, count: int) -> None:
    """Read the next *count* random numbers; what of the table is swapped out comes back first."""
    index, progress = len(player.accesses) - 1, player.progress[0]
    table = player.accesses[index]
    area = memory.areas[table.area]
    begin = (table.position + 1) % table.positions
    if area.swapped > 0:
        per_page = PAGE // _TABLE_STRIDE
        for page in range(area.pages):
            low = page * per_page
            near = (low - begin) % table.positions < count or low <= begin < low + per_page
            if near and memory.state[area.first + page] == SWAPPED:
                swap_in(memory, table.area, page)
                progress.fault_us += progress.one_fault_us
                progress.owed_us += progress.one_fault_us
    _note(player, index, table.position, count)
    table.position = (table.position + count) % table.positions


@compiled
def _begin_batch(player: Player, memory: Memory, now_us: float, rng: np.random.Generator) -> bool:
    """Look at the clock, and choose the next batch. False once the last phase is over."""
    progress = player.progress[0]
    while now_us - progress.phase_began_us > player.phases[progress.phase].length_us:
        progress.phase += 1
        progress.phase_began_us = now_us
        progress.access = _IDLE
        if progress.phase >= len(player.phases):
            return False
        for index in range(
            player.phases[progress.phase].first, player.phases[progress.phase].behind
        ):
            player.accesses[index].position = 0
    phase = player.phases[progress.phase]
    if player.accesses[phase.behind - 1].chance == 0.0:
        progress.access = _IDLE
        return True
    drawn, index = rng.random(), phase.first
    while player.accesses[index].chance <= drawn:
        index += 1
    progress.access = index
    progress.left = BATCH_ACCESSES
    if player.accesses[index].random == 1:
        _read_table(player, memory, BATCH_ACCESSES)
    return True


@compiled
def _run_batch(player: Player, memory: Memory, time_us: float, rng: np.random.Generator) -> float:
    """Go on with the running batch for up to *time_us*, or until something changes; the time left."""
    progress = player.progress[0]
    index, count = progress.access, progress.left
    access = player.accesses[index]
    position = access.position
    if not _may_fault(player, memory, index):
        cost_us = progress.random_us if access.random == 1 else progress.sequential_us
        made = min(count, int(time_us / cost_us))
        time_us = 0.0 if made < count else time_us - made * cost_us
        if access.random == 0:
            access.position = (position + made) % access.positions
    elif access.random == 1:
        made, time_us = _scatter(player, memory, index, count, time_us, rng)
    else:
        made, time_us = _sweep(player, memory, index, count, time_us)
    _note(player, index, position, made)
    progress.left = count - made
    progress.accesses += made
    return max(0.0, time_us)


@compiled
def play(
    player: Player, memory: Memory, now_us: float, time_us: float, rng: np.random.Generator
) -> float:
    """Run the workload for *time_us* of CPU time from *now_us* on, or until its last phase ends.

    Returns:
        The time not used: above 0 only at the end.
    """
    progress = player.progress[0]
    end_us, left_us = now_us + time_us, time_us
    while left_us > 0.0:
        if progress.owed_us > 0.0:
            paid_us = min(progress.owed_us, left_us)
            progress.owed_us -= paid_us
            left_us -= paid_us
        elif progress.left == 0 and not _begin_batch(player, memory, end_us - left_us, rng):
            break
        elif progress.access == _IDLE:
            over_us = progress.phase_began_us + player.phases[progress.phase].length_us
            left_us -= min(left_us, max(1.0, over_us + 1.0 - (end_us - left_us)))
        elif progress.owed_us == 0.0:
            left_us = _run_batch(player, memory, left_us, rng)
    progress.cpu_us += time_us - left_us
    return left_us

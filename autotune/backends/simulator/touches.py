"""What the workload touched, tick by tick: kept per area, asked for when an aggregation ends.

A check asks whether one random page was touched within one tick. So the ticks of a *window* are kept
apart, up to 64 of them: for each area one bit a tick says that all of it was touched, one that each of
its pages was by some chance, and *spans* keep stretches of sweeps. A page that was touched is resident
at the end of that tick, whatever it was at its begin, and nothing is paged out within a window: whether
it counts as accessed depends on nothing else.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled import compiled, inlined
from autotune.backends.simulator.draws import Draws, uniform
from autotune.backends.simulator.memory import BLOCK_PAGES, HUGE, PAGE, Memory
from autotune.backends.simulator.records import FLAG, FLOAT, INT, Records, make_records

MOST_TICKS = 60
"""Ticks of a window."""

_SURE = 1e-12
"""A page that is missed by a smaller chance counts as touched."""

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_ALL = ~np.uint64(0)

_BY_AREA = {
    "whole": "u8",  # bits of ticks in which every page was touched
    "by_chance": "u8",  # bits of ticks in which each page was, by `chances`
    "in_spans": "u8",  # bits of ticks that have spans
    "random": FLOAT,  # random accesses in the running tick
    "listed": FLAG,  # whether it is among `used`
    "last_span": INT,  # of this window; -1 is none
    "counted": FLAG,  # whether `likely` holds for this window
}
_SPAN = {
    "tick": INT,
    "access": INT,  # whose it is
    "position": INT,  # before the first access
    "count": INT,  # accesses
    "stride": INT,  # bytes between two of them
    "positions": INT,  # places that a whole sweep visits
    "before": INT,  # the area's span before; -1 is none
}
_STATE = {
    "on": FLAG,  # whether a tick is running
    "ticks": INT,  # that are over, or running, in this window
    "spans": INT,
    "used": INT,  # areas with anything in this window
    "pending": INT,  # areas with random accesses in the running tick
    "room": INT,  # spans that a tick may take
}


class Touches(NamedTuple):
    """What was touched in the ticks of this window.

    Attributes:
        areas: `_BY_AREA` records.
        chances: That random accesses touched a page, shape ``(n_areas, MOST_TICKS)``.
        likely: Cumulative chances of 0, 1, ... touches by chance, shape ``(n_areas, MOST_TICKS + 1)``.
        spans: `_SPAN` records.
        used: Areas with anything, shape ``(n_areas,)``.
        pending: Areas with random accesses in the running tick, shape ``(n_areas,)``.
        state: `_STATE`, one record.
    """

    areas: Records
    chances: NDArray[np.float64]
    likely: NDArray[np.float64]
    spans: Records
    used: NDArray[np.int64]
    pending: NDArray[np.int64]
    state: Records


def make_touches(n_areas: int, spans_a_tick: int) -> Touches:
    """Room for what *n_areas* areas can show."""
    state = make_records(_STATE, 1)
    state[0].room = spans_a_tick + 2
    areas = make_records(_BY_AREA, n_areas)
    areas.last_span = -1
    return Touches(
        areas=areas,
        chances=np.zeros((n_areas, MOST_TICKS)),
        likely=np.zeros((n_areas, MOST_TICKS + 1)),
        spans=make_records(_SPAN, 2 * (spans_a_tick + 2) + 64),
        used=np.zeros(n_areas, dtype=np.int64),
        pending=np.zeros(n_areas, dtype=np.int64),
        state=state,
    )


@inlined
def begin_tick(touches: Touches) -> None:
    """Keep from now on what is touched."""
    touches.state[0].on = 1


@inlined
def _use(touches: Touches, area: int) -> None:
    if touches.areas[area].listed == 0:
        touches.areas[area].listed = 1
        touches.used[touches.state[0].used] = area
        touches.state[0].used += 1


@inlined
def _bit(tick: int) -> Any:
    return _ONE << np.uint64(tick)


@inlined
def note_all(touches: Touches, area: int) -> None:
    """Every page of the area was touched."""
    if touches.state[0].on == 1:
        _use(touches, area)
        touches.areas[area].whole |= _bit(touches.state[0].ticks)


@inlined
def note_random(touches: Touches, area: int, count: int) -> None:
    """*count* pages of the area, drawn at random, were touched."""
    if touches.state[0].on == 1 and count > 0:
        if touches.areas[area].random == 0.0:
            _use(touches, area)
            touches.pending[touches.state[0].pending] = area
            touches.state[0].pending += 1
        touches.areas[area].random += count


@inlined
def note_sweep(
    touches: Touches,
    area: int,
    access: int,
    stride: int,
    positions: int,
    position: int,
    count: int,
) -> None:
    """A sweep went on: *count* accesses behind *position*.

    Args:
        touches: Where it is noted.
        area: What was swept.
        access: Number of the sweep, to tell it from others over the same area.
        stride: Bytes between two positions.
        positions: How many there are; behind the last comes the first.
        position: Where the sweep stood.
        count: How far it went.
    """
    state = touches.state[0]
    if state.on == 0 or count == 0:
        return
    of_area, bit = touches.areas[area], _bit(state.ticks)
    if of_area.whole & bit:
        return
    if count >= positions and stride <= PAGE:
        note_all(touches, area)
        return
    if of_area.last_span >= 0:
        span = touches.spans[of_area.last_span]
        if span.tick == state.ticks and span.access == access:
            span.count += count
            if span.count >= positions and stride <= PAGE:
                of_area.whole |= bit
            return
    _use(touches, area)
    span = touches.spans[state.spans]
    span.tick = state.ticks
    span.access = access
    span.position = position
    span.count = count
    span.stride = stride
    span.positions = positions
    span.before = of_area.last_span
    of_area.last_span = state.spans
    of_area.in_spans |= bit
    state.spans += 1


@compiled
def end_tick(touches: Touches, memory: Memory) -> None:
    """The tick is over."""
    state = touches.state[0]
    bit = _bit(state.ticks)
    for i in range(state.pending):
        area = touches.pending[i]
        of_area, pages = touches.areas[area], memory.areas[area].pages
        if not of_area.whole & bit:
            missed = 0.0 if pages == 1 else math.exp(of_area.random * math.log1p(-1.0 / pages))
            if missed < _SURE:
                of_area.whole |= bit
            else:
                of_area.by_chance |= bit
                touches.chances[area, state.ticks] = 1.0 - missed
        of_area.random = 0.0
    state.pending = 0
    state.ticks += 1
    state.on = 0


@inlined
def is_full(touches: Touches) -> bool:
    """Whether the window has no room for another tick."""
    state = touches.state[0]
    return state.ticks == MOST_TICKS or state.spans + state.room > len(touches.spans)


@compiled
def forget(touches: Touches) -> None:
    """Begin a new window."""
    state = touches.state[0]
    for i in range(state.used):
        of_area = touches.areas[touches.used[i]]
        of_area.whole = _NONE
        of_area.by_chance = _NONE
        of_area.in_spans = _NONE
        of_area.last_span = -1
        of_area.listed = 0
        of_area.counted = 0
    state.used = 0
    state.spans = 0
    state.ticks = 0


@inlined
def window(touches: Touches) -> Any:
    """Bits of all ticks of this window."""
    return _bit(touches.state[0].ticks) - _ONE


@inlined
def ones(bits: Any) -> int:
    """How many bits are set."""
    bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + (
        (bits >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def _in_span(span: Any, low_byte: int, high_byte: int) -> bool:
    """Whether the span accessed one of the bytes from *low_byte* to below *high_byte*."""
    low = -(-low_byte // span.stride)
    high = min(span.positions - 1, (high_byte - 1) // span.stride)
    begin = (span.position + 1) % span.positions
    return low <= high and ((low - begin) % span.positions < span.count or low <= begin <= high)


@inlined
def is_touched(
    touches: Touches, memory: Memory, area: int, page: int, tick: int, draws: Draws
) -> bool:
    """Whether *page*, counted within *area*, was touched in *tick*.

    Sweeps are answered exactly, random accesses by their chance. Of a huge page all is touched at once.
    """
    of_area, bit = touches.areas[area], _bit(tick)
    if of_area.whole & bit:
        return True
    first, pages = memory.areas[area].first, 1
    if memory.areas[area].huge > 0 and (memory.blocks[(first + page) // BLOCK_PAGES].kind == HUGE):
        pages = BLOCK_PAGES
        page = (first + page) // BLOCK_PAGES * BLOCK_PAGES - first
    if of_area.by_chance & bit:
        chance = touches.chances[area, tick]
        if pages == memory.areas[area].pages > 1:
            chance = 1.0
        elif pages > 1:
            missed = math.log1p(-pages / memory.areas[area].pages)
            chance = 1.0 - (1.0 - chance) ** (missed / math.log1p(-1.0 / memory.areas[area].pages))
        if uniform(draws) < chance:
            return True
    if of_area.in_spans & bit:
        number = of_area.last_span
        while number >= 0:
            span = touches.spans[number]
            if span.tick == tick and _in_span(span, page * PAGE, (page + pages) * PAGE):
                return True
            number = span.before
    return False


@compiled
def likely_touches(touches: Touches, area: int) -> None:
    """Find the cumulative chances of how often a page of the area was touched by chance alone.

    Its number over ticks of different chances is Poisson binomial; the recursion takes in one tick
    after the other.
    """
    of_area, found = touches.areas[area], touches.likely[area]
    if of_area.counted == 1:
        return
    of_area.counted = 1
    open_ticks = of_area.by_chance & ~of_area.whole
    found[:] = 0.0
    found[0] = 1.0
    taken = 0
    for tick in range(touches.state[0].ticks):
        if open_ticks & _bit(tick):
            chance = touches.chances[area, tick]
            taken += 1
            for k in range(taken, 0, -1):
                found[k] = found[k] * (1.0 - chance) + found[k - 1] * chance
            found[0] *= 1.0 - chance
    for k in range(1, len(found)):
        found[k] = found[k] + found[k - 1] if k < taken else 1.0
    if taken == 0:
        found[0] = 1.0


@inlined
def touches_by_chance(touches: Touches, area: int, draws: Draws) -> int:
    """In how many ticks of this window random accesses alone touched a page of the area; drawn."""
    likely_touches(touches, area)
    drawn, count = uniform(draws), 0
    while drawn >= touches.likely[area, count]:
        count += 1
    return count

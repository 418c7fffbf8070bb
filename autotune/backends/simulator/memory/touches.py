"""What the workload touched, tick by tick: kept per area, asked for when an aggregation ends.

A check asks whether one random page was touched within one tick. So up to 64 ticks of a *window* are
kept apart. Each area has two bits a tick: one bit says that all of the area was touched, and one bit
says that each of its pages was touched with some chance. *Spans* keep stretches of sweeps. A touched
page is resident at the end of the tick, whatever its state was when the tick began, and nothing is paged
out within a window. So only touches decide whether a page counts as accessed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.bits import (
    NONE,
    bit,
    first_bits,
    lowest,
    ones,
    without_lowest,
)
from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.draws import Draws, uniform
from autotune.backends.simulator.compiled.structs import (
    FLAG,
    FLOAT,
    INT,
    Structs,
    at,
    make_structs,
)
from autotune.backends.simulator.memory.pages import BLOCK_PAGES, HUGE, Memory
from autotune.damon.kernel_rules import PAGE_BYTES

MOST_TICKS = 60
"""Ticks of a window."""

_SURE = math.log(1e-12)
"""A page whose chance to be missed is smaller counts as touched. A logarithm."""

_BY_AREA = {
    "whole": "u8",  # bits of ticks in which every page was touched
    "by_chance": "u8",  # bits of ticks in which each page was touched with a chance in `chances`
    "in_spans": "u8",  # bits of ticks that have spans
    "random": FLOAT,  # random accesses in the running tick
    "log_missed": FLOAT,  # logarithm of the chance that an access misses a page; 0 until it is needed
    "listed": FLAG,  # whether the area is among `used`
    "last_span": INT,  # of this window; -1 is none
}
_SPAN = {
    "tick": INT,
    "access": INT,  # the number of the sweep
    "position": INT,  # before the first access
    "count": INT,  # accesses
    "stride": INT,  # bytes between two accesses
    "positions": INT,  # places that a whole sweep visits
    "before": INT,  # the area's span before; -1 is none
    # Filled in when the spans are closed, and used for strides of up to a page: the span accessed the
    # area's pages from `low` to `high`; then it began again, and accessed the pages below `wrapped`.
    "low": INT,
    "high": INT,
    "wrapped": INT,
}
_STATE = {
    "on": FLAG,  # whether a tick is running
    "ticks": INT,  # of this window that are over
    "spans": INT,
    "used": INT,  # areas with anything in this window
    "pending": INT,  # areas with random accesses in the running tick
    "room": INT,  # spans that a tick may take
}


class Touches(NamedTuple):
    """What was touched in the ticks of this window.

    Attributes:
        areas: `_BY_AREA` structs.
        chances: Chance that random accesses touched a page, shape ``(n_areas, MOST_TICKS)``.
        spans: `_SPAN` structs. An area's spans are a chain, in which the spans of a tick are neighbours.
        used: Areas with anything, shape ``(n_areas,)``.
        pending: Areas with random accesses in the running tick, shape ``(n_areas,)``.
        state: `_STATE`, one struct.
    """

    areas: Structs
    chances: NDArray[np.float64]
    spans: Structs
    used: NDArray[np.int64]
    pending: NDArray[np.int64]
    state: Structs


def make_touches(n_areas: int, spans_a_tick: int) -> Touches:
    """Make room for the touches of *n_areas* areas."""
    state = make_structs(_STATE, 1)
    state[0].room = spans_a_tick + 2
    areas = make_structs(_BY_AREA, n_areas)
    areas.last_span = -1
    return Touches(
        areas=areas,
        chances=np.zeros((n_areas, MOST_TICKS)),
        spans=make_structs(_SPAN, 2 * (spans_a_tick + 2) + 64),
        used=np.zeros(n_areas, dtype=np.int64),
        pending=np.zeros(n_areas, dtype=np.int64),
        state=state,
    )


@inlined
def begin_tick(touches: Touches) -> None:
    """From now on, keep what is touched."""
    touches.state[0].on = 1


@inlined
def _use(touches: Touches, area: int) -> None:
    if at(touches.areas, area).listed == 0:
        at(touches.areas, area).listed = 1
        touches.used[touches.state[0].used] = area
        touches.state[0].used += 1


@inlined
def note_all(touches: Touches, area: int) -> None:
    """Note that every page of the area was touched."""
    if touches.state[0].on == 1:
        _use(touches, area)
        at(touches.areas, area).whole |= bit(touches.state[0].ticks)


@inlined
def note_random(touches: Touches, area: int, count: int) -> None:
    """Note that *count* pages of the area, drawn at random, were touched."""
    if touches.state[0].on == 1 and count > 0:
        if at(touches.areas, area).random == 0.0:
            _use(touches, area)
            touches.pending[touches.state[0].pending] = area
            touches.state[0].pending += 1
        at(touches.areas, area).random += count


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
    """Note that a sweep made *count* accesses behind *position*.

    Args:
        touches: Takes the note.
        area: The area that was swept.
        access: Number of the sweep: several may sweep over one area.
        stride: Bytes between two positions.
        positions: How many positions there are; behind the last comes the first.
        position: Where the sweep stood.
        count: How many positions the sweep went on.
    """
    state = touches.state[0]
    if state.on == 0 or count == 0:
        return
    if count >= positions and stride <= PAGE_BYTES:
        note_all(touches, area)
        return
    of_area, now = at(touches.areas, area), bit(state.ticks)
    if of_area.whole & now:
        return
    if of_area.last_span >= 0:
        span = at(touches.spans, of_area.last_span)
        if span.tick == state.ticks and span.access == access:
            span.count += count
            if span.count >= positions and stride <= PAGE_BYTES:
                of_area.whole |= now
            return
    _use(touches, area)
    span = at(touches.spans, state.spans)
    span.tick = state.ticks
    span.access = access
    span.position = position
    span.count = count
    span.stride = stride
    span.positions = positions
    span.before = of_area.last_span
    of_area.last_span = state.spans
    of_area.in_spans |= now
    state.spans += 1


@compiled
def end_tick(touches: Touches, memory: Memory) -> None:
    """End the tick."""
    state = touches.state[0]
    now = bit(state.ticks)
    for i in range(state.pending):
        area = touches.pending[i]
        of_area, pages = at(touches.areas, area), at(memory.areas, area).pages
        if not of_area.whole & now:
            if of_area.log_missed == 0.0 and pages > 1:
                of_area.log_missed = math.log1p(-1.0 / pages)
            missed = of_area.random * of_area.log_missed
            if pages == 1 or missed < _SURE:
                of_area.whole |= now
            else:
                of_area.by_chance |= now
                touches.chances[area, state.ticks] = 1.0 - math.exp(missed)
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
def close_spans(touches: Touches) -> None:
    """Find the pages of the window's sweeps, which don't go on any more."""
    for i in range(touches.state[0].spans):
        span = at(touches.spans, i)
        begin = (span.position + 1) % span.positions
        last = begin + span.count - 1
        span.low = begin * span.stride // PAGE_BYTES
        span.high = min(last, span.positions - 1) * span.stride // PAGE_BYTES + 1
        span.wrapped = 0
        if last >= span.positions:
            behind = (last - span.positions) * span.stride // PAGE_BYTES + 1
            span.wrapped = min(behind, span.low)


@compiled
def forget(touches: Touches) -> None:
    """Begin a new window."""
    state = touches.state[0]
    for i in range(state.used):
        of_area = at(touches.areas, touches.used[i])
        of_area.whole = NONE
        of_area.by_chance = NONE
        of_area.in_spans = NONE
        of_area.last_span = -1
        of_area.listed = 0
    state.used = 0
    state.spans = 0
    state.ticks = 0


@inlined
def window(touches: Touches) -> Any:
    """Bits of all ticks of this window."""
    return first_bits(touches.state[0].ticks)


@inlined
def _in_span(span: Any, low_byte: int, high_byte: int) -> bool:
    """Whether the span accessed one of the bytes from *low_byte* to below *high_byte*."""
    low = -(-low_byte // span.stride)
    high = min(span.positions - 1, (high_byte - 1) // span.stride)
    begin = (span.position + 1) % span.positions
    return low <= high and ((low - begin) % span.positions < span.count or low <= begin <= high)


@inlined
def _pages_swept(span: Any, low: int, high: int) -> int:
    """How many pages of an area from *low* to *high* a span with a stride of up to a page accessed."""
    direct = min(high, span.high) - max(low, span.low)
    return max(0, direct) + max(0, min(high, span.wrapped) - low)


@inlined
def _meet(touches: Touches, number: int, low: int, high: int, draws: Draws) -> tuple[bool, int]:
    """See whether the sweeps in the tick of span *number* met a page drawn from *low* to *high*.

    Returns:
        Whether they did, and the area's next span of an earlier tick; -1 if there is none.
    """
    span = at(touches.spans, number)
    before, pages = span.before, high - low
    if span.stride <= PAGE_BYTES and (before < 0 or at(touches.spans, before).tick != span.tick):
        met = _pages_swept(span, low, high)
        return uniform(draws) * pages < met, before
    page, hit, before = low + int(uniform(draws) * pages), False, number
    while before >= 0 and at(touches.spans, before).tick == span.tick:
        hit |= _in_span(at(touches.spans, before), page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
        before = at(touches.spans, before).before
    return hit, before


@inlined
def hits_in(touches: Touches, area: int, low: int, high: int, ticks: Any, draws: Draws) -> int:
    """Draw a page for each tick of *ticks*; returns in how many of these ticks the page was touched.

    Args:
        touches: The window, with its spans closed.
        area: An area of small pages.
        low: The first page to draw from, counted within the area.
        high: The page behind the last page to draw from.
        ticks: Bits of the ticks that are asked for.
        draws: The stream of random numbers.
    """
    of_area = at(touches.areas, area)
    met = of_area.whole
    number = of_area.last_span if of_area.in_spans & ticks & ~met else -1
    while number >= 0:
        tick = at(touches.spans, number).tick
        hit, number = _meet(touches, number, low, high, draws)
        met |= np.uint64(hit) << np.uint64(tick)
    bits = of_area.by_chance & ticks & ~met
    while bits:
        if uniform(draws) < touches.chances[area, lowest(bits)]:
            met |= bits ^ without_lowest(bits)
        bits = without_lowest(bits)
    return ones(met & ticks)


@inlined
def is_touched(
    touches: Touches, memory: Memory, area: int, page: int, tick: int, draws: Draws
) -> bool:
    """Whether *page*, counted within *area*, was touched in *tick*.

    Sweeps give an exact answer, random accesses give one by chance. A touch of a huge page touches all
    of it.
    """
    of_area, then = at(touches.areas, area), bit(tick)
    if of_area.whole & then:
        return True
    place = at(memory.areas, area)
    first, pages = place.first, 1
    if place.huge > 0 and at(memory.blocks, (first + page) // BLOCK_PAGES).kind == HUGE:
        pages = BLOCK_PAGES
        page = (first + page) // BLOCK_PAGES * BLOCK_PAGES - first
    if of_area.by_chance & then:
        chance = touches.chances[area, tick]
        if pages == place.pages > 1:
            chance = 1.0
        elif pages > 1:
            missed = math.log1p(-pages / place.pages)
            chance = 1.0 - (1.0 - chance) ** (missed / math.log1p(-1.0 / place.pages))
        if uniform(draws) < chance:
            return True
    if of_area.in_spans & then:
        number = of_area.last_span
        while number >= 0:
            span = at(touches.spans, number)
            if span.tick == tick and _in_span(
                span, page * PAGE_BYTES, (page + pages) * PAGE_BYTES
            ):
                return True
            number = span.before
    return False

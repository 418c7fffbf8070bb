"""Reference of access checks: the set of pages that each tick touched, and one random page a check.

Source: sections "Sampling address" and "Check" of the kernel's rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from autotune.damon.kernel_rules import HUGE_PAGE_BYTES, sampled_bytes
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE

HUGE_PAGES = HUGE_PAGE_BYTES // PAGE

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Sweep:
    """Accesses behind *position*, *stride* bytes apart; behind the last position comes the first."""

    area: int
    stride: int
    positions: int
    position: int
    count: int


@dataclass(frozen=True)
class Scatter:
    """Accesses to pages drawn at random."""

    area: int
    count: int


Tick: TypeAlias = Sequence[Sweep | Scatter]


def random_of(seed: int) -> Random:
    """Python's own random numbers: no kin of those of the simulator."""
    return Random(seed)  # noqa: S311  # nothing is secret


def pages_touched(
    tick: Tick, areas: Sequence[Span], huge: frozenset[int], random: Random
) -> set[int]:
    """All pages that a tick touched, one access at a time.

    Args:
        tick: What happened in it.
        areas: First page, and page behind the last, of each area.
        huge: Numbers of the huge pages; each is touched as a whole.
        random: Where random accesses go.
    """
    touched = set()
    for action in tick:
        low, high = areas[action.area]
        if isinstance(action, Scatter):
            touched |= {random.randrange(low, high) for _ in range(action.count)}
            continue
        position = action.position
        for _ in range(action.count):
            position = (position + 1) % action.positions
            touched.add(low + position * action.stride // PAGE)
    for number in {page // HUGE_PAGES for page in touched} & huge:
        touched |= set(range(number * HUGE_PAGES, (number + 1) * HUGE_PAGES))
    return touched


def sampled_page(start: int, end: int, random: Random) -> int:
    """The page of one check: the offset is drawn from 32 bits of the size."""
    return (start + random.randrange(sampled_bytes(end - start))) // PAGE


def count_hits(
    regions: Sequence[Span],
    ticks: Sequence[set[int]],
    missed_chance: float,
    random: Random,
) -> list[int]:
    """How many ticks find each region, given by its addresses, accessed."""
    return [
        sum(
            sampled_page(start, end, random) in touched and random.random() >= missed_chance
            for touched in ticks
        )
        for start, end in regions
    ]

"""Sets in a word against sets."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autotune.backends.simulator.compiled.bits import (
    NONE,
    bit,
    first_bits,
    lowest,
    ones,
    without_lowest,
)

SETS = st.sets(st.integers(0, 63))


def word_of(things: set[int]) -> np.uint64:
    word = NONE
    for thing in things:
        word |= bit(thing)
    return word


def things_of(word: np.uint64) -> set[int]:
    return {thing for thing in range(64) if int(word) >> thing & 1}


@settings(max_examples=200)
@given(SETS)
def test_a_set_has_as_many_as_it_holds(things: set[int]) -> None:
    assert ones(word_of(things)) == len(things)


@settings(max_examples=200)
@given(SETS.filter(bool))
def test_the_lowest_goes_and_the_others_stay(things: set[int]) -> None:
    # Interpreted, numbers that wrap around would warn of it.
    with np.errstate(over="ignore"):
        first, others = lowest(word_of(things)), without_lowest(word_of(things))

    assert first == min(things)
    assert things_of(others) == things - {min(things)}


@given(st.integers(0, 63))
def test_the_first_ones_are_all_below_their_number(count: int) -> None:
    assert things_of(first_bits(count)) == set(range(count))

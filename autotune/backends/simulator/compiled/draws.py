"""Random numbers for compiled code: xoroshiro128+, several times faster than NumPy's generators there.

Source: D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47 (2021).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.compiled import inlined

Draws: TypeAlias = "NDArray[np.uint64]"
"""The state of a stream of random numbers, shape ``(2,)``."""

_0, _1, _63 = np.uint64(0), np.uint64(1), np.uint64(63)
_11, _16, _24, _27 = np.uint64(11), np.uint64(16), np.uint64(24), np.uint64(27)
_30, _31, _37, _40 = np.uint64(30), np.uint64(31), np.uint64(37), np.uint64(40)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_ONE, _MIX_TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def make_draws(sequence: np.random.SeedSequence) -> Draws:
    """Begin a stream that follows from *sequence*."""
    return sequence.generate_state(2, np.uint64).astype(np.uint64)


@inlined
def next_word(draws: Draws) -> Any:
    """Draw 64 random bits."""
    one, two = draws[0], draws[1]
    drawn = one + two
    two ^= one
    draws[0] = ((one << _24) | (one >> _40)) ^ two ^ (two << _16)
    draws[1] = (two << _37) | (two >> _27)
    return drawn


@inlined
def uniform(draws: Draws) -> float:
    """Draw one of 2^53 numbers from [0, 1)."""
    return float(next_word(draws) >> _11) * (1.0 / (1 << 53))


@inlined
def chosen(draws: Draws, bits: Any, chance: float) -> Any:
    """Choose each of the set bits with a chance, independently of each other.

    Each bit draws a binary fraction; all bits draw at once, digit by digit. A bit is chosen if its
    fraction is below *chance*; the first digit that differs decides that.
    """
    if chance >= 1.0:
        return bits
    taken, fraction = bits ^ bits, np.uint64(max(0.0, chance) * (1 << 53)) << _11
    while bits and fraction:
        digits, ones = next_word(draws), _0 - (fraction >> _63)  # of the fraction's first digit
        taken |= bits & ~digits & ones
        bits &= ~(digits ^ ones)
        fraction <<= _1
    return taken


@inlined
def split_mix(state: Any) -> Any:
    """Give the number of a state of splitmix64; `next_state` gives the next state.

    Source: G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014.
    """
    mixed = (state ^ (state >> _30)) * _MIX_ONE
    mixed = (mixed ^ (mixed >> _27)) * _MIX_TWO
    return mixed ^ (mixed >> _31)


@inlined
def next_state(state: Any) -> Any:
    """Give the next state of splitmix64."""
    return state + _STEP

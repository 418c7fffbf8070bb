"""Sets of up to 64 things, as the bits of a word: the ticks of a window."""

from __future__ import annotations

from typing import Any

import numpy as np

from autotune.backends.simulator.compiled.compiled import inlined

NONE = np.uint64(0)
_ONE = np.uint64(1)


@inlined
def bit(number: int) -> Any:
    """The set that holds one thing, *number*."""
    return _ONE << np.uint64(number)


@inlined
def first_bits(count: int) -> Any:
    """The set of the first *count* things, fewer than 64."""
    return bit(count) - _ONE


@inlined
def ones(bits: Any) -> int:
    """How many things a set holds."""
    bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + (
        (bits >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    count: Any = np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))
    return count


@inlined
def lowest(bits: Any) -> int:
    """The first thing of a set that isn't empty."""
    return ones(~bits & (bits - _ONE))


@inlined
def without_lowest(bits: Any) -> Any:
    """A set that isn't empty, without its first thing."""
    return bits & (bits - _ONE)

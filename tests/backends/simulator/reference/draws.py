"""Reference of the random numbers: xoroshiro128+ in whole numbers."""

from __future__ import annotations

from collections.abc import Iterable

_BITS = (1 << 64) - 1


def _rotated(number: int, by: int) -> int:
    return (number << by | number >> (64 - by)) & _BITS


class Xoroshiro:
    """The generator as its authors describe it, with the constants 24, 16 and 37."""

    def __init__(self, state: Iterable[int]) -> None:
        self.state = [int(word) for word in state]

    def next(self) -> int:
        """64 random bits."""
        one, two = self.state
        drawn = (one + two) & _BITS
        two ^= one
        self.state = [_rotated(one, 24) ^ two ^ (two << 16 & _BITS), _rotated(two, 37)]
        return drawn

    def uniform(self) -> float:
        """A number from [0, 1): the upper 53 of 64 bits."""
        return (self.next() >> 11) / 2**53

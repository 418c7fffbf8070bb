"""Reference of the random numbers: xoroshiro128+ in whole numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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


def chosen(generator: Xoroshiro, things: Collection[int], part: int) -> set[int]:
    """Choose each of some things by the chance *part* / 2^53.

    Digit by digit, binary and each from one word, a thing draws a fraction until it differs from the
    chance; below it the thing is chosen. No word is drawn once all are decided, or only zeros follow.
    """
    undecided, taken = set(things), set()
    for place in range(52, -1, -1):
        if not undecided or part % 2 ** (place + 1) == 0:
            break
        word, digit = generator.next(), part >> place & 1
        differ = {thing for thing in undecided if word >> thing & 1 != digit}
        undecided -= differ
        taken |= differ if digit == 1 else set()
    return taken

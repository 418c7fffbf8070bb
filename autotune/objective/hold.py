"""How a limit must hold before a scheme is recommended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autotune import document
from autotune.units import format_share, parse_share

MOST_RUNS = 1000

_WORST = re.compile(r"worst\s+of\s+([0-9]{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A rule for all constraints together. Without a share and a number of runs, it is about means.

    Attributes:
        share: The least probability that the next run keeps all constraints; above 0, below 1.
        worst_of: The least number of runs with seeds new to the search, all of which keep all
            constraints; 1 or more.

    Raises:
        ValueError: If a number is out of range, or both are given.

    >>> print(Hold(share=0.95), Hold(worst_of=3), Hold(), sep=", ")
    95%, worst of 3, mean
    """

    share: float | None = None
    worst_of: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.share is not None and self.worst_of is not None:
            raise ValueError("a limit holds in a share of runs or in the worst of some: give one")
        if self.share is not None and not 0.0 < self.share < 1.0:
            raise ValueError(
                f"{format_share(self.share)} is out of range: give a share above 0% and below 100%, "
                "as in 95%; or worst of 40"
            )
        if self.worst_of is not None and not 1 <= self.worst_of <= MOST_RUNS:
            raise ValueError(
                f"worst of {self.worst_of} is out of range: give 1 to {MOST_RUNS} runs"
            )

    def __str__(self) -> str:
        """Give the rule as it is written in a file."""
        if self.share is not None:
            return format_share(self.share)
        return "mean" if self.worst_of is None else f"worst of {self.worst_of}"


USUAL = Hold(share=0.95)
"""The rule of who gives none."""


def parse_hold(text: str) -> Hold:
    """Read a rule: a share of runs, ``mean``, or ``worst of N``.

    Raises:
        ValueError: If the text is none of these.

    >>> parse_hold("worst of 5").worst_of
    5
    >>> parse_hold("always")
    Traceback (most recent call last):
    ValueError: 'always' is no rule for limits: write a share of runs, as in 95%, mean, or worst of 5
    """
    text = text.strip()
    if text == "mean":
        return Hold()
    if match := _WORST.fullmatch(text):
        return Hold(worst_of=int(match[1]))
    if not text.endswith("%"):
        raise ValueError(
            f"'{text}' is no rule for limits: write a share of runs, as in 95%, mean, or worst of 5"
        )
    return Hold(share=parse_share(text))


read_hold = document.parsed(parse_hold, "write a share of runs, as in 95%, mean, or worst of 5")
"""Read the value of a key."""

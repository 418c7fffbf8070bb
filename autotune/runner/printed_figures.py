"""Figures that a program prints, found by regular expressions: its work, its slowest request."""

from __future__ import annotations

import re
from typing import Protocol

from autotune.experiment.latency import read_latency_s


class PrintedFigure(Protocol):
    """Searches what a program prints for a figure."""

    def __call__(self, line: str) -> None:
        """Search a line."""
        ...

    def figure(self) -> float | None:
        """Give the figure; None if nothing matched.

        Raises:
            ValueError: If what matched is no such figure.
        """
        ...


class LastMatch:
    """Keeps what the group of a regular expression matched in the last line that matched.

    Args:
        pattern: The regular expression, with one group.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._text: str | None = None

    def __call__(self, line: str) -> None:
        """Search a line."""
        if match := self._pattern.search(line):
            self._text = match[1]

    def figure(self) -> float | None:
        """Give what the group matched, as a number; None if no line matched.

        Raises:
            ValueError: If what the group matched is no number.

        >>> last = LastMatch(r"done: ([0-9.,]+)")
        >>> last("done: 5"), last("done: 1,250.5 requests"), last.figure()
        (None, None, 1250.5)
        """
        if self._text is None:
            return None
        try:
            return float(self._text.replace(",", ""))
        except ValueError as error:
            raise ValueError(f"matched no number: {error}: mend the expression") from error


class LongestMatch:
    """Keeps the longest of the times that the group of a regular expression matched.

    Args:
        pattern: The regular expression, with one group.
        unit: Unit of the times, unless it is matched too (`autotune.experiment.latency`).
    """

    def __init__(self, pattern: str, unit: str | None) -> None:
        self._pattern = re.compile(pattern)
        self._unit = unit
        self._longest_s: float | None = None
        self._wrong: str | None = None

    def __call__(self, line: str) -> None:
        """Search a line, for every match in it."""
        for match in self._pattern.finditer(line):
            try:
                time_s = read_latency_s(match[1] or "", self._unit)
            except ValueError as error:
                self._wrong = self._wrong or str(error)
            else:
                self._longest_s = max(time_s, self._longest_s or 0.0)

    def figure(self) -> float | None:
        r"""Give the longest time, in seconds; None if nothing matched.

        Raises:
            ValueError: If some match is no time.

        >>> longest = LongestMatch(r"took ([0-9.]+ ?\w*)", None)
        >>> longest("took 5 ms"), longest("took 12.5ms"), longest("took 900us"), longest.figure()
        (None, None, None, 0.0125)
        """
        if self._wrong is not None:
            raise ValueError(f"matched no time: {self._wrong}")
        return self._longest_s

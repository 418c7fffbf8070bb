"""What a program prints: reads it as it comes, searches each line, and keeps only the last lines."""

from __future__ import annotations

import os
import re
import select
import threading
from collections import deque
from collections.abc import Callable

from autotune.experiment.latency import read_latency_s

_CHUNK_BYTES = 1 << 16
_LONGEST_LINE = 1 << 14
"""Bytes of a line that are searched. A longer line is cut there."""
_TAIL_LINES = 20
_LONGEST_QUOTE = 300
_TOLD_LINES = 3


class _Lines:
    """Cuts what comes out of one pipe into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._on_line = on_line
        self._rest = b""

    def take(self, chunk: bytes) -> None:
        """Take the next piece; an empty piece is the end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not chunk and self._rest:
            lines, self._rest = [self._rest], b""
        for line in lines:
            self._one(line)
        if len(self._rest) > _LONGEST_LINE:
            self._rest = self._rest[:_LONGEST_LINE]

    def _one(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip("\r")
        if text.strip():
            self.tail.append(text)
        self._on_line(text)


def _quoted(line: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in line.strip())
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."


class Output:
    """Reads the read ends of pipes in a thread of its own, until every writer has closed them.

    Args:
        descriptor: The read end of standard output. It is closed at the end.
        on_line: Called with each line, in the thread that reads.
        errors: The read end of standard error, if that has a pipe of its own. It is closed at the end.
    """

    def __init__(
        self, descriptor: int, on_line: Callable[[str], None], errors: int | None = None
    ) -> None:
        self._printed, self._errors = _Lines(on_line), _Lines(on_line)
        self._open = {descriptor: self._printed}
        if errors is not None:
            self._open[errors] = self._errors
        self._thread = threading.Thread(target=self._read, name="output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        waiting = select.poll()
        for descriptor in self._open:
            waiting.register(descriptor, select.POLLIN)
        while self._open:
            for descriptor, _ in waiting.poll():
                chunk = os.read(descriptor, _CHUNK_BYTES)
                self._open[descriptor].take(chunk)
                if not chunk:
                    waiting.unregister(descriptor)
                    os.close(descriptor)
                    del self._open[descriptor]

    def wait(self, timeout_s: float) -> None:
        """Wait until all is read, but no longer than *timeout_s* seconds."""
        self._thread.join(timeout_s)

    def last_line(self) -> str:
        """Give the last line that was not empty, shortened. Gives "" if there was no such line."""
        tail = self._printed.tail or self._errors.tail
        return _quoted(tail[-1]) if tail else ""

    def last_lines(self) -> tuple[str, ...]:
        """Give the last lines that were not empty, of standard output and then of standard error."""
        return (*self._printed.tail, *self._errors.tail)

    def telling(self) -> str:
        """Give the last lines that tell why the program ended, shortened, with `|` between them.

        These are the last lines of standard error, after the last line of standard output; without
        errors, the last lines of standard output.
        """
        printed, errors = list(self._printed.tail), list(self._errors.tail)
        lines = [*printed[-1:], *errors[-_TOLD_LINES:]] if errors else printed[-_TOLD_LINES:]
        return " | ".join(map(_quoted, lines))


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

    def number(self) -> float | None:
        """Give what the group matched, as a number; None if no line matched.

        Raises:
            ValueError: If what the group matched is no number.

        >>> last = LastMatch(r"done: ([0-9.,]+)")
        >>> last("done: 5"), last("done: 1,250.5 requests"), last.number()
        (None, None, 1250.5)
        """
        return None if self._text is None else float(self._text.replace(",", ""))


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

    def longest_s(self) -> float | None:
        r"""Give the longest time, in seconds; None if nothing matched.

        Raises:
            ValueError: If some match is no time.

        >>> longest = LongestMatch(r"took ([0-9.]+ ?\w*)", None)
        >>> longest("took 5 ms"), longest("took 12.5ms"), longest("took 900us"), longest.longest_s()
        (None, None, None, 0.0125)
        """
        if self._wrong is not None:
            raise ValueError(self._wrong)
        return self._longest_s

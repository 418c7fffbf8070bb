"""What a program prints: reads it as it comes, searches each line, and keeps only the last lines."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Callable

_CHUNK_BYTES = 1 << 16
_LONGEST_LINE = 1 << 14
"""Bytes of a line that are searched. A longer line is cut there."""
_TAIL_LINES = 20
_LONGEST_QUOTE = 300


class Output:
    """Reads the read end of a pipe in a thread of its own, until every writer has closed it.

    Args:
        descriptor: The read end. It is closed at the end.
        on_line: Called with each line, in the thread that reads.
    """

    def __init__(self, descriptor: int, on_line: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._on_line = on_line
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._thread = threading.Thread(target=self._read, name="output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rest = b""
        while chunk := os.read(self._descriptor, _CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            if len(rest) > _LONGEST_LINE:
                rest = rest[:_LONGEST_LINE]
        if rest:
            self._take(rest)
        os.close(self._descriptor)

    def _take(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip("\r")
        if text.strip():
            self._tail.append(text)
        self._on_line(text)

    def wait(self, timeout_s: float) -> None:
        """Wait until all is read, but no longer than *timeout_s* seconds."""
        self._thread.join(timeout_s)

    def last_line(self) -> str:
        """Give the last line that was not empty, shortened. Gives "" if there was no such line."""
        last = self._tail[-1].strip() if self._tail else ""
        last = "".join(letter if letter.isprintable() else " " for letter in last)
        return last if len(last) <= _LONGEST_QUOTE else last[:_LONGEST_QUOTE] + "..."


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

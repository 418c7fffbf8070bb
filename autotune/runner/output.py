"""What a program prints: reads it as it comes, hands each line on, and keeps only the last lines."""

from __future__ import annotations

import os
import re
import select
import threading
from collections import deque
from collections.abc import Callable

_CHUNK_BYTES = 1 << 16
_LONGEST_LINE = 1 << 14
"""Bytes of a line that are searched. A longer line is cut there."""
_TAIL_LINES = 20
_LONGEST_QUOTE = 300
_TOLD_LINES = 3
LAST_LINES_S = 2.0
"""How long reading the last lines of an ended program may take."""


class _Lines:
    """Cuts what comes out of one pipe into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._on_line = on_line
        self.rest = b""

    def take(self, chunk: bytes) -> None:
        """Take the next piece; an empty piece is the end."""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        if not chunk and self.rest:
            lines, self.rest = [self.rest], b""
        for line in lines:
            self._one(line)
        if len(self.rest) > _LONGEST_LINE:
            self.rest = self.rest[:_LONGEST_LINE]

    def _one(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip("\r")
        if text.strip():
            self.tail.append(text)
        self._on_line(text)


def _quoted(line: str) -> str:
    """Shorten a line for a message; of a line that is written over, give what is seen last."""
    text = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
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

    def unfinished(self) -> str:
        """Give what was printed last and has no end of line yet, as a prompt: "" if nothing was."""
        rest = self._printed.rest or self._errors.rest
        return rest.decode(errors="replace")

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


class LineSeen:
    """Remembers whether a regular expression matched somewhere in a line that was printed."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._seen = False
        self._unfinished = ""

    def __call__(self, text: str) -> None:
        """Search a line."""
        self._seen = self._seen or self._pattern.search(text) is not None

    def seen(self) -> bool:
        """Say whether a line matched."""
        return self._seen

    def seen_with(self, unfinished: str) -> bool:
        """Say whether a line matched, or an *unfinished* one does that has stayed so: a prompt."""
        stays = unfinished == self._unfinished
        self._unfinished = unfinished
        return self._seen or (
            stays and unfinished != "" and self._pattern.search(unfinished) is not None
        )


def to_all(*listeners: Callable[[str], None]) -> Callable[[str], None]:
    """Give a function that hands a line to all *listeners*, one after the other."""

    def on_line(text: str) -> None:
        for listener in listeners:
            listener(text)

    return on_line

"""Progress on standard error: one line that moves on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

_LINES = 6
"""How many lines of progress a log gets."""


class MovingLine:
    """A context manager that leaves the terminal as it was."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show no more."""
        self._progress.stop()

    @property
    def on_terminal(self) -> bool:
        """Whether the line moves."""
        return self._console.is_terminal

    def say(self, text: str) -> None:
        """Print a line that stays; elsewhere than on a terminal it is never broken in two."""
        self._console.print(text, soft_wrap=not self.on_terminal)

    def begin(self, what: str, total: int | None) -> None:
        """Show that nothing of *total* is done yet; a log gets no line of it."""
        self._task = self._progress.add_task(what, total=total, note="")

    def move(self, what: str, done: int, total: int | None, note: str = "") -> None:
        """Show how much is done; a log gets only some of these lines, and always the last."""
        if self.on_terminal and self._task is not None:
            self._progress.update(
                self._task, description=what, completed=done, total=total, note=note
            )
            return
        step = max(1, (total or 10) // _LINES)
        if done % step == 0 or done == total:
            self.say(
                f"{what}: {done}{f' of {total}' if total else ''}{', ' if note else ''}{note}"
            )
            sys.stderr.flush()

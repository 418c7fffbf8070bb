"""Values that several sections of a workload file have."""

from __future__ import annotations

from pathlib import Path

from autotune import document
from autotune.document import Reader, Value


def positive_duration(value: Value) -> int:
    """Read a duration above 0, in microseconds.

    Raises:
        InputError: If it is no duration, or 0.
    """
    duration = document.duration(value)
    if duration == 0:
        value.fail("0 leaves no time: write a duration, as in 100ms")
    return duration


def path_in(folder: Path) -> Reader[Path]:
    """Make a reader of a path that is relative to *folder*."""
    return lambda value: folder / document.text(value)

"""Warnings about what is read: one line each, given to a function that shows or keeps it."""

from __future__ import annotations

from collections.abc import Callable

Warn = Callable[[str], None]


def ignore(message: str) -> None:
    """Drop a warning: nobody asked for warnings."""

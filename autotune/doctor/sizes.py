"""Sizes for people, rounded; `autotune.units` writes exact ones."""

from __future__ import annotations


def gib(size_bytes: int) -> str:
    """Give a size in GiB.

    >>> gib(3 << 29)
    '1.5 GiB'
    """
    return f"{size_bytes / (1 << 30):.1f} GiB"

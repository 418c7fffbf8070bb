"""Ranges of addresses: their union, what two sets have in common, and the difference of two sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""The addresses from the first number up to, but without, the second number."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Give the union of *spans* as ordered spans with gaps between; *spans* may overlap, in any order.

    >>> merged([(8, 9), (0, 4), (2, 6), (6, 7)])
    [(0, 7), (8, 9)]
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Give what lies in both sets. Arguments and result are in order, without overlaps.

    >>> common([(0, 4), (6, 9)], [(2, 7)])
    [(2, 4), (6, 7)]
    """
    found: list[Span] = []
    at = other_at = 0
    while at < len(spans) and other_at < len(others):
        (start, end), (other_start, other_end) = spans[at], others[other_at]
        low, high = max(start, other_start), min(end, other_end)
        if low < high:
            found.append((low, high))
        if end <= other_end:
            at += 1
        else:
            other_at += 1
    return found


def without(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Give the parts of *spans* that lie in none of *others*; both are in order, without overlaps.

    >>> without([(0, 4), (6, 9)], [(2, 7)])
    [(0, 2), (7, 9)]
    """
    gaps: list[Span] = []
    before = 0
    for start, end in others:
        if before < start:
            gaps.append((before, start))
        before = end
    gaps.append((before, 1 << 64))
    return common(spans, gaps)

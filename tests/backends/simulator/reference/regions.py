"""Reference of DAMON's regions: lists that are rebuilt, one region after the other.

Source: sections "Counting, aging, merging, splitting" and "Range update" of the kernel's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.kernel_rules import next_merge_threshold


@dataclass
class Region:
    """Addresses, the count of this aggregation and of the last, the moving sum, and the age."""

    start: int
    end: int
    hits: int = 0
    last: int = 0
    moving: int = 0
    age: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


def _merged(regions: Sequence[Region], threshold: int, limit: int, *, ages: bool) -> list[Region]:
    done: list[Region] = []
    for region in map(replace, regions):
        if ages:
            changed = abs(region.hits - region.last) > threshold
            region.age = 0 if changed else region.age + 1
        left = done[-1] if done else None
        if (
            left is None
            or left.end != region.start
            or abs(left.hits - region.hits) > threshold
            or left.size + region.size > limit
        ):
            done.append(region)
            continue
        whole = left.size + region.size
        left.hits = (left.hits * left.size + region.hits * region.size) // whole
        left.age = (left.age * left.size + region.age * region.size) // whole
        left.moving = left.hits * 10_000
        left.end = region.end
    return done


def aggregated(
    regions: Sequence[Region], samples: int, limit: int, max_regions: int
) -> list[Region]:
    """Age and merge at the end of an aggregation."""
    threshold, ages = max((r.hits for r in regions), default=0) // 10, True
    while True:
        regions = _merged(regions, threshold, limit, ages=ages)
        if len(regions) <= max_regions or threshold >= samples:
            return list(regions)
        threshold, ages = next_merge_threshold(threshold, samples), False


def split(
    regions: Sequence[Region],
    max_regions: int,
    remembered: int,
    uniform: Callable[[], float],
) -> tuple[list[Region], int]:
    """Split at random; the regions, and how many were there at the last split that did something."""
    if len(regions) > max_regions // 2:
        return list(regions), remembered
    three = len(regions) == remembered and len(regions) < max_regions // 3
    done = []
    for region in regions:
        left, right = replace(region), []
        for _ in range(2 if three else 1):
            if left.size <= 2 * PAGE:
                continue
            part = (1 + int(9 * uniform())) * left.size // 10 // PAGE * PAGE
            if part in (0, left.size):
                continue
            right.append(replace(left, start=left.start + part))
            left = replace(left, end=left.start + part)
        done += [left, *reversed(right)]
    return done, len(regions)


def updated(regions: Sequence[Region], ranges: Sequence[tuple[int, int]]) -> list[Region]:
    """Fit regions to new ranges of the target."""
    left = [
        replace(r) for r in regions if any(r.start < high and r.end > low for low, high in ranges)
    ]
    done = []
    for low, high in ranges:
        touching = [r for r in left if r.start < high and r.end > low]
        left = [r for r in left if r not in touching]
        if not touching:
            done.append(Region(low, high))
            continue
        touching[0].start = low
        for region, behind in pairwise(touching):
            done.append(region)
            if region.end < behind.start:
                done.append(Region(region.end, behind.start))
        touching[-1].end = high
        done.append(touching[-1])
    return done

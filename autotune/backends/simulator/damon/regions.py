"""DAMON's regions: made, aged, merged and split by the kernel's rules.

Source: ``__damon_va_three_regions``, ``damon_va_init_regions``, ``damon_merge_regions_of``,
``kdamond_merge_regions`` and ``kdamond_split_regions`` of Linux 6.12.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.draws import Draws, uniform
from autotune.backends.simulator.compiled.structs import INT, Structs, make_structs, put
from autotune.backends.simulator.memory.pages import Memory, end_of
from autotune.damon.kernel_rules import PAGE_BYTES, PROCESS_BYTES, initial_regions

_REGION = {
    "start": INT,  # first address, in bytes, a multiple of the page size
    "end": INT,  # address behind the last
    "hits": INT,  # samples of the running aggregation that found the region accessed
    "last": INT,  # hits of the aggregation before
    "moving": INT,  # moving sum of the hits, in 1/10000
    "age": INT,  # aggregations for which the hits stayed about the same
}
_TOTALS = {
    "regions": INT,  # in use
    "remembered": INT,  # regions at the last split
}


class Regions(NamedTuple):
    """All regions of all targets, in address order.

    A recording's processes lie one behind the other, so that their regions are never neighbours.

    Attributes:
        items: `_REGION` structs; the first ``totals[0].regions`` are in use; shape ``(capacity,)``.
        totals: `_TOTALS`, one struct.
        spare: `_REGION` structs, room for what a split makes; shape ``(capacity,)``.
        ranges: Room for the ranges of an update, three of each target, shape ``(3 * targets, 2)``.
    """

    items: Structs
    totals: Structs
    spare: Structs
    ranges: NDArray[np.int64]


def make_regions(
    ranges: list[tuple[int, int]],
    min_regions: int,
    capacity: int,
    *,
    whole: bool = False,
    targets: int = 1,
) -> Regions:
    """Cut the three ranges of each target into about *min_regions* equal pieces.

    With *whole* each range is one region, as when a user gives the ranges. *targets* is how many targets
    there may be at most.
    """
    spans = tuple(ranges)
    if not whole:
        of_targets = (ranges[first : first + 3] for first in range(0, len(ranges), 3))
        spans = tuple(span for own in of_targets for span in initial_regions(own, min_regions))
    items, totals = make_structs(_REGION, capacity), make_structs(_TOTALS, 1)
    in_use = items[: len(spans)].view(np.ndarray)
    in_use["start"] = [start for start, _ in spans]
    in_use["end"] = [end for _, end in spans]
    put(totals, 0, regions=len(spans))
    return Regions(
        items, totals, make_structs(_REGION, capacity), np.zeros((3 * targets, 2), dtype=np.int64)
    )


@inlined
def _copy(to: Any, item: Any) -> None:
    """Copy a region field by field: compiled code would copy a whole struct byte by byte."""
    to.start = item.start
    to.end = item.end
    to.hits = item.hits
    to.last = item.last
    to.moving = item.moving
    to.age = item.age


@compiled
def total_bytes(regions: Regions) -> int:
    """Sizes of all regions, summed."""
    total = 0
    for i in range(regions.totals[0].regions):
        total += regions.items[i].end - regions.items[i].start
    return total


@compiled
def cut(regions: Regions, index: int, size: int) -> bool:
    """Cut region *index* behind its first *size* bytes; both parts keep counts and age.

    Returns:
        False if the arrays are full: then nothing is cut.
    """
    total = regions.totals[0].regions
    if total == len(regions.items):
        return False
    for i in range(total, index, -1):
        _copy(regions.items[i], regions.items[i - 1])
    regions.items[index].end = regions.items[index].start + size
    regions.items[index + 1].start = regions.items[index].end
    regions.totals[0].regions = total + 1
    return True


@compiled
def age(regions: Regions, threshold: int) -> None:
    """Make regions an aggregation older; a region whose hits changed by more than *threshold* is new."""
    for i in range(regions.totals[0].regions):
        if abs(regions.items[i].hits - regions.items[i].last) > threshold:
            regions.items[i].age = 0
        else:
            regions.items[i].age += 1


@compiled
def _merge_round(regions: Regions, threshold: int, limit: int) -> None:
    total, items, last = regions.totals[0].regions, regions.items, 0
    if total == 0:
        return
    start, end, hits, age = items[0].start, items[0].end, items[0].hits, items[0].age
    for index in range(1, total):
        item = items[index]
        left_size, size = end - start, item.end - item.start
        both = left_size + size
        if end == item.start and abs(hits - item.hits) <= threshold and both <= limit:
            if hits != item.hits:
                hits = (hits * left_size + item.hits * size) // both
            if age != item.age:
                age = (age * left_size + item.age * size) // both
            items[last].hits = hits
            items[last].moving = hits * 10_000
            items[last].age = age
            items[last].end = end = item.end
        else:
            last += 1
            if last != index:
                _copy(items[last], item)
            start, end, hits, age = item.start, item.end, item.hits, item.age
    regions.totals[0].regions = last + 1


@compiled
def next_threshold(threshold: int, most: int) -> int:
    """The threshold of the next round, after a round that left too many regions."""
    return max(1, 2 * threshold) if threshold < most // 2 else most


@compiled
def merge(regions: Regions, threshold: int, most: int, limit: int, max_regions: int) -> None:
    """Merge neighbours whose hits differ by at most *threshold*, to regions of at most *limit* bytes.

    While there are more than *max_regions* regions, further rounds raise the threshold up to *most*, the
    largest possible number of hits.
    """
    _merge_round(regions, threshold, limit)
    while regions.totals[0].regions > max_regions and threshold < most:
        threshold = next_threshold(threshold, most)
        _merge_round(regions, threshold, limit)


@compiled
def reset(regions: Regions) -> None:
    """Begin a new aggregation."""
    for i in range(regions.totals[0].regions):
        regions.items[i].last = regions.items[i].hits
        regions.items[i].hits = 0


@inlined
def _draw_part(size: int, draws: Draws) -> int:
    """Draw where a region of *size* bytes is cut; 0 leaves it whole."""
    if size <= 2 * PAGE_BYTES:
        return 0
    part = (1 + int(uniform(draws) * 9)) * size // 10 // PAGE_BYTES * PAGE_BYTES
    return part if part < size else 0


@inlined
def _put(items: Structs, index: int, start: int, end: int, like: Any) -> None:
    item = items[index]
    item.start = start
    item.end = end
    item.hits = like.hits
    item.last = like.last
    item.moving = like.moving
    item.age = like.age


@compiled
def split(regions: Regions, max_regions: int, draws: Draws) -> None:
    """Cut every region in two at random, or in three if the last split changed nothing.

    No region is cut if that could make more than *max_regions* regions.
    """
    total = regions.totals[0].regions
    if total > max_regions // 2:
        return
    three = total == regions.totals[0].remembered and total < max_regions // 3
    regions.totals[0].remembered = total
    items, made, count = regions.items, regions.spare, 0
    for i in range(total):
        item = items[i]
        start, end = item.start, item.end
        first = _draw_part(end - start, draws)
        if three:
            # The cut-off part is cut again; a region that was not cut gets a second try.
            second = _draw_part(first if first > 0 else end - start, draws)
            if second > 0:
                _put(made, count, start, start + second, item)
                count += 1
                start += second
            if first > 0 and second > 0:
                first -= second
        if first > 0:
            _put(made, count, start, start + first, item)
            count += 1
            start += first
        _put(made, count, start, end, item)
        count += 1
    for i in range(count):
        _copy(items[i], made[i])
    regions.totals[0].regions = count


@compiled
def _insert(regions: Regions, index: int, start: int, end: int) -> None:
    """Put a new region before *index*; if the arrays are full, its memory stays unwatched."""
    total = regions.totals[0].regions
    if total == len(regions.items):
        return
    for i in range(total, index, -1):
        _copy(regions.items[i], regions.items[i - 1])
    item = regions.items[index]
    item.start = start
    item.end = end
    item.hits = 0
    item.last = 0
    item.moving = 0
    item.age = 0
    regions.totals[0].regions = total + 1


@compiled
def _remove_outside(regions: Regions, ranges: NDArray[np.int64]) -> None:
    kept = 0
    for i in range(regions.totals[0].regions):
        item, touches = regions.items[i], False
        for k in range(len(ranges)):
            touches |= item.start < ranges[k, 1] and item.end > ranges[k, 0]
        if touches:
            _copy(regions.items[kept], regions.items[i])
            kept += 1
    regions.totals[0].regions = kept


@compiled
def update_ranges(regions: Regions, ranges: NDArray[np.int64]) -> None:
    """Fit the regions to the target's new ranges, shape ``(n, 2)``, in address order.

    Regions outside all ranges go. The first and the last region of each range are stretched or shrunk to
    the range's bounds, and keep counts and age. Holes, and ranges without any region, get new regions.

    Source: ``damon_set_regions``, mm/damon/core.c.
    """
    _remove_outside(regions, ranges)
    index = 0
    for k in range(len(ranges)):
        low, high = ranges[k, 0], ranges[k, 1]
        while index < regions.totals[0].regions and regions.items[index].end <= low:
            index += 1
        if index == regions.totals[0].regions or regions.items[index].start >= high:
            _insert(regions, index, low, high)
            index += 1
            continue
        regions.items[index].start = low
        while index + 1 < regions.totals[0].regions and regions.items[index + 1].start < high:
            behind, begin = regions.items[index].end, regions.items[index + 1].start
            if begin > behind:
                _insert(regions, index + 1, behind, begin)
                if regions.items[index + 1].start != behind:
                    break  # no room
            index += 1
        regions.items[index].end = high
        index += 1


@compiled
def three_ranges(memory: Memory, ranges: np.ndarray) -> int:
    """Find the three ranges of each process that DAMON watches: its two largest gaps separate them.

    Args:
        memory: The processes' memory.
        ranges: Shape ``(3 * targets, 2)``: receives each range's first address, and the address behind
            its last. With three rows all memory is one process's.

    Returns:
        How many ranges were found. A process with fewer than two gaps has none: DAMON then has nothing
        to watch.
    """
    found, first = 0, 0
    one = len(ranges) == 3  # ranges of a process
    while first < len(memory.areas) and found + 3 <= len(ranges):
        process = memory.areas[first].start // PROCESS_BYTES
        behind = first + 1
        while behind < len(memory.areas) and (
            one or memory.areas[behind].start // PROCESS_BYTES == process
        ):
            behind += 1
        if _three_ranges_of(memory, first, behind, ranges, found):
            found += 3
        first = behind
    return found


@compiled
def _three_ranges_of(
    memory: Memory, first_area: int, behind: int, ranges: np.ndarray, row: int
) -> bool:
    """Find the ranges of the process with the areas from *first_area* on; put them from *row* on.

    Source: ``__damon_va_three_regions``, mm/damon/vaddr.c.
    """
    first, second = 0, 0  # sizes of the two largest gaps; then their places
    first_start, first_end, second_start, second_end = 0, 0, 0, 0
    begin, end = -1, -1
    for index in range(first_area, behind):
        area = memory.areas[index]
        if area.mapped == 0:
            continue
        if begin < 0:
            begin = area.start
        elif area.start - end > first:
            second, second_start, second_end = first, first_start, first_end
            first, first_start, first_end = area.start - end, end, area.start
        elif area.start - end > second:
            second, second_start, second_end = area.start - end, end, area.start
        end = end_of(area)
    if second == 0:
        return False
    ranges[row, 0] = begin
    ranges[row, 1] = min(first_start, second_start)
    ranges[row + 1, 0] = min(first_end, second_end)
    ranges[row + 1, 1] = max(first_start, second_start)
    ranges[row + 2, 0] = max(first_end, second_end)
    ranges[row + 2, 1] = end
    return True

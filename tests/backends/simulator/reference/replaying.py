"""Reference of a recording's hits: the mean chance of a region's bytes, and a draw a tick.

Source: the module docstring of `autotune.backends.simulator.workload.replay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.recording import RecordedRegion, Recording
from tests.backends.simulator.reference.draws import Xoroshiro, chosen


def chance_of(recording: Recording, number: int, start: int, end: int) -> Fraction:
    """The mean chance of pages from *start* to *end* in a snapshot; 0 where nothing was ever mapped."""
    snapshot = recording.snapshots[number]
    mapped = {
        page for area in recording.areas for page in range(area.start // PAGE, area.end // PAGE)
    }
    summed = Fraction(0)
    for page in range(start // PAGE, end // PAGE):
        if page in mapped:
            summed += sum(
                _chance(region, mapped, recording.max_accesses)
                for region in snapshot.regions
                if region.start <= page * PAGE < region.end
            )
    return summed * PAGE / (end - start)


def _chance(region: RecordedRegion, mapped: set[int], most: int) -> Fraction:
    """The chance of a mapped page: samples that met a hole found nothing."""
    pages = range(region.start // PAGE, region.end // PAGE)
    there = sum(page in mapped for page in pages)
    return min(Fraction(1), Fraction(region.accesses * len(pages), most * there))


def hits(
    recording: Recording,
    ticks: Sequence[int],
    start: int,
    end: int,
    generator: Xoroshiro,
) -> int:
    """Hits over ticks, of which the snapshot of each is given."""
    found = 0
    for number, same in groupby(ticks):
        chance, count = chance_of(recording, number, start, end), len(list(same))
        if chance >= 1:
            found += count
        else:
            found += len(chosen(generator, range(count), int(chance * 2**53)))
    return found

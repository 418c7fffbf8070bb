"""Reference of a recording's hits: the mean chance of a region's bytes, and a draw a tick.

Source: the module docstring of `autotune.backends.simulator.replay`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from autotune.recording import Recording

PAGE = 4096


def chance_of(recording: Recording, number: int, start: int, end: int) -> Fraction:
    """The mean chance of pages from *start* to *end* in a snapshot; 0 where nothing was ever mapped."""
    snapshot = recording.snapshots[number]
    mapped = {
        page for area in recording.areas for page in range(area.start // PAGE, area.end // PAGE)
    }
    summed = 0
    for page in range(start // PAGE, end // PAGE):
        if page in mapped:
            summed += sum(
                region.accesses
                for region in snapshot.regions
                if region.start <= page * PAGE < region.end
            )
    return Fraction(summed, recording.max_accesses * ((end - start) // PAGE))


def hits(
    recording: Recording,
    ticks: Sequence[int],
    start: int,
    end: int,
    uniform: Callable[[], float],
) -> int:
    """Hits over ticks, of which the snapshot of each is given."""
    found = 0
    for number in ticks:
        chance = chance_of(recording, number, start, end)
        if 0 < chance < 1:
            found += uniform() < chance
        else:
            found += int(chance)
    return found

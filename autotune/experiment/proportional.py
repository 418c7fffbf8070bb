"""Memory of processes that share some of it: what is known between two readings of the kernel's figure.

Resident memory is read at every sample, and counts shared memory once for each process. The
proportional figure counts shared memory once; it is dear to read, and is read at some samples only.
Their difference is memory that is *counted again*. As long as the processes stay the same, it is taken
to change evenly from one reading to the next: memory of a single process that comes, goes or is paged
out leaves the difference alone, and page-out spares what several processes map. Memory that comes and
goes with processes takes its share of the difference along. A sample at which both figures are equal, as
they are of one process, says nothing of other samples.

Source: mm/madvise.c, madvise_cold_or_pageout_pte_range(): a page with several mappings is left alone.
"""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Sequence
from itertools import accumulate, pairwise

from autotune.experiment.measurement import Measurement

LEAST_READINGS = 4
"""Fewer readings than that are too few to say how shared memory changed."""


def between_readings(
    time_s: Sequence[float],
    whole: Sequence[int],
    read: Sequence[int | None],
    processes: Sequence[Hashable] | None = None,
) -> tuple[float, ...]:
    """Give the proportional figure at every sample.

    Args:
        time_s: The time of each sample, rising.
        whole: The figure in which shared memory counts once for each process.
        read: The proportional figure; None where it was not read.
        processes: Which processes there are at each sample: equal as long as they are the same. With
            None they are always the same.

    Raises:
        ValueError: If it was never read.

    >>> between_readings((0.0, 1.0, 2.0), (100, 40, 40), (80, None, 20), "aaa")
    (80.0, 20.0, 20.0)
    >>> between_readings((0.0, 1.0, 2.0), (100, 200, 100), (50, None, 75), "aba")
    (50.0, 125.0, 75.0)
    """
    if None not in read:
        return tuple(float(value or 0) for value in read)
    everything = [number for number, value in enumerate(read) if value is not None]
    if not everything:
        raise ValueError("the proportional figure was never read")
    known = [number for number in everything if read[number] != whole[number]] or everything
    whose = (0,) * len(whole) if processes is None else processes
    moves = [*pairwise(zip(whole, whose, strict=True))]
    moved = [0, *accumulate(new - old if are != were else 0 for (old, were), (new, are) in moves)]
    found = []
    for number, value in enumerate(read):
        if value is not None:
            found.append(float(value))
            continue
        behind = bisect.bisect(known, number)
        low, high = known[max(0, behind - 1)], known[min(behind, len(known) - 1)]
        sizes = [whole[low] + moved[at] - moved[low] for at in (low, number, high)]
        if min(sizes) <= 0:  # processes took memory along that they had got since the last reading
            sizes = [whole[at] for at in (low, number, high)]
        shares = [
            _share(whole[at] - (read[at] or 0), size)
            for at, size in ((low, sizes[0]), (high, sizes[2]))
        ]
        part = (
            0.0 if low == high else (time_s[number] - time_s[low]) / (time_s[high] - time_s[low])
        )
        again = sizes[1] * (shares[0] * (1.0 - part) + shares[1] * part)
        found.append(min(float(whole[number]), max(0.0, whole[number] - again)))
    return tuple(found)


def _share(value: int, whole: int) -> float:
    return value / whole if whole > 0 else 0.0


def too_few_readings(measured: Measurement) -> str | None:
    """Say in a sentence that shared memory was read too seldom to be sure; None if it was not.

    >>> from dataclasses import replace
    >>> from autotune.testing import measurement
    >>> short = measurement(runtime_s=9.0, pss_periods_us=(5_000_000,))
    >>> print(too_few_readings(short))
    memory that processes share was read 2 times in 9.0 s: make the measured part 20 s or longer
    >>> too_few_readings(measurement(runtime_s=60.0, pss_periods_us=(5_000_000,)))
    """
    if not measured.pss_periods_us:
        return None
    period_s = measured.pss_periods_us[-1] / 1e6
    readings = 1 + int(measured.runtime_s / period_s)
    if readings >= LEAST_READINGS:
        return None
    times = "once" if readings == 1 else f"{readings} times"
    return (
        f"memory that processes share was read {times} in {measured.runtime_s:.1f} s: make the "
        f"measured part {LEAST_READINGS * period_s:.0f} s or longer"
    )

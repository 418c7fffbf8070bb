"""Memory of processes that share some of it: what is known between two readings of the kernel's figure.

Resident memory is read at every sample, and counts shared memory once for each process. The
proportional figure counts shared memory once; it is dear to read, and is read at some samples only.
Between two readings its share of resident memory is taken to change evenly. A sample at which both
figures are equal, as they are of one process, says nothing of other samples.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from autotune.experiment.measurement import Measurement

LEAST_READINGS = 4
"""Fewer readings than that are too few to say how shared memory changed."""


def between_readings(
    time_s: Sequence[float], whole: Sequence[int], read: Sequence[int | None]
) -> tuple[float, ...]:
    """Give the proportional figure at every sample.

    Args:
        time_s: The time of each sample, rising.
        whole: The figure in which shared memory counts once for each process.
        read: The proportional figure; None where it was not read.

    Raises:
        ValueError: If it was never read.

    >>> between_readings((0.0, 1.0, 2.0), (100, 200, 100), (50, None, 75))
    (50.0, 125.0, 75.0)
    """
    everything = [number for number, value in enumerate(read) if value is not None]
    if not everything:
        raise ValueError("the proportional figure was never read")
    known = [number for number in everything if read[number] != whole[number]] or everything
    times = [time_s[number] for number in known]
    shares = [_share(read[number], whole[number]) for number in known]
    found = []
    for at_s, size, value in zip(time_s, whole, read, strict=True):
        behind = bisect.bisect_right(times, at_s)
        if value is not None:
            found.append(float(value))
        elif behind in (0, len(times)):
            found.append(size * shares[max(0, behind - 1)])
        else:
            low, high = times[behind - 1], times[behind]
            part = (at_s - low) / (high - low)
            found.append(size * (shares[behind - 1] * (1.0 - part) + shares[behind] * part))
    return tuple(found)


def _share(value: int | None, whole: int) -> float:
    return 1.0 if value is None or whole <= 0 else value / whole


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

"""The processes of a recording: how many DAMON watches at once, and what they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotune.damon.monitoring import Monitoring
from autotune.damon.recording import Recording
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.experiment.watched import Watched

Workload = Pattern | Program | Recording


def process_count(workload: Workload) -> int:
    """Give how many processes a workload has over its whole run."""
    return max(1, len(workload.processes)) if isinstance(workload, Recording) else 1


def most_at_once(workload: Workload) -> int:
    """Give how many of the processes there were at most at one time."""
    if not isinstance(workload, Recording):
        return 1
    processes = workload.processes
    counts = (
        sum(other.from_us <= one.from_us < max(other.until_us, 1) for other in processes)
        for one in processes
    )
    return max(counts, default=1)


def watched(workload: Workload, asked: Monitoring, given: Monitoring) -> Watched | None:
    """Give what DAMON watches in a replay; None for patterns, and for one process of a file of damo."""
    if not isinstance(workload, Recording) or not workload.processes:
        return None
    return Watched(
        processes=len(workload.processes),
        unwatched_share=workload.unwatched_share or 0.0,
        unwatched_names=workload.unwatched_names,
        max_regions=given.max_regions,
        max_regions_asked=asked.max_regions,
    )


def repeated_bytes(workload: Workload, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give how much of the resident memory is counted once more, since processes share it.

    Args:
        workload: A pattern shares nothing.
        shares: Places in the run, from 0, its beginning, to 1, its end.
    """
    found = np.zeros(len(shares), dtype=np.int64)
    if not isinstance(workload, Recording):
        return found
    at_us = shares * workload.duration_us
    for area in workload.areas:
        if area.repeated:
            size = sum(end - start for start, end in area.repeated)
            found[(at_us >= area.from_us) & (at_us < area.until_us)] += size
    return found

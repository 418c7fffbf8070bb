"""Why a server's slowdown by CPU time can be too low on a machine with one CPU."""

from __future__ import annotations

from autotune.damon.recording import Recording
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.objective.metrics import SlowdownName


def served_together(
    workload: Pattern | Program | Recording, *, slowdown: SlowdownName
) -> str | None:
    """Say that the slowdown of a server can be too low; None if the workload is none.

    A server needs less CPU time for each request that it finds waiting with others, and in the
    kdamond's turn on the one CPU requests come to wait. No single run tells this gain from what the
    schemes cost.

    Args:
        workload: A server is a program with a client.
        slowdown: The formula for `slowdown` on this backend.
    """
    if slowdown != "own_cpu_slowdown":
        return None
    if not isinstance(workload, Program) or workload.client is None:
        return None
    return (
        "slowdown of a server can be several points too low here: requests that wait for the kdamond's "
        "turn on the one CPU are served together after it, which takes less CPU time: measure without a "
        "scheme, and take what that shows off"
    )

"""How far a workload has come, a pattern or a recording."""

from __future__ import annotations

from autotune.backends.simulator.compiled.structs import FLAG, FLOAT, Structs, make_structs

_PROGRESS = {
    "over": FLAG,  # whether the workload has ended
    "owed_us": FLOAT,  # CPU time to spend before the next access: faults, disturbances
    "cpu_us": FLOAT,  # CPU time used so far
    "idle_us": FLOAT,  # of that, in phases of a pattern that idle: its player spins there
    "fault_us": FLOAT,  # CPU time in faults so far
    "full": FLAG,  # whether the window has no room for another tick
}


def begin_progress() -> Structs:
    """Make the progress, one struct, of a workload that stands at its beginning."""
    return make_structs(_PROGRESS, 1)

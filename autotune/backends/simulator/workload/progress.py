"""How far a workload has come: what a pattern and a recording have in common."""

from __future__ import annotations

from autotune.backends.simulator.compiled.structs import FLAG, FLOAT, Structs, make_structs

_PROGRESS = {
    "over": FLAG,  # whether the workload has ended
    "owed_us": FLOAT,  # CPU time that goes before the next access: faults, disturbances
    "cpu_us": FLOAT,  # used so far
    "fault_us": FLOAT,  # of it in faults
    "full": FLAG,  # whether the window of ticks has no room for another one
}


def begin_progress() -> Structs:
    """The progress, one struct, of a workload that stands at its beginning."""
    return make_structs(_PROGRESS, 1)

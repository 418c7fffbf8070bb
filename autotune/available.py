"""The backends of this version, made for a workload."""

from __future__ import annotations

from autotune.backends.base import Backend
from autotune.profiles import load_machine
from autotune.workload import Workload


def make_backend(workload: Workload) -> Backend:
    """Make the backend that the workload file asks for.

    Raises:
        InputError: If the file asks for what this version can't do, or its machine profile is wrong.
        BackendUnavailableError: If this version lacks the backend.
    """
    workload.check_available()
    from autotune.backends.simulator.simulator import Simulator

    return Simulator(load_machine(workload.machine))

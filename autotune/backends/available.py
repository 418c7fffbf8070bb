"""The backends, made for a workload."""

from __future__ import annotations

from collections.abc import Callable

from autotune.backends.base import Backend, Records
from autotune.backends.simulator.profiles import load_machine
from autotune.cache import cache_folder
from autotune.workload_file.workload_file import Workload


def _silent(message: str) -> None:
    """Say nothing."""


def make_backend(workload: Workload, note: Callable[[str], None] = _silent) -> Backend:
    """Make the backend that the workload file asks for; *note* hears of what takes long.

    Raises:
        InputError: If the file asks for what this version can't do, or its machine profile is wrong.
        BackendUnavailableError: If there is no folder to keep files in.
    """
    workload.check_available()
    if workload.backend in ("host", "vm"):
        return make_recorder(workload, note)
    from autotune.backends.simulator.compiled.compiled import waiting
    from autotune.backends.simulator.simulator import Simulator

    if (wait := waiting()) is not None:
        note(wait)
    return Simulator(load_machine(workload.machine))


def make_recorder(workload: Workload, note: Callable[[str], None] = _silent) -> Records:
    """Make a backend that runs real programs: the host if the workload says so, else the micro-VM.

    Raises:
        BackendUnavailableError: If there is no folder to keep files in.
    """
    if workload.backend == "host":
        from autotune.backends.host import Host

        return Host(settings=workload.host)
    from autotune.backends.vm.vm import Vm

    return Vm(workload.vm, cache_folder(), note)

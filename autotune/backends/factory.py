"""Backends, made from their settings."""

from __future__ import annotations

from collections.abc import Callable

from autotune.backends.base import Backend, RecordingBackend
from autotune.backends.settings import BackendSettings
from autotune.backends.simulator.profile_files import load_machine
from autotune.cache import cache_folder
from autotune.damon.recording import Recording
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program


def _silent(message: str) -> None:
    """Say nothing."""


def make_backend(
    settings: BackendSettings,
    note: Callable[[str], None] = _silent,
    workload: Pattern | Program | Recording | None = None,
) -> Backend:
    """Make the backend that a workload file asks for.

    Args:
        settings: The settings of the backend.
        note: Called with a message before something that takes long.
        workload: The workload that will run first, if it is known. It decides what *note* hears.

    Raises:
        InputError: If the machine profile is wrong.
        BackendUnavailableError: If there is no folder to keep files in.
    """
    if settings.name in ("host", "vm"):
        return make_recording_backend(settings, note)
    from autotune.backends.simulator.compiled.compiled import waiting
    from autotune.backends.simulator.simulator import Simulator

    recorded = isinstance(workload, Recording)
    if (wait := waiting("recording" if recorded else "pattern")) is not None:
        note(wait)
    return Simulator(load_machine(settings.machine))


def make_recording_backend(
    settings: BackendSettings, note: Callable[[str], None] = _silent
) -> RecordingBackend:
    """Make a backend that runs real programs: this host if *settings* name it, else the micro-VM.

    Raises:
        BackendUnavailableError: If there is no folder to keep files in.
    """
    if settings.name == "host":
        from autotune.backends.host import Host

        return Host(settings=settings.host)
    from autotune.backends.vm.vm import Vm

    return Vm(settings.vm, cache_folder(), note)

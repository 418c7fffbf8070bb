"""Backends, made from their settings."""

from __future__ import annotations

from collections.abc import Callable

from autotune.backends.base import Backend, RecordingBackend
from autotune.backends.settings import BackendSettings
from autotune.backends.simulator.profiles import load_machine
from autotune.cache import cache_folder


def _silent(message: str) -> None:
    """Say nothing."""


def make_backend(settings: BackendSettings, note: Callable[[str], None] = _silent) -> Backend:
    """Make the backend that a workload file asks for; *note* hears of what takes long.

    Raises:
        InputError: If the machine profile is wrong.
        BackendUnavailableError: If there is no folder to keep files in.
    """
    if settings.name in ("host", "vm"):
        return make_recording_backend(settings, note)
    from autotune.backends.simulator.compiled.compiled import waiting
    from autotune.backends.simulator.simulator import Simulator

    if (wait := waiting()) is not None:
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

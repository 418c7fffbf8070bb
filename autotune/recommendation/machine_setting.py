"""Where a user sets what a machine is like: each backend reads it from another place."""

from __future__ import annotations

SIMULATED = "in the machine profile that 'machine' names"
"""Where the simulator's settings are."""


def machine_setting(backend: str | None, key: str) -> str:
    """Name a setting of the machine as a user of a backend finds it.

    Args:
        backend: The backend's name; None if it isn't known.
        key: The setting, by the name that all backends have for it: ``huge_pages`` or ``swap``.

    >>> machine_setting("vm", "swap"), machine_setting("simulator", "huge_pages")
    ('vm.swap', "huge_pages in the machine profile that 'machine' names")
    """
    if backend in ("vm", "host"):
        return f"{backend}.{key}"
    return f"{key} {SIMULATED}" if backend == "simulator" else key

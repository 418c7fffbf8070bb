"""The checks of the room for micro-VMs: memory for some, and disk space for saved ones."""

from __future__ import annotations

import os
import shutil
from typing import Final

from autotune.cache import cache_folder
from autotune.doctor.answer import Answer
from autotune.doctor.finding import State
from autotune.doctor.sizes import gib
from autotune.doctor.surroundings import Surroundings
from autotune.runner.system_memory import SystemMemory

SMALLEST_VM_BYTES: Final = 648 << 20
"""What a micro-VM for the smallest pattern takes, emulator included."""

VM_BYTES: Final = 1280 << 20
"""What one for a program takes by default, emulator included."""

_DISK_BYTES: Final = 2 << 30
"""Room for the saved machines of a dozen workloads, and their images."""


def vm_memory(here: Surroundings) -> Answer:
    """See for how many micro-VMs there is memory."""
    available_bytes = SystemMemory(here.places.procfs, here.places.sysfs).available_bytes()
    found = f"{gib(available_bytes)} available"
    if available_bytes < SMALLEST_VM_BYTES:
        return Answer(State.MISSING, f"{found}: too little for any", "end other programs")
    if available_bytes < VM_BYTES:
        return Answer(
            State.WARNING,
            f"{found}: enough for small patterns only",
            "end other programs, or set vm: {memory: ...} in the workload file",
        )
    count = available_bytes // VM_BYTES
    return Answer(
        State.OK, f"{found}: enough for {count} machine{'s' if count > 1 else ''} at once"
    )


def disk(here: Surroundings) -> Answer:
    """See whether saved machines and images can be kept."""
    folder = cache_folder(here.environment)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return Answer(
            State.MISSING,
            f"{existing} can't be written",
            "make it writable, or set XDG_CACHE_HOME to a folder that is",
        )
    free_bytes = shutil.disk_usage(existing).free
    found = f"{gib(free_bytes)} free for {folder}"
    if free_bytes < _DISK_BYTES:
        return Answer(
            State.WARNING,
            found,
            "free some space, remove what that folder holds, or set XDG_CACHE_HOME to another",
        )
    return Answer(State.OK, found)

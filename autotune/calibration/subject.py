"""What is calibrated: a machine with its backend, and what is known of it without a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autotune.backends.base import Backend
from autotune.backends.settings import HostSettings, HugePages, VmSettings
from autotune.cache import cache_folder
from autotune.driver.sysfs_file import SysfsError, chosen_word, read_value
from autotune.errors import InputError
from autotune.runner.system_memory import SystemMemory

_MIB = 1 << 20
_VM_BYTES = 512 * _MIB
_VM_JIFFY_US = 4_000
"""Debian's kernels have CONFIG_HZ=250."""

_SWAP_BYTES = 512 * _MIB
"""Of the device that is made on this machine for the measurement; the largest run swaps out less."""

_COARSE_CLOCK: Final = 6
"""CLOCK_MONOTONIC_COARSE, whose resolution is the kernel's tick. Source: clock_getres(2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A machine that is calibrated.

    Attributes:
        name: Of its profile.
        summary: What it is, in a line.
        backend: Runs workloads there, in pages of 4 KiB.
        huge_backend: The same with huge pages always; None if the machine has none.
        cpus: How many.
        memory_bytes: All of it.
        swap_bytes: Room in its swap.
        huge_pages: The mode that it usually is in.
        jiffy_us: The kernel's tick.
        data_folder: Where a data file is kept from one calibration to the next; None makes a folder
            for each.
    """

    name: str
    summary: str
    backend: Backend
    huge_backend: Backend | None
    cpus: int
    memory_bytes: int
    swap_bytes: int
    huge_pages: HugePages
    jiffy_us: int
    data_folder: Path | None = None


def find_subject(backend: str, note: Callable[[str], None]) -> Subject:
    """Give the machine that a backend's name stands for; *note* hears of what takes long.

    Raises:
        InputError: If none can be calibrated by that name.
        BackendUnavailableError: If there is no folder to keep files in.
    """
    if backend == "vm":
        return micro_vm(cache_folder(), note)
    if backend == "host":
        return this_machine()
    raise InputError(f"--backend {backend}: can't be calibrated: give vm or host")


def micro_vm(cache: Path, note: Callable[[str], None]) -> Subject:
    """Give the micro-VM as it is by default, with 512 MiB.

    Args:
        cache: This program's folder for what can be made again.
        note: Hears of what takes long.
    """
    from autotune.backends.vm.vm import Vm

    usual = VmSettings(memory_bytes=_VM_BYTES, swap_bytes=_VM_BYTES)
    huge = VmSettings(memory_bytes=_VM_BYTES, swap_bytes=_VM_BYTES, huge_pages="always")
    return Subject(
        name="micro-vm",
        summary=f"One emulated CPU at {usual.mips} million instructions a second, swap in zram: what "
        "the micro-VM is by default.",
        backend=Vm(usual, cache, note),
        huge_backend=Vm(huge, cache, note),
        cpus=usual.cpus,
        memory_bytes=_VM_BYTES,
        swap_bytes=_VM_BYTES,
        huge_pages=usual.huge_pages,
        jiffy_us=_VM_JIFFY_US,
        # The same file each time, so that its machine is booted once.
        data_folder=cache / "calibration",
    )


def this_machine(procfs: Path = Path("/proc"), sysfs: Path = Path("/sys")) -> Subject:
    """Give this machine; while it measures it has swap in zram."""
    from autotune.backends.host import Host, Places

    memory = SystemMemory(procfs, sysfs)
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    places = Places(sysfs=sysfs, procfs=procfs)
    mode = _huge_pages(sysfs)
    usual = HostSettings(swap_bytes=_SWAP_BYTES, huge_pages="never")
    huge = HostSettings(swap_bytes=_SWAP_BYTES, huge_pages="always")
    return Subject(
        name="this-machine",
        summary="This machine, with swap in zram.",
        backend=Host(settings=usual, places=places),
        huge_backend=None if mode is None else Host(settings=huge, places=places),
        cpus=os.cpu_count() or 1,
        memory_bytes=memory_bytes,
        swap_bytes=memory.swap_total_bytes() or memory_bytes,
        huge_pages=mode or "never",
        jiffy_us=round(time.clock_getres(_COARSE_CLOCK) * 1e6),
    )


def _huge_pages(sysfs: Path) -> HugePages | None:
    """Read the mode that the machine is in; None if it has no huge pages."""
    try:
        word = chosen_word(read_value(sysfs / "kernel/mm/transparent_hugepage/enabled"))
    except SysfsError:
        return None
    for mode in ("never", "madvise", "always"):
        if word == mode:
            return mode
    return None

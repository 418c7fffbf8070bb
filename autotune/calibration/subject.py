"""What is calibrated: a machine with its backend, and the facts that are known without a run."""

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
"""Size of the zram device that is made on this machine to measure; the largest run swaps out less."""

_COARSE_CLOCK: Final = 6
"""CLOCK_MONOTONIC_COARSE, whose resolution is the kernel's tick. Source: clock_getres(2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A machine that is calibrated.

    Attributes:
        name: Name of its profile.
        summary: What the machine is, in a line.
        backend: Runs workloads on the machine, in pages of 4 KiB.
        huge_backend: Runs workloads on the machine, always in huge pages; None if it has no huge pages.
        cpus: Number of CPUs.
        memory_bytes: All memory of the machine.
        swap_bytes: Room in its swap.
        huge_pages: The mode of huge pages that the machine usually has.
        jiffy_us: The kernel's tick.
        data_folder: Where data files are kept from one calibration to the next; None makes a new folder
            for each calibration.
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
    """Give the machine that a backend's name stands for; *note* is told of steps that take long.

    Raises:
        InputError: If no machine can be calibrated by that name.
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
        note: Called with a message before something that takes long.
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
        # Each calibration uses these files, so that the machine with a file is booted only once.
        data_folder=cache / "calibration",
    )


def this_machine(procfs: Path = Path("/proc"), sysfs: Path = Path("/sys")) -> Subject:
    """Give this machine; it has swap in zram while it measures."""
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
    """Read the machine's mode of huge pages; None if it has no huge pages."""
    try:
        word = chosen_word(read_value(sysfs / "kernel/mm/transparent_hugepage/enabled"))
    except SysfsError:
        return None
    for mode in ("never", "madvise", "always"):
        if word == mode:
            return mode
    return None

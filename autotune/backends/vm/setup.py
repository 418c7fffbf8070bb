"""The setting up of the micro-VM: a kernel, the compiled programs, and whether QEMU is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import KernelFiles, find_kernel, kernel_at
from autotune.backends.vm.kernel_package import fetch_kernel, keep_kernel
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.cache import cache_folder
from autotune.errors import AutotuneError, BackendUnavailableError, InputError
from autotune.native.building import build

_NATIVE: Final = ("player", "ports", "frozen_clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSetup:
    """What came of setting the micro-VM up.

    Attributes:
        kernel: The kernel that is used from now on; None if none could be had.
        failures: What is still missing, a message each.
    """

    kernel: KernelFiles | None
    failures: tuple[str, ...]


def set_up_vm(
    *,
    kernel: Path | None = None,
    modules: Path | None = None,
    refresh: bool = False,
    note: Callable[[str], None],
) -> VmSetup:
    """Get what a micro-VM is made of. What can be done is done even where something is missing.

    Args:
        kernel: An image to keep; None takes the kept one, or else the distribution's.
        modules: Folder of that kernel's modules; None takes those that are installed for it.
        refresh: Fetch the distribution's kernel even if one is kept.
        note: Hears what is done.

    Raises:
        InputError: If the given files are no kernel with modules; nothing is kept then.
        BackendUnavailableError: If the given kernel lacks DAMON or zram; nothing is kept then.
        RunError: If the given kernel can't be kept.
    """
    if modules is not None and kernel is None:
        raise InputError("--modules is given without --kernel: name the kernel they belong to")
    if refresh and kernel is not None:
        raise InputError("--refresh fetches a kernel, and --kernel names one: give one of them")
    cache = cache_folder()
    failures: list[str] = []
    used: KernelFiles | None = None
    if kernel is not None:
        used = keep_kernel(kernel_at(kernel, modules), cache)
    else:
        try:
            used = _kept_or_fetched(cache, refresh, note)
        except AutotuneError as error:  # of whichever class: the user has given no file
            failures.append(str(error))
    if used is not None:
        note(f"kernel {used.version} is kept in {used.image.parent}")
        if used.config is None:
            note("it has no configuration beside it: what it lacks shows when it boots")
    for step in (_compile, _look_for_qemu):
        try:
            note(step())
        except BackendUnavailableError as error:
            failures.append(str(error))
    return VmSetup(kernel=used, failures=tuple(failures))


def _kept_or_fetched(cache: Path, refresh: bool, note: Callable[[str], None]) -> KernelFiles:
    if not refresh:
        try:
            return find_kernel(VmSettings(), cache)
        except AutotuneError:
            pass  # none yet, or one that has lost files
    return fetch_kernel(cache, note)


def _compile() -> str:
    made = [build(name) for name in _NATIVE]
    return f"compiled programs are kept in {made[0].parent.parent}"


def _look_for_qemu() -> str:
    return f"QEMU {check_version(ask_version())}"

"""Sets the micro-VM up: gets a kernel, compiles the C programs, and looks for QEMU."""

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

_NATIVE: Final = ("player", "ports", "opens", "frozen_clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSetup:
    """The result of setting the micro-VM up.

    Attributes:
        kernel: The kernel that is used from now on; None if there is no kernel.
        failures: A message for each thing that is still missing.
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
    """Get what a micro-VM is made of. If one part fails, all other parts are still set up.

    Args:
        kernel: An image to keep. None takes the kept kernel, or, without one, the distribution's kernel.
        modules: Folder of that kernel's modules; None takes the modules that are installed for it.
        refresh: Whether to fetch the distribution's kernel even if a kernel is kept.
        note: Called with a text for each step.

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
        except AutotuneError as error:  # also InputError: here it is not the user's fault
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
            pass  # no kernel is kept yet, or it has lost files
    return fetch_kernel(cache, note)


def _compile() -> str:
    made = [build(name) for name in _NATIVE]
    return f"compiled programs are kept in {made[0].parent.parent}"


def _look_for_qemu() -> str:
    return f"QEMU {check_version(ask_version())}"

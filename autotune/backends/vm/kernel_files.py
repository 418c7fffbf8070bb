"""Finds the kernel that a micro-VM boots, checks what it can do, and finds its modules."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_modules import REQUIRED, built_in_modules, find_modules
from autotune.errors import BackendUnavailableError, InputError, Where

KERNELS_FOLDER = "kernels"
CURRENT_FILE = "current"
"""A file in the folder of kept kernels: it has the name of the kernel that is used."""

IMAGE_FILE, CONFIG_FILE, MODULES_FOLDER = "vmlinuz", "config", "modules"
"""The names of a kept kernel's files."""

_SYSTEM_MODULES = Path("/lib/modules")

_BUILT_IN_OPTIONS = (
    "BLK_DEV_INITRD",
    "DAMON",
    "DAMON_PADDR",
    "DAMON_SYSFS",
    "DAMON_VADDR",
    "SERIAL_8250_CONSOLE",
    "SWAP",
)
"""Options that must be =y, to drive DAMON and to boot a guest."""

# Source: Documentation/arch/x86/boot.rst.
_BOOT_FLAG = (0x1FE, b"\x55\xaa")
_MAGIC = (0x202, b"HdrS")
_VERSION_POINTER = 0x20E
_SETUP_BASE = 0x200
_LOAD_FLAGS = 0x236
_KERNEL_64 = 1
_VERSION_MAX_BYTES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFiles:
    """A kernel and what a guest needs of its modules.

    Attributes:
        image: A bzImage.
        modules: Files of modules, in the order in which to load them. They may be compressed.
        config: The kernel's configuration, a file; None if it is unknown.
        version: The kernel's version, as `uname -r` prints it.
    """

    image: Path
    modules: tuple[Path, ...]
    config: Path | None
    version: str


def find_kernel(settings: VmSettings, cache: Path) -> KernelFiles:
    """Find the kernel that the user names, or, if the user names no kernel, the kernel that was set up.

    Args:
        settings: `kernel` and `modules` are used. Without `modules`, the modules that are installed for
            the kernel are taken.
        cache: This program's folder for files that can be made again.

    Raises:
        InputError: If the named file is no kernel for a micro-VM, or its modules are missing.
        BackendUnavailableError: If there is no kernel, or the kernel lacks DAMON or zram.
    """
    if settings.kernel is not None:
        return kernel_at(settings.kernel, settings.modules)
    if settings.modules is not None:
        raise InputError("vm.modules is given without vm.kernel: name the kernel they belong to")
    kernels = cache / KERNELS_FOLDER
    try:
        kept = kernels / (kernels / CURRENT_FILE).read_text().strip()
    except OSError as error:
        raise BackendUnavailableError(
            "no kernel for the micro-VM: run autotune vm setup"
        ) from error
    if not (kept / IMAGE_FILE).is_file():
        raise BackendUnavailableError(f"{kept}: the kernel is gone: run autotune vm setup")
    return kernel_at(kept / IMAGE_FILE, kept / MODULES_FOLDER)


def kernel_at(image: Path, modules: Path | None = None) -> KernelFiles:
    """Give a kernel's version, configuration and modules, and check that it has what is needed.

    The configuration is looked for beside the image, as `config-VERSION` or `config`. If there is no
    configuration, a missing option only shows when the guest boots.

    Args:
        image: A bzImage.
        modules: Folder of modules. Without it, the modules that are installed for the kernel are taken.

    Raises:
        InputError: If the file is no kernel for a micro-VM, or its modules are missing.
        BackendUnavailableError: If the kernel lacks DAMON or zram.
    """
    version = kernel_version(image)
    beside = (image.parent / f"config-{version}", image.parent / CONFIG_FILE)
    config = next((path for path in beside if path.is_file()), None)
    folder = modules or _SYSTEM_MODULES / version
    if modules is not None and not modules.is_dir():
        raise InputError("is no folder of kernel modules: name another", Where(modules))
    options = None if config is None else _read_options(config)
    if options is not None:
        check_options(options, image)
        built_in = frozenset(name for name, option in REQUIRED.items() if options[option] == "y")
    else:
        built_in = built_in_modules(folder)
    return KernelFiles(
        image=image,
        modules=find_modules(folder, version, built_in),
        config=config,
        version=version,
    )


def kernel_version(image: Path) -> str:
    """Read a kernel's version from its image.

    Raises:
        InputError: If the image can't be read, or is no image of a 64-bit Linux for x86.
    """
    try:
        with image.open("rb") as stream:
            head = stream.read(0x10000)  # the set-up part has the version, and is not longer
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}: name another", Where(image)) from error
    for offset, expected in (_BOOT_FLAG, _MAGIC):
        if head[offset : offset + len(expected)] != expected:
            raise InputError("is no Linux kernel image: name a bzImage", Where(image))
    (pointer,) = struct.unpack_from("<H", head, _VERSION_POINTER)
    start = pointer + _SETUP_BASE
    words = head[start : start + _VERSION_MAX_BYTES].partition(b"\0")[0].split()
    if not pointer or not words:
        raise InputError("doesn't say its version: it is damaged, name another", Where(image))
    if not head[_LOAD_FLAGS] & _KERNEL_64:
        raise InputError("is a 32-bit kernel: name an x86-64 one", Where(image))
    return words[0].decode(errors="replace")


def check_options(options: dict[str, str], image: Path) -> None:
    """Check that a kernel was configured with the options that the micro-VM needs.

    Args:
        options: "y" or "m" for each option, by name without `CONFIG_`.
        image: The kernel's image, for the message.

    Raises:
        BackendUnavailableError: If an option is missing; the message names it.
    """
    missing = [f"{name}=y" for name in _BUILT_IN_OPTIONS if options.get(name) != "y"]
    missing += [f"{name}=m" for name in REQUIRED.values() if options.get(name) not in {"y", "m"}]
    if missing:
        needed = ", ".join(f"CONFIG_{name}" for name in missing)
        raise BackendUnavailableError(
            f"{image}: the kernel was built without {needed}: use another, or run autotune vm setup"
        )


def _read_options(config: Path) -> dict[str, str]:
    try:
        text = config.read_text(errors="replace")
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", Where(config)) from error
    return dict(re.findall(r"^CONFIG_(\w+)=([ym])$", text, re.MULTILINE))

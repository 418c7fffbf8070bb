"""The checks of what a micro-VM needs: processor, QEMU, KVM, compiler, kernel, memory and disk space."""

from __future__ import annotations

import os
import shlex
import stat
from typing import Final

from autotune.backends.settings import VmSettings
from autotune.backends.vm.command_line import PROGRAM
from autotune.backends.vm.kernel_files import find_kernel
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.cache import cache_folder
from autotune.doctor.finding import Answer, State, what_and_remedy
from autotune.doctor.surroundings import Surroundings
from autotune.errors import AutotuneError, BackendUnavailableError
from autotune.native.compiler import GET_COMPILER, find_compiler
from autotune.runner.system_memory import SystemMemory
from autotune.units import gib


def processor(here: Surroundings) -> Answer:
    """See whether the guest can run this machine's programs."""
    if here.processor != "x86_64":
        return Answer(
            State.MISSING,
            here.processor,
            "use the vm backend on an x86-64 machine: its guest runs this machine's programs",
        )
    return Answer(State.OK, here.processor)


def qemu(here: Surroundings) -> Answer:
    """See whether there is a QEMU that is new enough."""
    try:
        return Answer(State.OK, check_version(ask_version(here.environment)))
    except BackendUnavailableError as error:
        found, fix = what_and_remedy(str(error).removeprefix(f"{PROGRAM}: "))
        return Answer(State.MISSING, found, fix)


def kvm(here: Surroundings) -> Answer:
    """See whether this user may use KVM."""
    file = here.places.dev / "kvm"
    try:
        # Opening the device would already use it.
        status = file.stat()
    except FileNotFoundError:
        return Answer(
            State.MISSING,
            f"no {file}",
            "only mode: realtime of the vm backend needs it: turn virtualisation on in the firmware, "
            "or nested virtualisation around this machine",
        )
    if not _may_use(status, here):
        return Answer(
            State.MISSING,
            f"{file} is not for this user",
            "only mode: realtime of the vm backend needs it: sudo usermod -aG kvm $USER, and log in "
            "again",
        )
    return Answer(State.OK, "usable for realtime mode")


def _may_use(status: os.stat_result, here: Surroundings) -> bool:
    """Whether the permission bits let this user read and write."""
    if here.euid == 0:
        return True
    if status.st_uid == here.euid:
        needed = stat.S_IRUSR | stat.S_IWUSR
    elif status.st_gid in here.groups:
        needed = stat.S_IRGRP | stat.S_IWGRP
    else:
        needed = stat.S_IROTH | stat.S_IWOTH
    return status.st_mode & needed == needed


def compiler(here: Surroundings) -> Answer:
    """See whether there is a C compiler that answers."""
    try:
        found = find_compiler(here.environment)
    except BackendUnavailableError as error:
        return Answer(State.MISSING, *what_and_remedy(str(error)))
    if found is None:
        return Answer(State.MISSING, "not found", GET_COMPILER)
    first_line = found.version.strip().partition("\n")[0].strip()
    return Answer(State.OK, first_line or shlex.join(found.command))


def vm_kernel(here: Surroundings) -> Answer:
    """See whether a usable kernel is kept."""
    try:
        kernel = find_kernel(VmSettings(), cache_folder(here.environment))
    except AutotuneError as error:
        return Answer(State.MISSING, what_and_remedy(str(error))[0], "run autotune vm setup")
    if kernel.config is None:
        return Answer(
            State.WARNING,
            f"{kernel.version}, of unknown configuration",
            "if it does not boot or has no DAMON, run autotune vm setup --refresh",
        )
    return Answer(State.OK, f"{kernel.version}, configured with DAMON and zram")


SMALLEST_VM_BYTES: Final = 648 << 20
"""Memory of a micro-VM for the smallest pattern, emulator included."""

VM_BYTES: Final = 1280 << 20
"""Memory of a micro-VM for a program by default, emulator included."""

_DISK_BYTES: Final = 2 << 30
"""Room for the saved machines of a dozen workloads, and their images."""


def vm_memory(here: Surroundings) -> Answer:
    """See how many micro-VMs fit into memory."""
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
    free_bytes = here.free_bytes(existing)
    found = f"{gib(free_bytes)} free for {folder}"
    if free_bytes < _DISK_BYTES:
        return Answer(
            State.WARNING,
            found,
            "free some space, remove what that folder holds, or set XDG_CACHE_HOME to another",
        )
    return Answer(State.OK, found)

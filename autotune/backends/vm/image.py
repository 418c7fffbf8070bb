"""The archive from which a micro-VM boots: a Python with the runner, the C programs, the workload.

Equal parts give equal bytes. The archive is kept under the hash of its content.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from autotune.backends.vm import cpio
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.file_entries import entries_at
from autotune.backends.vm.files import ProgramFiles, files_for
from autotune.backends.vm.kernel_files import KernelFiles
from autotune.backends.vm.kernel_modules import read_module
from autotune.backends.vm.plan import (
    MODULES_FOLDER,
    OPENS_FILE,
    PLAN_FILE,
    PLAYER_FILE,
    PORTS_FILE,
    Plan,
)
from autotune.backends.vm.python_files import GuestPython
from autotune.backends.vm.skeleton import SKELETON
from autotune.backends.vm.states import make_room
from autotune.errors import InputError
from autotune.experiment import plain_json
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.native.building import build
from autotune.units import format_size, megabytes

GUEST_MODULE = "autotune.backends.vm.guest"

_PAGE_BYTES = 4096
_COPIES = 3
"""The archive, and its files, which may take half of the rest. Source: ramfs-rootfs-initramfs.rst and
``shmem_default_max_blocks``, mm/shmem.c of Linux 6.12."""
_KERNEL_BYTES = 32 << 20
_STEP_BYTES = 64 << 20
_MOST_NAMED = 3
_MOST_BYTES = 1 << 30
"""Size of all images together. Each change of a workload or of this program makes one more image."""


def workload_files(workload: Pattern | Program) -> ProgramFiles:
    """Give the files that a workload needs.

    Raises:
        InputError: If a file is missing or can't be read.
    """
    if isinstance(workload, Program):
        return files_for(workload, [Path(file) for file in workload.files])
    data = [Path(region.data_file) for region in workload.regions if region.data_file]
    entries = {entry.path: entry for path in data for entry in entries_at(path)}
    return ProgramFiles(entries=tuple(entries.values()), search_path="")


def image_entries(
    python: GuestPython, kernel: KernelFiles, plan: Plan, workload: ProgramFiles
) -> tuple[Entry, ...]:
    """Give all entries of a workload's image.

    Raises:
        InputError: If a file of the workload can't be read.
        BackendUnavailableError: If the small programs can't be compiled.
    """
    entries = [
        *SKELETON,
        *python.entries,
        *(
            cpio.file(f"{MODULES_FOLDER}/{name}", read_module(module))
            for name, module in zip(plan.modules, kernel.modules, strict=True)
        ),
        cpio.file(PLAYER_FILE, build("player"), 0o755),
        cpio.file(PORTS_FILE, build("ports"), 0o755),
        cpio.file(PLAN_FILE, plain_json.dumps(plan).encode()),
        *workload.entries,
    ]
    if plan.traced:
        entries.append(cpio.file(OPENS_FILE, build("opens"), 0o755))
    unique = {entry.path: entry for entry in entries}
    return tuple(unique[path] for path in sorted(unique))


def check_room(entries: tuple[Entry, ...], memory_bytes: int) -> None:
    """Check that a machine has the memory for its files.

    The boot loader puts the archive into memory, and the kernel unpacks it into a file system that may
    take half of the memory that is left.

    Raises:
        InputError: If the files take too much.
    """
    sizes = {entry.path: _content_bytes(entry) for entry in entries}
    total = sum(-(-size // _PAGE_BYTES) * _PAGE_BYTES for size in sizes.values())
    needed = _COPIES * total + _KERNEL_BYTES
    if needed > memory_bytes:
        largest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:_MOST_NAMED]
        named = ", ".join(f"{path} ({megabytes(sizes[path])})" for path in largest)
        raise InputError(
            f"vm.memory: a micro-VM of {format_size(memory_bytes)} has no room for the workload: files "
            f"of {megabytes(total)} lie in its memory, the largest {named}: set vm.memory to "
            f"{format_size(-(-needed // _STEP_BYTES) * _STEP_BYTES)} or more, or list fewer files"
        )


def _content_bytes(entry: Entry) -> int:
    if isinstance(entry.content, bytes):
        return len(entry.content)
    return entry.content.stat().st_size


def keep_image(
    entries: tuple[Entry, ...], folder: Path, most_bytes: int = _MOST_BYTES
) -> tuple[Path, str]:
    """Write the archive into *folder*; give its path and the hash of its content.

    Args:
        entries: The entries of the archive.
        folder: The folder of all images. It is made if it is missing.
        most_bytes: Size that the images there may have together. The oldest images are removed first.

    Raises:
        InputError: If a file can't be read.
        OSError: If the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            cpio.write_archive(entries, file)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        path = folder / f"{digest}.cpio"
        temporary.replace(path)
        make_room(folder.glob("*.cpio"), most_bytes, keep=path)
    finally:
        temporary.unlink(missing_ok=True)
    return path, digest

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
from autotune.experiment import plain_json
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.native.building import build

GUEST_MODULE = "autotune.backends.vm.guest"

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

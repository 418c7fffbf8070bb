"""What a machine could leave behind in this process and its folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from autotune.runner.procfs import Procfs

_EMULATOR = "qemu-system-x86"
"""Its name as the kernel keeps it: cut to 15 letters."""


def emulators() -> list[int]:
    """The emulators that this process has started and not seen end."""
    procfs = Procfs()
    return [pid for pid in procfs.children(os.getpid()) if procfs.name(pid) == _EMULATOR]


def cpu_s(pid: int) -> float:
    """CPU time of a process, in seconds; it tells how far an emulator has come."""
    return Procfs().usage((pid,)).cpu_s


def traces(*folders: Path) -> set[str]:
    """Children, open sockets and files without a name; and what lies unfinished in the folders."""
    return {
        *(f"process {pid}" for pid in Procfs().children(os.getpid())),
        *(f"open {target}" for target in _open_files()),
        *(str(path) for folder in folders for path in _unfinished(folder)),
    }


def _open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:  # the one that reads this folder
            continue
        if target.startswith(("socket:", "/memfd:", "anon_inode:[pidfd]")):
            yield target


def _unfinished(folder: Path) -> Iterator[Path]:
    """Files that are not kept by their content's name: those of a cache are."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in {".state", ".cpio", ".lock"}:
            yield path

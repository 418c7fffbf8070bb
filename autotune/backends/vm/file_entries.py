"""Makes the entries of this machine's files for an archive. Their paths stay."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from autotune.backends.vm import cpio
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.plan import USER_ID
from autotune.errors import InputError, Where

_MAX_LINKS = 40
"""Source: path_resolution(7)."""


def entries_at(path: Path) -> list[Entry]:
    """Make the entries of a file or folder of this machine, and of the links on the way to it.

    A folder's content is left out. All entries belong to the guest's user: so the guest's user may read
    there what the invoking user may read here.

    Args:
        path: An absolute path.

    Raises:
        InputError: If there is no file or folder at *path*.
    """
    entries, there = [], Path("/")
    waiting = list(path.parts[1:])
    try:
        while waiting:
            name = waiting.pop(0)
            if name == "..":
                there = there.parent
                continue
            here = there / name
            status = here.lstat()
            if stat.S_ISLNK(status.st_mode):
                target = str(here.readlink())
                entries.append(cpio.link(str(here), target))
                if len(entries) > _MAX_LINKS + len(path.parts):
                    raise InputError("is a link to itself: mend it", Where(path))
                parts = Path(target).parts
                if Path(target).is_absolute():
                    there, parts = Path("/"), parts[1:]
                waiting[:0] = parts
                continue
            there = here
            entries.append(_entry(here, status.st_mode))
    except OSError as error:
        raise InputError(
            f"can't be put into a micro-VM's image: {error.strerror}", Where(path)
        ) from error
    return list({entry.path: replace(entry, owner=USER_ID) for entry in entries}.values())


def _entry(path: Path, mode: int) -> Entry:
    permissions = stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID)
    if stat.S_ISDIR(mode):
        return cpio.folder(str(path), permissions)
    if stat.S_ISREG(mode):
        return cpio.file(str(path), path, permissions)
    raise InputError("is neither a file nor a folder: leave it out", Where(path))


def inside(folder: Path, left_out: Collection[str] = ()) -> Iterator[Path]:
    """Give files, folders and links in *folder* at every depth.

    Args:
        folder: The folder, or a link to it.
        left_out: Names of what is left out at every depth; such folders are not looked into.

    Raises:
        InputError: If a folder can't be read.
    """

    def fail(error: OSError) -> None:
        raise InputError(
            f"can't be read: {error.strerror}: see that you may read it",
            Where(error.filename or folder),
        ) from error

    for above, folders, files in os.walk(folder.resolve(), onerror=fail):
        folders[:] = sorted(set(folders).difference(left_out))
        for name in sorted((*folders, *set(files).difference(left_out))):
            path = Path(above, name)
            if path.is_symlink() or path.is_dir() or path.is_file():
                yield path


def size_bytes(folder: Path) -> int:
    """Give the size of all files in *folder*, at every depth; of a file, its own size."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.stat().st_size for path in inside(folder) if path.is_file())

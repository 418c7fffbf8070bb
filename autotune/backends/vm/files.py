"""Finds the files of this machine that a program needs in an empty root. Their paths stay.

This module finds the program's loader, its shared libraries, and, for a script, its interpreter. What a
program opens by itself can't be known: libraries opened with `dlopen`, modules of Python or Perl, data.
A user lists these as `workload.files`, which are files or whole folders. This module also finds the
libraries that the listed files need.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autotune.backends.vm import cpio, elf
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.plan import USER_ID
from autotune.errors import InputError, Where
from autotune.experiment.program import Program

SHELL = "/bin/sh"
_USUAL_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_LOADER = Path("/lib64/ld-linux-x86-64.so.2")
"""The platform's loader, for a library, which names no loader. Source: the x86-64 psABI."""

_LOADER_CACHE = Path("/etc/ld.so.cache")
_OPENED_BY_LIBC = ("libgcc_s.so.1", "libnss_files.so.2")
"""Libraries that glibc opens by itself: to end a thread, and, before version 2.34, to look up a user."""

_SCRIPT_LINE_BYTES = 256
"""How many bytes of a script's first line Linux reads. Source: BINPRM_BUF_SIZE."""

_MAX_LINKS = 40
"""Source: path_resolution(7)."""

SKELETON: tuple[Entry, ...] = (
    *(cpio.folder(path) for path in ("/dev", "/proc", "/run", "/sys")),
    *(cpio.folder(path, 0o1777) for path in ("/tmp", "/var/tmp")),  # noqa: S108  # the guest's
    cpio.folder("/root", 0o700),
    cpio.character_device("/dev/console", 5, 1),
    cpio.character_device("/dev/null", 1, 3, 0o666),
    cpio.file(
        "/etc/passwd",
        f"root:x:0:0:root:/root:/bin/sh\nuser:x:{USER_ID}:{USER_ID}:user:/tmp:/bin/sh\n".encode(),
    ),
    cpio.file("/etc/group", f"root:x:0:\nuser:x:{USER_ID}:\n".encode()),
    cpio.file("/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n"),
    cpio.file("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files\n"),
)
"""What every root has: mount points, and the users and names that programs look up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFiles:
    """The files of a program, of its client and of its other commands.

    Attributes:
        entries: The entries for an archive, one for each path.
        search_path: The value of PATH with which the programs are found by name.
    """

    entries: tuple[Entry, ...]
    search_path: str


def find_program(name: str, folder: str = "/") -> Path:
    """Find a program as the shell would: on PATH, or, if its name has a slash, relative to *folder*.

    Returns:
        An absolute path. Links in it are kept.

    Raises:
        InputError: If there is no such program, or it may not be run.
    """
    place = str(Path(folder, name)) if "/" in name else name
    found = shutil.which(place)
    if found is None:
        if "/" in name and Path(place).is_file():
            raise InputError(f"no program '{name}': it may not be run: make it executable")
        raise InputError(f"no program '{name}': install it, or give its path")
    return Path(found).absolute()  # PATH may have a relative folder


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


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_SCRIPT_LINE_BYTES)
    except OSError as error:
        raise InputError(
            f"can't be read: {error.strerror}: see that you may read it", Where(path)
        ) from error


class _Collection:
    """A growing collection of entries."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.programs: set[Path] = set()

    def add(self, path: Path) -> None:
        self.entries |= {entry.path: entry for entry in entries_at(path)}

    def add_program(self, path: Path) -> None:
        """Add a program, and the files that it needs."""
        if path in self.programs:
            return
        self.programs.add(path)
        self.add(path)
        start = _start(path)
        if elf.is_elf(start):
            self.add_libraries(path, elf.read_elf(path).loader)
        elif start.startswith(b"#!"):
            for program in _interpreters(path, start):
                self.add_program(program)
        else:
            raise InputError(
                "is no program: it is neither compiled nor begins with #!", Where(path)
            )

    def add_libraries(self, path: Path, loader: Path | None) -> None:
        """Add the shared libraries of a program or a library; none if there is no loader."""
        if loader is None:
            return
        needed = elf.libraries(path, loader)
        for library in needed.files:
            self.add(library)
            if library.name == "libc.so.6":
                for name in _OPENED_BY_LIBC:
                    if (opened := library.with_name(name)).exists():
                        self.add(opened)
        if needed.by_cache and _LOADER_CACHE.exists():
            self.add(_LOADER_CACHE)

    def add_listed(self, path: Path) -> None:
        """Add a file that a user lists, or a folder with its whole content."""
        self.add(path)
        if not path.is_dir():
            self._add_needed_by_listed(path)
            return
        for inner in _inside(path):
            if inner.is_symlink() and not inner.is_file():
                # The content of a linked folder is left out: it may be the whole machine.
                alone = cpio.link(str(inner), str(inner.readlink()))
                self.entries[alone.path] = replace(alone, owner=USER_ID)
            else:
                self.add(inner)
                self._add_needed_by_listed(inner)

    def _add_needed_by_listed(self, path: Path) -> None:
        if not path.is_file() or not elf.is_elf(_start(path)):
            return
        try:
            found = elf.read_elf(path)
            if found.dynamic and _LOADER.exists():
                self.add_libraries(path, found.loader or _LOADER)
        except InputError:
            return  # it may be a program for another machine: then it is data


def _inside(folder: Path) -> Iterator[Path]:
    """Give files, folders and links in *folder* at every depth; *folder* may be a link to a folder."""

    def fail(error: OSError) -> None:
        raise InputError(
            f"can't be read: {error.strerror}: see that you may read it",
            Where(error.filename or folder),
        ) from error

    for above, folders, files in os.walk(folder.resolve(), onerror=fail):
        folders.sort()
        for name in sorted((*folders, *files)):
            path = Path(above, name)
            if path.is_symlink() or path.is_dir() or path.is_file():
                yield path


def _interpreters(path: Path, start: bytes) -> list[Path]:
    """Find the program that a script's first line names, and, if it is `env`, the program behind it."""
    line = start[2:].partition(b"\n")[0].decode(errors="surrogateescape").strip()
    first, _, rest = line.partition(" ")
    try:
        programs = [find_program(first)]
        if Path(first).name == "env":
            words = [
                word for word in shlex.split(rest) if not word.startswith("-") and "=" not in word
            ]
            programs += map(find_program, words[:1])
    except (InputError, ValueError) as error:
        raise InputError(f"its first line is '#!{line}': {error}", Where(path)) from error
    return programs


def _shell_words(command: str) -> list[str]:
    try:
        return list(shlex.shlex(command, posix=True, punctuation_chars=True))
    except ValueError as error:
        raise InputError(f"the shell can't read '{command}': {error}: mend the quotes") from error


def files_for(program: Program, listed: Iterable[Path] = ()) -> ProgramFiles:
    """Find every file that a program's commands need, and the folder where they start.

    Args:
        program: The program. Its command, its client and the command of its criterion `ready` are looked
            at. In a text for the shell, each word that names a program is taken for that program.
        listed: Further files and whole folders that the user lists, absolute paths.

    Raises:
        InputError: If a program is missing, is for another machine, or needs a missing file; or a file
            can't be read.
    """
    collection = _Collection()
    for command in (program.command, program.client, program.ready.command):
        if isinstance(command, str):
            collection.add_program(Path(SHELL))
            for word in _shell_words(command):
                # A word may name no program, or may be meant as data.
                with contextlib.suppress(InputError):
                    collection.add_program(find_program(word, program.folder))
        elif command is not None:
            collection.add_program(find_program(command[0], program.folder))
    collection.add(Path(program.folder))
    for path in listed:
        collection.add_listed(path)
    return ProgramFiles(
        entries=tuple(collection.entries[path] for path in sorted(collection.entries)),
        search_path=":".join(_search_path(collection.programs)),
    )


def _search_path(programs: Collection[Path]) -> list[str]:
    used = {str(path.parent) for path in programs}
    here = [folder for folder in os.get_exec_path() if folder in used]
    return list(dict.fromkeys((*here, *_USUAL_FOLDERS)))


def library_entries(path: Path, loader: Path | None) -> tuple[Entry, ...]:
    """Make the entries of the shared libraries that a program or a library needs, and of their loader.

    Raises:
        InputError: If a library is missing.
    """
    collection = _Collection()
    collection.add_libraries(path, loader)
    return tuple(collection.entries.values())

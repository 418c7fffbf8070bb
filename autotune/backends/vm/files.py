"""Finds the files of this machine that a program needs in an empty root. Their paths stay.

This module finds the program's loader and its shared libraries, for a script its interpreter, for an
interpreter its library, and the programs and files that are named among arguments. What a program opens
beyond that can't be known: libraries opened with `dlopen`, data. A user lists these as `workload.files`,
which are files or whole folders. This module also finds the libraries that the listed files need.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection as Paths
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autotune.backends.vm.collection import Collection
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.programs import find_program
from autotune.backends.vm.skeleton import locale_files, users, usual_files
from autotune.backends.vm.words import argument_words, script_words, shell_words
from autotune.errors import InputError, Where
from autotune.experiment.program import Program
from autotune.runner.names import AS_ANOTHER_USER

SHELL = "/bin/sh"
_USUAL_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFiles:
    """The files of a program, of its client and of its other commands.

    Attributes:
        entries: The entries for an archive, one for each path.
        search_path: The value of PATH with which the programs are found by name.
    """

    entries: tuple[Entry, ...]
    search_path: str


def files_for(program: Program, listed: Iterable[Path] = ()) -> ProgramFiles:
    """Find every file that a program's commands need, and the folder where they start.

    Args:
        program: The program. Its command, its client and the command of its criterion `ready` are looked
            at. A word of a command that names a program or a file is taken for it.
        listed: Further files and whole folders that the user lists, absolute paths.

    Raises:
        InputError: If a program is missing, is for another machine, needs a missing file, or takes
            another user's rights; or a file can't be read.
    """
    collection = Collection()
    words: list[str] = []
    for command in (program.command, program.client, program.ready.command):
        if isinstance(command, str):
            collection.add_program(Path(SHELL))
            shell_words(command)  # its quotes must match
            named, before = list(script_words(command)), ""
        elif command is not None:
            first = find_program(command[0], program.folder)
            _refuse_another_users_rights(first)
            collection.add_program(first, program.folder)
            named, before = list(argument_words(command)), command[0]
        else:
            continue
        collection.add_named(named, program.folder, files=True, after=before)
        words += named
    collection.add(Path(program.folder))
    for path in usual_files():
        collection.add(path)
    for path in (*locale_files(words), *listed):
        collection.add_listed(path)
    collection.add_imported(words, program.folder)
    collection.entries |= {entry.path: entry for entry in users()}
    return ProgramFiles(
        entries=tuple(collection.entries[path] for path in sorted(collection.entries)),
        search_path=":".join(_search_path(collection.programs)),
    )


def _refuse_another_users_rights(program: Path) -> None:
    if program.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise InputError(
            f"takes another user's rights (setuid): {AS_ANOTHER_USER.format(name=program.name)}",
            Where(program),
        )


def _search_path(programs: Paths[Path]) -> list[str]:
    used = {str(path.parent) for path in programs}
    here = [folder for folder in os.get_exec_path() if folder in used]
    return list(dict.fromkeys((*here, *_USUAL_FOLDERS)))


def library_entries(path: Path, loader: Path | None) -> tuple[Entry, ...]:
    """Make the entries of the shared libraries that a program or a library needs, and of their loader.

    Raises:
        InputError: If a library is missing.
    """
    collection = Collection()
    collection.add_libraries(path, loader)
    return tuple(collection.entries.values())

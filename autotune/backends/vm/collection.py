"""Gathers the files of programs, of what they need, and of what a user lists."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from autotune.backends.vm import bytecode, cpio, elf
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.file_entries import entries_at, inside, size_bytes
from autotune.backends.vm.interpreters import Library, ask_for_library
from autotune.backends.vm.plan import USER_ID
from autotune.backends.vm.programs import behind_shim, first_bytes, interpreters, program_named
from autotune.backends.vm.python_packages import imported_files, imported_names, words_of
from autotune.backends.vm.skeleton import OWN_FOLDERS
from autotune.backends.vm.words import SHELLS, script_words, search_path
from autotune.errors import InputError, Where
from autotune.runner import scripts

_LOADER = Path("/lib64/ld-linux-x86-64.so.2")
"""The platform's loader, for a library, which names no loader. Source: the x86-64 psABI."""

_LOADER_CACHE = Path("/etc/ld.so.cache")
_OPENED_BY_LIBC = ("libgcc_s.so.1", "libnss_files.so.2")
"""Libraries that glibc opens by itself: to end a thread, and, before version 2.34, to look up a user."""

_IN_PYTHON: Final = frozenset(
    {"test", "tests", "idle_test", "idlelib", "turtledemo", "ensurepip", "site-packages"}
) | {"dist-packages"}
_TO_BUILD_PYTHON: Final = "config-"
_IN_JAVA: Final = frozenset({"jmods", "include", "man", "legal", "demo", "src.zip", "ct.sym"})
"""Parts of a library that no program runs with: tests, and what only compilers and people read.

Packages beside Python's library are found by what is imported.
"""

_SMALL_BYTES: Final = 64 << 20
"""Packages of a virtual environment that take more are left out where nothing imports them."""

_RUN_A_FILE: Final = SHELLS | {".", "source"}
"""Words after which a file's text is run by a shell."""


class Collection:
    """A growing collection of entries.

    Attributes:
        entries: The entries so far, by their paths.
        programs: The programs so far.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.programs: set[Path] = set()
        self._pythons: dict[Path, Library] = {}
        self._sources: set[Path] = set()
        self._for_shells: set[Path] = set()

    def add(self, path: Path) -> None:
        """Add a file, or a folder without its content, and the links on the way to it.

        Raises:
            InputError: If there is nothing at *path*.
        """
        self.entries |= {entry.path: entry for entry in entries_at(path)}

    def add_program(self, path: Path, folder: str = "/") -> None:
        """Add a program, and the files that it needs.

        Args:
            path: The program; an absolute path.
            folder: Where it starts, for the names in a shell script.

        Raises:
            InputError: If it is no program, or something that it needs is missing.
        """
        if path in self.programs:
            return
        self.programs.add(path)
        start = first_bytes(path)
        if elf.is_elf(start):
            self.add(path)
            self.add_libraries(path, elf.read_elf(path).loader)
            self._add_library_of(path)
        elif start.startswith(b"#!"):
            self._add_script(path, start, folder)
        else:
            raise InputError(
                scripts.fault_of(path, start) or scripts.what_it_is(path, start), Where(path)
            )

    def _add_script(self, path: Path, start: bytes, folder: str) -> None:
        needed = interpreters(path, start)
        text = path.read_text(errors="replace")
        if real := behind_shim(path, text):
            self.add_program(real, folder)
            self.add(path.parent)
            self._put(cpio.link(str(path), str(real)))
            return
        self.add(path)
        self._sources.add(path)
        for program in needed:
            self.add_program(program)
        if needed[-1].name in SHELLS:
            self.add_named(script_words(text), folder)
        self._add_library_of(path)  # R is a script

    def add_named(
        self, words: Iterable[str], folder: str, *, files: bool = False, after: str = ""
    ) -> None:
        """Add the programs that are among *words*, and the files of *folder* that are among them.

        A word may name nothing, or may be meant as data: so no word is an error.

        Args:
            words: Words of a command or script.
            folder: The folder to which paths are relative.
            files: Whether to add files outside of *folder*, too.
            after: The word before them.
        """
        for_shell = Path(after).name in _RUN_A_FILE
        search: str | None = None
        for word in words:
            search = search_path(after, word) or search
            after = word
            with contextlib.suppress(InputError, ValueError, OSError):
                path = Path(folder, word)
                mine = files or not word.startswith("/")
                if mine and path.is_file() and path.parts[1] not in OWN_FOLDERS:
                    self._sources.add(path)
                    self.add(path)
                    self._add_needed_by_listed(path)
                    if for_shell and path not in self._for_shells:
                        self._for_shells.add(path)
                        self.add_named(script_words(path.read_text(errors="replace")), folder)
                if (program := program_named(word, folder, search)) is not None:
                    self.add_program(program, folder)
            # `sh -e run.sh` runs what the file names, which need not be executable.
            for_shell = Path(word).name in _RUN_A_FILE or (for_shell and word.startswith("-"))

    def add_libraries(self, path: Path, loader: Path | None) -> None:
        """Add the shared libraries of a program or a library; none if there is no loader.

        Raises:
            InputError: If a library is missing.
        """
        if loader is None:
            return
        # The loader's $ORIGIN is the folder of the file itself, not of a link to it.
        needed = elf.libraries(path.resolve(), loader)
        for library in needed.files:
            self.add(library)
            if library.name == "libc.so.6":
                for name in _OPENED_BY_LIBC:
                    if (opened := library.with_name(name)).exists():
                        self.add(opened)
        if needed.by_cache and _LOADER_CACHE.exists():
            self.add(_LOADER_CACHE)

    def add_listed(self, path: Path) -> None:
        """Add a file that a user lists, or a folder with its whole content.

        Raises:
            InputError: If there is nothing at *path*, or it can't be read.
        """
        self.add(path)
        if not path.is_dir():
            self._sources.add(path)
            self._add_needed_by_listed(path)
            return
        for inner in inside(path):
            self._add_inner(inner)
            if inner.suffix == ".py":
                self._sources.add(inner)

    def _add_inner(self, inner: Path) -> None:
        """Add what was found in a folder, with the libraries that it needs."""
        if inner.is_symlink() and not inner.is_file():
            # The content of a linked folder is left out: it may be the whole machine.
            self._put(cpio.link(str(inner), str(inner.readlink())))
            return
        self.add(inner)
        if inner.parent.name == bytecode.FOLDER and inner.suffix == ".pyc":
            self._make_lasting(inner)
        else:
            self._add_needed_by_listed(inner)

    def _put(self, entry: Entry) -> None:
        self.entries[entry.path] = replace(entry, owner=USER_ID)

    def _make_lasting(self, compiled: Path) -> None:
        with contextlib.suppress(OSError):
            if content := bytecode.lasting(compiled):
                place = str(compiled.resolve())
                self.entries[place] = replace(self.entries[place], content=content)

    def _add_needed_by_listed(self, path: Path) -> None:
        if not path.is_file() or not elf.is_elf(first_bytes(path)):
            return
        try:
            found = elf.read_elf(path)
            if found.dynamic and _LOADER.exists():
                self.add_libraries(path, found.loader or _LOADER)
        except InputError:
            return  # it may be a program for another machine: then it is data

    def _add_library_of(self, program: Path) -> None:
        """Add the library of an interpreter; no library of another program."""
        library = ask_for_library(program)
        if library is None:
            return
        if library.cache_tag is not None:
            self._pythons[program] = library
        left_out = _IN_JAVA if program.name == "java" else frozenset()
        for path in library.folders:
            self._add_part(
                path, library, left_out | (_IN_PYTHON if library.holds(path) else set())
            )

    def _add_part(self, path: Path, library: Library, left_out: Iterable[str] = ()) -> None:
        """Add a folder of a library, without folders of some names, and without alien bytecode."""
        self.add(path)
        names = frozenset(left_out)
        top = len(path.resolve().parts)
        for inner in inside(path, names) if path.is_dir() else ():
            if names and inner.parts[top].startswith(_TO_BUILD_PYTHON):
                continue
            compiled = inner.parent.name == bytecode.FOLDER
            if compiled and not inner.name.endswith(f".{library.cache_tag}.pyc"):
                continue
            self._add_inner(inner)

    def add_imported(self, words: Iterable[str], folder: str) -> None:
        """Add the packages that the Python programs among the files import.

        A small virtual environment comes whole: some of its packages may be imported by names that are
        put together while a program runs.

        Args:
            words: Words of the commands: a module may be named there.
            folder: The folder in which they start.
        """
        if not self._pythons:
            return
        names = words_of(words)
        own = {Path(folder)}
        for source in self._sources:
            start = first_bytes(source)
            if source.suffix == ".py" or (start.startswith(b"#!") and b"python" in start):
                names |= imported_names(source.read_text(errors="replace"))
                own.add(source.parent)
        for library in self._pythons.values():
            whole = [path for path in library.own if size_bytes(path) <= _SMALL_BYTES]
            parts = [path for path in library.own if path not in whole]
            imported = imported_files(names, (*sorted(own), *parts, *library.packages))
            for path in (*whole, *imported):
                self._add_part(path, library)

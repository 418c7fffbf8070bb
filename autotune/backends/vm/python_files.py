"""A Python for the guest: this machine's Python, cut down to the modules that are needed.

The interpreter, its libraries and its extension modules keep their paths in the image, since they find
each other by path. Modules are compiled beforehand, so that the guest does not spend its instructions on
that. This package's modules are in the standard library's folder, where Python finds them by itself.

Equal modules give equal bytes, whatever process compiles them.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import autotune
from autotune.backends.vm import cpio
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.elf import loaded_part, read_elf
from autotune.backends.vm.file_entries import entries_at
from autotune.backends.vm.files import library_entries
from autotune.errors import BackendUnavailableError

ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""The environment variables of the guest's Python. They fix the order of sets."""

_OPTIONS = ("-s", "-P", "-S", "-B", "-X", "utf8")
"""Options for: no user's folder, no current folder, no `site`, no writing of bytecode, text in UTF-8."""

_ALWAYS = ("encodings.ascii", "encodings.latin_1", "encodings.utf_8", "runpy", "traceback")
"""Modules that Python itself imports: for text, for `-m`, and after an error."""

_LIST_FILES = """
import importlib, json, sys
sys.path.append(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
print(json.dumps([sys.modules["os"].__file__, sorted(files - {None})]))
"""

_PACKAGE = Path(autotune.__file__).resolve().parent

# The flag says that the bytecode has its source's hash, and is never checked. So it has no time stamp.
_UNCHECKED = (1).to_bytes(4, "little") + bytes(8)

_WITHOUT_REFERENCES = 2
"""A format of `marshal` whose bytes do not depend on which objects are shared or interned by chance."""

_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPython:
    """A Python in an image.

    Attributes:
        entries: Entries of Python's files.
        command: The command that starts Python. Add `-m` and a module; start it with `ENVIRONMENT`.
    """

    entries: tuple[Entry, ...]
    command: tuple[str, ...]


def guest_python(modules: Sequence[str]) -> GuestPython:
    """Collect what a guest needs to import *modules*, with everything that they import when loaded.

    A module that they import later, in a function, must be named, too.

    Args:
        modules: Modules of this package or of the standard library.

    Raises:
        BackendUnavailableError: If a module can't be imported here without installed packages, or this
            Python can't be copied.
        InputError: If a library of Python is missing.
    """
    executable = _executable()
    loader = read_elf(executable).loader
    library, files = _find_files(executable, modules)
    entries = [*entries_at(executable), *library_entries(executable, loader), *entries_at(library)]
    library = library.resolve()
    # Python warns if this folder is missing, even if nothing in it is needed.
    entries.append(cpio.folder(f"{library}/lib-dynload"))
    for path in files:
        if path.suffix == ".so":
            entries += [*entries_at(path), *library_entries(path, loader)]
        else:
            place = _place(path, library)
            entries.append(cpio.file(f"{library}/{place}.pyc", _bytecode(path, f"{place}.py")))
    unique = {entry.path: entry for entry in entries}
    return GuestPython(
        entries=tuple(_slim(unique[path]) for path in sorted(unique)),
        command=(str(executable), *_OPTIONS),
    )


def _slim(entry: Entry) -> Entry:
    """Leave out what only a debugger uses: it may be four fifths of a self-built Python."""
    path = entry.content
    if isinstance(path, bytes) or not (
        path.name.startswith(("python", "libpython")) or "lib-dynload" in path.parts
    ):
        return entry
    return replace(entry, content=loaded_part(path))


def _executable() -> Path:
    """Give the path of this Python's program, with virtual environment and links resolved."""
    program = getattr(sys, "_base_executable", "") or sys.executable
    if not program:
        raise BackendUnavailableError(
            "this Python doesn't know its own program: start autotune with an installed Python"
        )
    return Path(program).resolve()


def _find_files(executable: Path, modules: Iterable[str]) -> tuple[Path, list[Path]]:
    """Import *modules* in a new process, as the guest will, and see what was loaded.

    Returns:
        The folder of the standard library, and the files of all modules.
    """
    names = (*_ALWAYS, *modules)
    command = (str(executable), *_OPTIONS, "-c", _LIST_FILES, str(_PACKAGE.parent), *names)
    try:
        answer = subprocess.run(  # noqa: S603  # this Python, with names of modules
            command,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendUnavailableError(
            f"{executable}: can't be run: {error}: start autotune with an installed Python"
        ) from error
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or ["it says nothing"]
        raise BackendUnavailableError(
            f"{executable}: can't import what a micro-VM needs: {said[-1]}: start autotune with a "
            "whole Python"
        )
    landmark, files = json.loads(answer.stdout)
    return Path(landmark).parent, [Path(path) for path in files]


def _place(path: Path, library: Path) -> Path:
    """Give a module's path in the standard library's folder, without the suffix."""
    for root in (library, _PACKAGE.parent):
        if path.suffix == ".py" and path.resolve().is_relative_to(root):
            return path.resolve().relative_to(root).with_suffix("")
    raise BackendUnavailableError(
        f"{path}: can't be put into a micro-VM: use a Python whose standard library is a folder of "
        ".py files"
    )


def _bytecode(path: Path, name: str) -> bytes:
    """Compile a module to a file that Python imports without the source; tracebacks show *name*."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise BackendUnavailableError(
            f"{path}: can't be read: {error.strerror}: install Python or autotune again"
        ) from error
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + marshal.dumps(code, _WITHOUT_REFERENCES)

"""Compiles each C program of this folder once, with any compiler that is installed, and keeps it.

The key of the cache is the source's content, the compiler, its version and its options. So a changed
source or another compiler never finds an old program.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from autotune.cache import cache_folder
from autotune.errors import BackendUnavailableError
from autotune.native.compiler import GET_COMPILER, find_compiler

_SOURCES: Final = Path(__file__).resolve().parent

_PROGRAM: Final[tuple[str, ...]] = ("-O2", "-static", "-no-pie")
_LIBRARY: Final[tuple[str, ...]] = ("-O2", "-shared", "-fPIC")
_OPTIONS: Final = {
    "player": _PROGRAM,
    "ports": _PROGRAM,
    "opens": _PROGRAM,
    "frozen_clock": _LIBRARY,
}

_ZIG_OPTIONS: Final = {
    _PROGRAM: ("-target", "x86_64-linux-musl"),
    # A program of this machine loads the library, so it must use this machine's C library. But machines
    # with another CPU may share the cache.
    _LIBRARY: ("-mcpu=baseline",),
}
"""Further options for zig. For statically linked programs it has a C library of its own."""


def build(name: str) -> Path:
    """Give the compiled program *name*. If it is not in the cache, it is compiled.

    Args:
        name: "player", "ports", "opens" or "frozen_clock", which is a library for LD_PRELOAD.

    Raises:
        BackendUnavailableError: If there is no compiler, it fails, or the program can't be kept.
    """
    options = _OPTIONS[name]
    compiler = find_compiler()
    if compiler is None:
        raise BackendUnavailableError(f"no C compiler: set CC to one, or {GET_COMPILER}")
    if compiler.is_zig:
        options += _ZIG_OPTIONS[options]
    source = _SOURCES / f"{name}.c"
    key = (source.read_text(), *compiler.command, *options, compiler.version)
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
    folder = cache_folder() / "native" / digest
    target = folder / name
    if not target.is_file():
        with _keeping(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # Compiled in a new folder, then moved in one step: two processes may do this at once.
            with tempfile.TemporaryDirectory(prefix=".", dir=folder) as own:
                made = Path(own) / name
                compiler.compile(source, made, options)
                made.replace(target)
    return target


@contextlib.contextmanager
def _keeping(folder: Path) -> Iterator[None]:
    """Turn a failure of the disk into an error that says what to do."""
    try:
        yield
    except OSError as error:
        remedy = (
            "free some space"
            if error.errno in {errno.ENOSPC, errno.EDQUOT}
            else "set XDG_CACHE_HOME to a folder where it can be kept"
        )
        raise BackendUnavailableError(
            f"{folder}: can't keep a compiled program: {error.strerror}: {remedy}"
        ) from error

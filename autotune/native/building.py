"""The C programs of this folder, compiled once by whatever compiler is there, and kept.

The cache is keyed by content: source, compiler, its version and its options. So a new source or a new
compiler makes a new program, and an old one is never taken for it.
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
_OPTIONS: Final = {"player": _PROGRAM, "ports": _PROGRAM, "frozen_clock": _LIBRARY}

_ZIG_OPTIONS: Final = {
    _PROGRAM: ("-target", "x86_64-linux-musl"),
    # Loaded into a program of this machine, so the target stays this machine's C library; but others
    # may share the cache.
    _LIBRARY: ("-mcpu=baseline",),
}
"""What zig needs beside: its own C library where all is linked statically."""


def build(name: str) -> Path:
    """Give the compiled program *name*; it is compiled if it is not in the cache.

    Args:
        name: "player", "ports" or "frozen_clock"; the last is a library for LD_PRELOAD.

    Raises:
        BackendUnavailableError: If there is no compiler, it fails, or the result can't be kept.
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
            # In a folder of its own, then moved in one step: two processes may do this at once.
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

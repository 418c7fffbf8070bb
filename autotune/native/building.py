"""The C programs of this folder, compiled once by whatever compiler is there, and kept.

The cache is keyed by content: source, compiler, its version and its options. So a new source or a new
compiler makes a new program, and an old one is never taken for it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autotune.errors import BackendUnavailableError

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

_NO_COMPILER: Final = (
    "no C compiler: set CC to one, or install one (Debian: apt-get install gcc libc6-dev; "
    "elsewhere: pip install ziglang)"
)


@dataclass(frozen=True, slots=True)
class _Compiler:
    """A compiler.

    Attributes:
        command: Its words.
        version: What it says of itself.
    """

    command: tuple[str, ...]
    version: str

    @property
    def is_zig(self) -> bool:
        """Whether it is zig's, which brings its own C libraries."""
        return any(Path(word).name in {"zig", "ziglang"} for word in self.command)


def build(name: str) -> Path:
    """Give the compiled program *name*; it is compiled if it is not in the cache.

    Args:
        name: "player", "ports" or "frozen_clock"; the last is a library for LD_PRELOAD.

    Raises:
        BackendUnavailableError: If there is no compiler, it fails, or the result can't be kept.
    """
    options = _OPTIONS[name]
    compiler = _find_compiler()
    if compiler.is_zig:
        options += _ZIG_OPTIONS[options]
    source = _SOURCES / f"{name}.c"
    key = (source.read_text(), *compiler.command, *options, compiler.version)
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
    folder = cache_folder() / digest
    target = folder / name
    if not target.is_file():
        with _keeping(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # In a folder of its own, then moved in one step: two processes may do this at once.
            with tempfile.TemporaryDirectory(prefix=".", dir=folder) as own:
                made = Path(own) / name
                _compile([*compiler.command, *options, "-o", str(made), str(source)], source)
                made.replace(target)
    return target


def cache_folder() -> Path:
    """Where compiled programs are kept: below XDG_CACHE_HOME, or else ``~/.cache``.

    Raises:
        BackendUnavailableError: If neither is there.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # Source: XDG Base Directory Specification; a relative path is to be ignored.
    try:
        folder = Path(base) if Path(base).is_absolute() else Path("~/.cache").expanduser()
    except RuntimeError as error:
        raise BackendUnavailableError(
            "no home folder to keep compiled programs in: set XDG_CACHE_HOME to a folder"
        ) from error
    return folder / "damos-autotune" / "native"


def _find_compiler() -> _Compiler:
    chosen = os.environ.get("CC", "").strip()
    if chosen:
        try:
            return _compiler(tuple(shlex.split(chosen)))
        except ValueError as error:
            raise BackendUnavailableError(
                f"CC: {chosen}: can't be split into words: {str(error).lower()}: mend the quotes"
            ) from error
    for word in ("cc", "gcc", "clang"):
        path = shutil.which(word)
        if path:
            return _compiler((path,))
    if importlib.util.find_spec("ziglang"):
        return _compiler((sys.executable, "-m", "ziglang", "cc"))
    raise BackendUnavailableError(_NO_COMPILER)


@functools.cache
def _compiler(command: tuple[str, ...]) -> _Compiler:
    """Ask a compiler for its version."""
    finished = _run([*command, "--version"])
    if finished.returncode:
        raise BackendUnavailableError(
            f"{shlex.join(command)}: does not work as a C compiler: {_reason(finished.stderr)}: "
            "set CC to one that does"
        )
    return _Compiler(command, finished.stdout)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise BackendUnavailableError(
            f"{command[0]}: can't be started as a C compiler: {error.strerror}: set CC to one that can"
        ) from error


def _compile(command: list[str], source: Path) -> None:
    finished = _run(command)
    if finished.returncode:
        raise BackendUnavailableError(
            f"{source.name}: does not compile: {_reason(finished.stderr)}: set CC to another "
            "compiler, or install the files of the C library (Debian: apt-get install libc6-dev)"
        )


def _reason(messages: str) -> str:
    """Give the last line that says more than that something failed."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if "ld returned 1" not in line and "linker command failed" not in line
    ]
    return (telling or lines or ["it says nothing"])[-1]


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

"""Finds an installed C compiler, asks for its version, and runs it."""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autotune.errors import BackendUnavailableError

GET_COMPILER: Final = (
    "install one (Debian: apt-get install gcc libc6-dev; elsewhere: pip install ziglang)"
)
"""What to do if there is no compiler."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler.

    Attributes:
        command: The words of its command.
        version: What it prints for ``--version``.
    """

    command: tuple[str, ...]
    version: str

    @property
    def is_zig(self) -> bool:
        """Whether the compiler is zig, which brings its own C libraries."""
        return any(Path(word).name in {"zig", "ziglang"} for word in self.command)

    def compile(self, source: Path, made: Path, options: Sequence[str]) -> None:
        """Compile the file *source* to the program or library *made*.

        Raises:
            BackendUnavailableError: If that fails.
        """
        finished = _run([*self.command, *options, "-o", str(made), str(source)], os.environ)
        if finished.returncode:
            raise BackendUnavailableError(
                f"{source.name}: does not compile: {_reason(finished.stderr)}: set CC to another "
                "compiler, or install the files of the C library (Debian: apt-get install libc6-dev)"
            )


def find_compiler(
    environment: Mapping[str, str] = os.environ, *, answer_s: float = 30.0
) -> Compiler | None:
    """Give the compiler that CC names; without CC, the first of cc, gcc, clang and the wheel ziglang.

    Args:
        environment: Environment variables, of which CC and PATH are used.
        answer_s: How long the compiler may take to tell its version, in seconds.

    Returns:
        The compiler; None if CC is not set and no compiler is installed.

    Raises:
        BackendUnavailableError: If the compiler doesn't work.
    """
    chosen = environment.get("CC", "").strip()
    if chosen:
        try:
            command = tuple(shlex.split(chosen))
        except ValueError as error:
            raise BackendUnavailableError(
                f"CC: {chosen}: can't be split into words: {str(error).lower()}: mend the quotes"
            ) from error
        return _asked(command, environment, answer_s)
    for word in ("cc", "gcc", "clang"):
        if path := shutil.which(word, path=environment.get("PATH", os.defpath)):
            return _asked((path,), environment, answer_s)
    if importlib.util.find_spec("ziglang"):
        return _asked((sys.executable, "-m", "ziglang", "cc"), environment, answer_s)
    return None


def _asked(command: tuple[str, ...], environment: Mapping[str, str], answer_s: float) -> Compiler:
    return Compiler(command, _version(command, tuple(sorted(environment.items())), answer_s))


@functools.cache
def _version(
    command: tuple[str, ...], environment: tuple[tuple[str, str], ...], answer_s: float
) -> str:
    """Ask a compiler for its version, once."""
    try:
        finished = _run([*command, "--version"], dict(environment), answer_s)
    except subprocess.TimeoutExpired as error:
        raise _broken(command, f"it says nothing for {answer_s:g} s") from error
    if finished.returncode:
        raise _broken(command, _reason(finished.stderr))
    return finished.stdout


def _broken(command: tuple[str, ...], reason: str) -> BackendUnavailableError:
    return BackendUnavailableError(
        f"{shlex.join(command)}: does not work as a C compiler: {reason}: set CC to one that does"
    )


def _run(
    command: list[str], environment: Mapping[str, str], timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603  # the user's own PATH or CC
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            env={**environment, "LC_ALL": "C"},
        )
    except OSError as error:
        raise BackendUnavailableError(
            f"{command[0]}: can't be started as a C compiler: {error.strerror}: set CC to one that can"
        ) from error


def _reason(messages: str) -> str:
    """Give the last line that says why the compiler failed."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if "ld returned 1" not in line and "linker command failed" not in line
    ]
    return (telling or lines or ["it says nothing"])[-1]

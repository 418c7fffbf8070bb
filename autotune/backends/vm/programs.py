"""Finds programs as a shell does, and what starts a program that is a script."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from autotune.errors import InputError, Where
from autotune.runner import scripts
from autotune.runner.names import why_not_found

_TIMEOUT_S = 60

_SHIM = re.compile(r'exec "?([^"\s]*(?:env|asdf|mise))"? exec\b')
"""How a "shim" hands over to the program that chooses a version: pyenv, rbenv, nodenv, asdf, mise."""


def find_program(name: str, folder: str = "/", search: str | None = None) -> Path:
    """Find a program as the shell would: on PATH, or, if its name has a slash, relative to *folder*.

    Args:
        name: The first word of a command.
        folder: Where the command starts.
        search: The value of PATH; None means this process's own.

    Returns:
        An absolute path. Links in it are kept.

    Raises:
        InputError: If there is no such program, or it may not be run.
    """
    found = program_named(name, folder, search)
    if found is None:
        raise InputError(f"no program '{name}': {why_not_found(name, folder)}")
    return found


def program_named(name: str, folder: str = "/", search: str | None = None) -> Path | None:
    """Find a program as `find_program` does; None if there is none. To say why takes far longer."""
    found = shutil.which(str(Path(folder, name)) if "/" in name else name, path=search)
    return None if found is None else Path(found).absolute()  # PATH may have a relative folder


def first_bytes(path: Path) -> bytes:
    """Give the beginning of a file.

    Raises:
        InputError: If the file can't be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(scripts.MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"can't be read: {error.strerror}: see that you may read it", Where(path)
        ) from error


def interpreters(path: Path, start: bytes) -> list[Path]:
    """Find the program that a script's first line names, and, if it is `env`, the program behind it.

    Raises:
        InputError: If there is no such program.
    """
    if fault := scripts.fault_of(path, start):
        raise InputError(fault, Where(path))
    line = scripts.first_line(start) or ""
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


def behind_shim(path: Path, text: str) -> Path | None:
    """Give the program that a shim starts; None if *text*, the content of *path*, is no shim's."""
    if not (match := _SHIM.search(text)):
        return None
    try:
        answer = subprocess.run(  # noqa: S603  # the program that the shim would run
            (match[1], "which", path.name),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = Path(answer.stdout.strip())
    return found if not answer.returncode and found.is_absolute() and found.is_file() else None

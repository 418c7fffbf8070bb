"""Names of programs: why there is no program of some name, and what helps."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from autotune.runner import scripts

_OF_THE_SHELL: Final = frozenset(
    {
        *(".", ":", "alias", "cd", "eval", "exec", "export", "for", "if", "read", "set", "shopt"),
        *("source", "trap", "ulimit", "umask", "unset", "until", "wait", "while", "{", "("),
    }
)
"""Words that begin a command of the shell and are no programs. Source: sh(1p), bash(1)."""

_OPERATORS: Final = frozenset({"<", ">", ">>", "2>", "2>&1", "&>", "|", "||", "&&", "&"})
"""Words that a shell reads, and a program takes as they stand. `;` may be meant for find."""

_OTHER_USERS: Final = frozenset({"doas", "pkexec", "runuser", "su", "sudo"})

_NEAR: Final = 0.75


AS_ANOTHER_USER: Final = (
    "the workload runs as one ordinary user in a micro-VM, and on a host as the user who started this "
    "program: leave '{name}' out of the command"
)


def why_not_found(name: str, folder: str = "/") -> str:
    """Say what helps where no program is found by a name.

    Args:
        name: The first word of a command.
        folder: The folder in which the command would start.

    >>> why_not_found("cd")
    "it is a part of the shell: write the command as one text, with 'shell: true'"
    """
    if name in _OF_THE_SHELL:
        return "it is a part of the shell: write the command as one text, with 'shell: true'"
    if Path(name).name in _OTHER_USERS:
        return AS_ANOTHER_USER.format(name=Path(name).name)
    if re.match(r"\w+=", name):
        return f"it gives a variable a value: put env in front: [env, {name}, ...]"
    path = Path(folder, name)
    if "/" in name or _is_dir(path):
        if _is_dir(path):
            return "it is a folder: name the program in it"
        if path.is_file():
            return scripts.may_not_be_run(path, _start(path))
    if path.is_symlink():
        return f"it is a link to '{path.readlink()}', where nothing is: mend the link"
    if replaced := _replaced_by_a_shell(path):
        return f"only a shell replaces ~, $ and *: write the path out{replaced}"
    if " " in name.strip():
        return "it has spaces: write each word of a command as an item of its own"
    if "/" not in name and path.is_file():
        return f"it is in the folder of the workload: write ./{name}"
    if near := _near(path.name, [path.parent] if "/" in name else _search_path()):
        return f"did you mean '{path.parent / near if '/' in name else near}'? If not, {_INSTALL}"
    return _INSTALL


def _replaced_by_a_shell(path: Path) -> str | None:
    """Say what else to know of a path that a shell would replace; None if it would replace nothing."""
    if any(part.startswith(("~", "$")) for part in path.parts):
        return " (in a micro-VM ~ is /tmp, and your variables are not set)"
    return ", or the command as one text, with 'shell: true'" if "*" in str(path) else None


def only_a_shell_reads(words: Sequence[str]) -> str | None:
    """Say that a word among a program's arguments is meant for a shell, and what helps; None if none is.

    >>> print(only_a_shell_reads(["sort", "<", "names"]))
    only a shell reads '<': write the command as one text, with 'shell: true', or as [sh, -c, TEXT]
    """
    word = next((word for word in words[1:] if word in _OPERATORS), None)
    if word is None:
        return None
    return (
        f"only a shell reads '{word}': write the command as one text, with 'shell: true', or as "
        "[sh, -c, TEXT]"
    )


def why_not_started(name: str, folder: str, error: OSError) -> str:
    """Say why a program could not be started, and what helps.

    Args:
        name: The first word of its command.
        folder: The folder in which it was to start.
        error: What the attempt to start it raised.
    """
    if not _is_dir(Path(folder)):
        return f"no folder '{folder}': check the path"
    path = Path(folder, name)
    if "/" in name and path.is_file() and os.access(path, os.X_OK):
        start = _start(path)
        if fault := scripts.fault_of(path, start):
            return f"{path}: {fault}"
        if error.errno == errno.ENOEXEC:
            return f"{path}: {scripts.what_it_is(path, start)}"
        if line := scripts.first_line(start):
            return (
                f"{path}: its first line is '#!{line}', and there is no such program: install it"
            )
    if error.errno in (errno.ENOENT, errno.EACCES, errno.ENOTDIR):
        return f"no program '{name}': {why_not_found(name, folder)}"
    return f"can't start '{name}': {error.strerror}: check the command"


_INSTALL: Final = "install it, or give its path"


def _search_path() -> list[Path]:
    return [Path(folder) for folder in os.get_exec_path()]


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(scripts.MOST_BYTES)
    except OSError:
        return b""


def _near(name: str, folders: list[Path]) -> str | None:
    """Give the name of a program in *folders* that is nearest to *name*; None if none is near."""
    found: set[str] = set()
    for folder in folders:
        try:
            found.update(entry.name for entry in os.scandir(folder) if entry.is_file())
        except OSError:
            continue
    close = difflib.get_close_matches(name, sorted(found), n=1, cutoff=_NEAR)
    return close[0] if close else None

"""Finds the words of a command, or of a shell script, that may name programs and files.

`timeout 8 redis-benchmark`, `env A=b program` and `sh -c 'program <in'` name programs among their
arguments; a wrapper script names them in its lines. A word may name a program and be meant as data:
so what is found here may be more than what runs, and may not be all.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from autotune.errors import InputError

SHELLS: Final = frozenset({"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"})
_TEXT_FOLLOWS: Final = re.compile(r"-[A-Za-z]*[cS]|--split-string")
"""Options whose argument is a text for the shell, or for `env` to split."""

_WRITES: Final = re.compile(r"&?>[>|&]?")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_FORGETS: Final = frozenset({"-", "-i", "--ignore-environment"})
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def shell_words(text: str) -> list[str]:
    """Split a text as the shell does.

    Raises:
        InputError: If its quotes don't match.

    >>> shell_words("exec nice prog <in >out; echo 'a b'")
    ['exec', 'nice', 'prog', '<', 'in', '>', 'out', ';', 'echo', 'a b']
    """
    try:
        words = shlex.shlex(text, posix=True, punctuation_chars=True)
        words.whitespace_split = True  # a word may have any letter, `$` too
        return list(words)
    except ValueError as error:
        raise InputError(f"the shell can't read '{text}': {error}: mend the quotes") from error


def argument_words(command: Sequence[str]) -> Iterator[str]:
    """Give the words in the arguments of a command that may name programs or files.

    >>> list(argument_words(["timeout", "8", "env", "A=b", "sh", "-c", "sort <in"]))
    ['8', 'env', 'A=b', 'b', 'sh', '-c', 'sort', '<', 'in']
    """
    for before, word in itertools.pairwise(command):
        if _TEXT_FOLLOWS.fullmatch(before) and _runs_text(command):
            yield from script_words(word)
            continue
        yield word
        if "=" in word:
            yield word.partition("=")[2]


def search_path(before: str, word: str) -> str | None:
    """Give the PATH with which the programs behind a word are looked for; None if it changes nothing.

    Args:
        before: The word before it.
        word: ``PATH=...``, or what tells `env` to forget its variables: then PATH is libc's own.

    >>> search_path("env", "PATH=/opt/bin"), search_path("env", "-i"), search_path("sort", "-i")
    ('/opt/bin', '/bin:/usr/bin', None)
    """
    if word.startswith("PATH="):
        own = ":".join(os.get_exec_path())
        return word.removeprefix("PATH=").replace("${PATH}", own).replace("$PATH", own)
    if Path(before).name == "env" and word in _FORGETS:
        return os.confstr("CS_PATH")
    return None


def _runs_text(command: Sequence[str]) -> bool:
    return any(Path(word).name in SHELLS or Path(word).name == "env" for word in command)


def script_words(text: str) -> Iterator[str]:
    r"""Give the words of a shell script, but for the files that it writes.

    A variable to which the script gives a value is replaced by that. A text that a line hands to a shell
    is split, too.

    >>> list(script_words("B=/opt/bin  # where\n$B/serve >/tmp/out\nwhile read -r it's; do"))
    ['B=/opt/bin', '/opt/bin/serve', '>', 'while', 'read', '-r', "it's;", 'do']
    >>> list(script_words("exec sh -c 'exec sort <in'"))
    ['exec', 'sh', '-c', 'exec', 'sort', '<', 'in']
    """
    values: dict[str, str] = {}
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shell_words(line)
        except InputError:  # quotes that go on in the next line, or a text to be printed
            words = line.split()
        for before, word in itertools.pairwise(("", *words)):
            if _WRITES.fullmatch(before):
                continue
            full = _VARIABLE.sub(lambda name: values.get(name[1] or name[2], name[0]), word)
            if assigned := _ASSIGNMENT.fullmatch(full):
                values[assigned[1]] = assigned[2]
            if _TEXT_FOLLOWS.fullmatch(before) and _runs_text(words):
                yield from script_words(full)
            else:
                yield full

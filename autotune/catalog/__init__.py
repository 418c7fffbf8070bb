"""The files that are shipped with the program, by name.

Machine profiles and reference schemes are in this package. In a checkout, search spaces and objectives
are beside the package `autotune`; in a wheel they are inside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from autotune.errors import InputError, Where, nearest, shortened

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "search_spaces": ".yaml",
        "objectives": ".yaml",
        "machines": ".yaml",
        "reference_schemes": ".damos",
    }
)
"""The kinds of shipped files, and the suffix of each kind."""

_NOUNS: Mapping[str, str] = MappingProxyType(
    {
        "search_spaces": "search space",
        "objectives": "objectives",
        "machines": "machine",
        "reference_schemes": "reference scheme",
    }
)
_CATALOG = Path(__file__).resolve().parent
_PLACES = (_CATALOG, _CATALOG.parent, _CATALOG.parents[1])
"""Where the folders of kinds are: in this package, in a wheel's `autotune`, or beside a checkout's."""


def shipped(kind: str) -> Path:
    """Give the folder of the shipped files of one kind (a key of `SUFFIXES`)."""
    return next(place / kind for place in _PLACES if (place / kind).is_dir())


def names(kind: str) -> list[str]:
    """Give the names of the shipped files of one kind, sorted.

    >>> names("objectives")
    ['memory', 'rss', 'system']
    """
    return sorted(path.stem for path in shipped(kind).glob(f"*{SUFFIXES[kind]}"))


def is_file(path: Path) -> bool:
    r"""Say whether *path* names a file. A path that the system refuses names no file.

    >>> is_file(Path("x" * 10_000)), is_file(Path("a\0b"))
    (False, False)
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def find(name: str, kind: str, relative_to: Path, *, where: Where | None = None) -> Path:
    """Find the shipped file or the user's file that *name* names.

    A name with a slash or a dot is always a user's file: `prcl` is shipped, but `./prcl` is not.

    Args:
        name: A shipped file's name, or a path.
        kind: A key of `SUFFIXES`.
        relative_to: The folder that a path is relative to.
        where: The place of the name, for the message.

    Raises:
        InputError: If the name names no file.
    """
    if name in (known := names(kind)):
        return shipped(kind) / f"{name}{SUFFIXES[kind]}"
    if is_file(path := relative_to / name):
        return path
    if "/" in name or "." in name:
        place = "" if Path(name).is_absolute() else f" in {relative_to}"
        raise InputError(f"no file '{shortened(name)}'{place}: {_remedy(path)}", where)
    raise InputError(f"no {_NOUNS[kind]} '{shortened(name)}': {nearest(name, known)}", where)


def _remedy(path: Path) -> str:
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    return "it is a folder, a pipe or a device: name a file" if exists else "check the path"


def files(kind: str) -> list[Path]:
    """Give the shipped files of one kind, sorted by name."""
    return [shipped(kind) / f"{name}{SUFFIXES[kind]}" for name in names(kind)]


def summary(path: Path) -> str:
    """Give the comment with which a shipped file begins, as its summary.

    >>> summary(files("objectives")[0])
    'Hold less memory while the workload stays within 5 % of its baseline.'
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return " ".join(line.removeprefix("#").strip() for line in comment)

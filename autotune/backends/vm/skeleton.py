"""What every root has beside a program's own files: mount points, users and names, locale, time zones.

A program finds here what it would look up on any Linux: the user who runs it, `localhost`, the names of
services, the locale of the guest's LANG, the local time. Files of this machine keep their paths.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from autotune.backends.vm import cpio
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.plan import USER_ID

LANG: Final = "C.UTF-8"
"""The guest's LANG."""

_USER: Final = "user"
_OWN_USERS: Final = (
    "root:x:0:0:root:/root:/bin/sh",
    f"{_USER}:x:{USER_ID}:{USER_ID}:user:/tmp:/bin/sh",
)
_OWN_GROUPS: Final = ("root:x:0:", f"{_USER}:x:{USER_ID}:")


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


OWN_FOLDERS: Final = frozenset({"dev", "proc", "run", "sys"})
"""Top folders that the guest fills itself: no file of this machine makes sense there."""

_MOUNTED: Final = OWN_FOLDERS - {"run"}
"""Those that hide whatever the image has there."""

SKELETON: Final[tuple[Entry, ...]] = (
    *(cpio.folder(path) for path in ("/dev", "/proc", "/run", "/sys")),
    *(cpio.folder(path, 0o1777) for path in ("/tmp", "/var/tmp")),  # noqa: S108  # the guest's
    cpio.folder("/root", 0o700),
    cpio.character_device("/dev/console", 5, 1),
    cpio.character_device("/dev/null", 1, 3, 0o666),
    cpio.file("/etc/passwd", _lines(_OWN_USERS)),
    cpio.file("/etc/group", _lines(_OWN_GROUPS)),
    cpio.file("/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n"),
    cpio.file("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files\n"),
)
"""What every root has, also that of a pattern."""


def why_not_copied(path: Path) -> str | None:
    """Say why a file or folder that a user lists can't be copied from this machine; None if it can.

    >>> why_not_copied(Path("/proc/meminfo"))
    'the micro-VM has its own /proc: leave it out; data goes into another folder'
    """
    parts = Path(os.path.realpath(path)).parts[1:]
    if not parts:
        return "is the whole machine: leave it out; autotune vm check finds what to list"
    if parts[0] in _MOUNTED or parts in {(top,) for top in OWN_FOLDERS}:
        return f"the micro-VM has its own /{parts[0]}: leave it out; data goes into another folder"
    return None


LOCALES: Final = Path("/usr/lib/locale")
"""Where glibc keeps its locales: a folder for each, or one archive. Source: locale(7), `localedef`."""

LOCALE_ARCHIVE: Final = LOCALES / "locale-archive"

_ZONES: Final = Path("/usr/share/zoneinfo")
_LIBRARIES: Final = (Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib64"))
"""Where glibc keeps the list of character sets that it can convert, in `gconv`."""

_OTHER_CLOCKS: Final = frozenset({"posix", "right"})
"""Folders that repeat all time zones, for clocks without and with leap seconds."""

_USUAL_FILES: Final = (
    *("/etc/localtime", "/etc/timezone", "/etc/services", "/etc/protocols"),
    *("/etc/ssl/openssl.cnf", "/etc/ssl/certs/ca-certificates.crt"),
    "/usr/share/locale/locale.alias",
)


def usual_files() -> Iterator[Path]:
    """Give the files of this machine that any program may look up: some 5 MB.

    These are the locale of the guest's LANG, the names of locales and character sets, the time zones,
    the local time, the names of services and protocols, and OpenSSL's settings. What this machine lacks
    is left out.
    """
    for name in (LANG, LANG.replace("UTF-8", "utf8")):
        if (LOCALES / name).is_dir():
            yield from sorted((LOCALES / name).rglob("*"))
    if _ZONES.is_dir():
        for path in sorted(_ZONES.rglob("*")):
            if path.relative_to(_ZONES).parts[0] not in _OTHER_CLOCKS:
                yield path
    yield from (Path(name) for name in _USUAL_FILES if Path(name).exists())
    for folder in _LIBRARIES:
        yield from sorted((folder / "gconv").rglob("gconv-modules*"))


def users() -> tuple[Entry, Entry]:
    """Give /etc/passwd and /etc/group: this machine's names, and the user who runs the workload."""
    return (
        cpio.file("/etc/passwd", _names(Path("/etc/passwd"), _OWN_USERS)),
        cpio.file("/etc/group", _names(Path("/etc/group"), _OWN_GROUPS)),
    )


def _names(file: Path, own: tuple[str, ...]) -> bytes:
    """Put the lines of *own* before the lines of *file* that have another name and another number."""
    try:
        lines = file.read_text(errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    taken = {field for line in own for field in (line.split(":")[0], line.split(":")[2])}
    others = [
        line
        for line in lines
        if line.count(":") > 2 and not taken & {line.split(":")[0], line.split(":")[2]}
    ]
    return _lines((*own, *others))


_ASKS_FOR_LOCALE = re.compile(r"\b(?:LANG|LANGUAGE|LC_[A-Z]+)=(?!C\b|POSIX\b)\w")


def locale_files(words: Iterable[str]) -> Iterator[Path]:
    """Give glibc's locales if a command's words set another locale than the guest's."""
    if any(_ASKS_FOR_LOCALE.search(word) for word in words) and LOCALES.is_dir():
        yield LOCALES

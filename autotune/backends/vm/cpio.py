"""Writes archives that a kernel unpacks into its first root: equal entries give equal bytes.

The format is "newc", which Linux reads. An archive is a whole number of 4-byte words, so that archives
may follow each other: the kernel unpacks them in turn, and a later entry replaces an earlier entry with
its path.

Source: Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from autotune.errors import InputError, Where

_WORD_BYTES = 4
_MAX_BYTES = 2**32 - 1
"""The format has eight hexadecimal digits for a size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, folder, link or device in an archive. The functions of this module make entries.

    Attributes:
        path: Path in the archive, absolute, without links on the way.
        mode: Type and permissions, as `os.stat` gives them.
        content: A file's bytes, or the file of this machine that has them; a link's target.
        device: Major and minor number of a character device.
        owner: Number of the user and of the group to which the entry belongs.

    Raises:
        ValueError: If the path is not absolute, or has `..` in it.
    """

    path: str
    mode: int
    content: bytes | Path = field(default=b"", repr=False)
    device: tuple[int, int] = (0, 0)
    owner: int = 0

    def __post_init__(self) -> None:
        """Check the path."""
        if not self.path.startswith("/") or str(PurePosixPath(self.path)) != self.path:
            raise ValueError(f"path '{self.path}' must be absolute, and as short as it can be")
        if ".." in PurePosixPath(self.path).parts or self.path == "/":
            raise ValueError(f"path '{self.path}' names nothing below the root")

    def read(self) -> bytes:
        """Give the bytes that go into the archive.

        Raises:
            InputError: If the file of this machine can't be read, or is too large for the format.
        """
        if isinstance(self.content, bytes):
            return self.content
        try:
            content = self.content.read_bytes()
        except OSError as error:
            raise InputError(
                f"can't be read: {error.strerror}: a micro-VM's image needs it",
                Where(self.content),
            ) from error
        if len(content) > _MAX_BYTES:
            raise InputError("is 4 GiB or more: an image can't hold it", Where(self.content))
        return content


def file(path: str, content: bytes | Path, permissions: int = 0o644) -> Entry:
    """Make the entry of an ordinary file."""
    return Entry(path=path, mode=stat.S_IFREG | permissions, content=content)


def folder(path: str, permissions: int = 0o755) -> Entry:
    """Make the entry of a folder. Only empty folders and permissions other than 0755 need an entry."""
    return Entry(path=path, mode=stat.S_IFDIR | permissions)


def link(path: str, target: str) -> Entry:
    """Make the entry of a symbolic link."""
    return Entry(path=path, mode=stat.S_IFLNK | 0o777, content=os.fsencode(target))


def character_device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """Make the entry of a character device."""
    return Entry(path=path, mode=stat.S_IFCHR | permissions, device=(major, minor))


def _complete(entries: Iterable[Entry]) -> list[Entry]:
    """Add the folders above each entry, and order all entries: a folder comes before its content."""
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.setdefault(entry.path, entry)
        if first != entry and not (stat.S_ISDIR(first.mode) and stat.S_ISDIR(entry.mode)):
            raise ValueError(f"{entry.path} stands twice in the image, with different contents")
    for path in tuple(found):
        for parent in map(str, PurePosixPath(path).parents[:-1]):
            above = found.setdefault(parent, folder(parent))
            if not stat.S_ISDIR(above.mode):
                raise ValueError(f"{path} lies in {parent}, which is no folder of the image")
    return [found[path] for path in sorted(found, key=lambda path: PurePosixPath(path).parts)]


def _write_member(into: BinaryIO, name: str, entry: Entry, number: int) -> None:
    encoded = os.fsencode(name) + b"\0"
    content = entry.read()
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    changed = disk_major = disk_minor = checksum = 0
    header = (
        *(number, entry.mode, entry.owner, entry.owner, links, changed, len(content)),
        *(disk_major, disk_minor, *entry.device, len(encoded), checksum),
    )
    head = b"070701" + b"".join(b"%08X" % value for value in header) + encoded
    for part in (head, content):
        into.write(part)
        into.write(bytes(-len(part) % _WORD_BYTES))


def write_archive(entries: Iterable[Entry], into: BinaryIO) -> None:
    """Write an archive of *entries* and the folders above them. The order of *entries* does not matter.

    Raises:
        InputError: If a file of this machine can't be read.
        ValueError: If two different entries have one path (of two folders the first is taken), or an
            entry lies in an entry that is no folder.
    """
    for number, entry in enumerate(_complete(entries), start=1):
        _write_member(into, entry.path[1:], entry, number)
    _write_member(into, "TRAILER!!!", Entry(path="/end", mode=0), number=0)


def archive(entries: Iterable[Entry]) -> bytes:
    """Give the archive that `write_archive` writes.

    Raises:
        InputError: If a file of this machine can't be read.
        ValueError: If two different entries have one path, or an entry lies in one that is no folder.

    >>> archive([])[:6], len(archive([]))
    (b'070701', 124)
    """
    buffer = io.BytesIO()
    write_archive(entries, buffer)
    return buffer.getvalue()

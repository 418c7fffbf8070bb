"""Writes archives that a kernel unpacks into its first root: equal entries give equal bytes.

The format is "newc", the one that Linux reads. Archives are whole numbers of 4-byte words, so several
may be put one after another: the kernel unpacks them in turn, and what comes later replaces what was
there.

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
    """Something in an archive; the functions of this module make them.

    Attributes:
        path: Where it goes, absolute, without links on the way.
        mode: Type and permissions, as `os.stat` gives them.
        content: A file's bytes, or the file of this machine to take them from; a link's target.
        device: Major and minor number of a character device.
        owner: Number of the user and of the group that it belongs to.

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
    """Make an ordinary file."""
    return Entry(path=path, mode=stat.S_IFREG | permissions, content=content)


def folder(path: str, permissions: int = 0o755) -> Entry:
    """Make a folder; needed only for an empty one, or for other permissions than 0755."""
    return Entry(path=path, mode=stat.S_IFDIR | permissions)


def link(path: str, target: str) -> Entry:
    """Make a symbolic link."""
    return Entry(path=path, mode=stat.S_IFLNK | 0o777, content=os.fsencode(target))


def character_device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """Make a character device."""
    return Entry(path=path, mode=stat.S_IFCHR | permissions, device=(major, minor))


def _complete(entries: Iterable[Entry]) -> list[Entry]:
    """Add the folders above each entry, and order all so that each follows those above it."""
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
    """Write an archive of *entries*, with the folders above them, in an order of its own.

    Raises:
        InputError: If a file of this machine can't be read.
        ValueError: If two different entries have one path (of two folders the first is taken), or one
            lies in another that is no folder.
    """
    for number, entry in enumerate(_complete(entries), start=1):
        _write_member(into, entry.path[1:], entry, number)
    _write_member(into, "TRAILER!!!", Entry(path="/end", mode=0), number=0)


def archive(entries: Iterable[Entry]) -> bytes:
    """Give the archive that `write_archive` writes.

    Raises:
        InputError: As `write_archive`.
        ValueError: As `write_archive`.

    >>> archive([])[:6], len(archive([]))
    (b'070701', 124)
    """
    buffer = io.BytesIO()
    write_archive(entries, buffer)
    return buffer.getvalue()

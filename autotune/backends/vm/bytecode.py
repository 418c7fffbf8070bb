"""Python's compiled modules, made independent of the time stamps that an image leaves out.

A `.pyc` file names the time stamp of its source. Python compiles a module anew if time stamps differ,
as they do in an image. So the header is replaced by the header of a file that is never checked.

Source: PEP 552.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct("<4sIII")
"""Magic number, flags, and, without flags, time stamp and size of the source."""

_HASHED_UNCHECKED: Final = 1
UNCHECKED: Final = _HASHED_UNCHECKED.to_bytes(4, "little") + bytes(8)
"""What follows the magic number in a compiled module that Python never checks."""

FOLDER: Final = "__pycache__"


def lasting(compiled: Path) -> bytes | None:
    """Give a compiled module that stays valid; None if it is not valid now.

    Args:
        compiled: A file in a folder `__pycache__`.

    Raises:
        OSError: If it can't be read.
    """
    content = compiled.read_bytes()
    if len(content) < _HEADER.size:
        return None
    magic, flags, changed_s, size = _HEADER.unpack_from(content)
    if flags:  # it has its source's hash, and no time stamp
        return content
    source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
    if not source.is_file():
        return None
    status = source.stat()
    if (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF) != (changed_s, size):
        return None
    return bytes(magic) + UNCHECKED + content[_HEADER.size :]

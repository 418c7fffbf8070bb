"""What the kernel says of each page of a process: whether it is in memory, whether alone, and where.

The file has an entry of 64 bits for each page. Bit 63 says that the page is present, bit 56 that it is
mapped only once; bits 0 to 54 are the number of its frame.

Source: Documentation/admin-guide/mm/pagemap.rst.
"""

from __future__ import annotations

import array
import os
import re
from collections.abc import Iterator

from autotune.damon.spans import Span, merged

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_CHUNK_BYTES = 1 << 16
_ENTRY_BYTES = 8
_IS_PRESENT = bytes(top >> 7 for top in range(256))
_IS_SHARED = bytes(top >> 7 & (top & 1 ^ 1) for top in range(256))
_FRAME = (1 << 55) - 1
_ONES = re.compile(b"\1+")


class Pagemap:
    """The pages of a process. A process that has ended has none.

    Args:
        file: The process's file ``pagemap``.
    """

    def __init__(self, file: str) -> None:
        self._file = file

    def resident(self, start: int, end: int) -> tuple[Span, ...]:
        """Give the pages from *start* to *end* that are in memory, neighbours joined to spans."""
        return self._with(start, end, _IS_PRESENT)

    def shared(self, start: int, end: int) -> tuple[Span, ...]:
        """Give the pages in memory that are also mapped elsewhere, neighbours joined to spans."""
        return self._with(start, end, _IS_SHARED)

    def frames(self, start: int, end: int) -> tuple[int, ...]:
        """Give the number of the frame behind each page from *start* to *end*; 0 where there is none.

        The numbers are for root only: others read 0.
        """
        entries = array.array("Q")
        try:
            for _, part in self._entries(start, end):
                entries.frombytes(part[: len(part) // _ENTRY_BYTES * _ENTRY_BYTES])
        except OSError:
            return ()
        return tuple(entry & _FRAME if entry >> 63 else 0 for entry in entries)

    def _with(self, start: int, end: int, wanted: bytes) -> tuple[Span, ...]:
        """Give the spans of the pages whose entry has a highest byte that *wanted* translates to 1."""
        found: list[Span] = []
        try:
            for page, part in self._entries(start, end):
                present = part[_ENTRY_BYTES - 1 :: _ENTRY_BYTES].translate(wanted)
                found += (
                    ((page + run.start()) * _PAGE_BYTES, (page + run.end()) * _PAGE_BYTES)
                    for run in _ONES.finditer(present)
                )
        except OSError:
            return ()
        return tuple(merged(found))

    def _entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Read the entries of the pages from *start* to *end*: each piece with its first page's number.

        Raises:
            OSError: If the process has ended.
        """
        descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            step = _CHUNK_BYTES // _ENTRY_BYTES
            for page in range(start // _PAGE_BYTES, end // _PAGE_BYTES, step):
                pages = min(step, end // _PAGE_BYTES - page)
                yield page, os.pread(descriptor, pages * _ENTRY_BYTES, page * _ENTRY_BYTES)
        finally:
            os.close(descriptor)

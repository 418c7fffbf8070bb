"""How well a program's memory compresses: pages all of it out, and reads what the swap takes."""

from __future__ import annotations

import bisect
import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from autotune.damon.recording import Snapshot
from autotune.damon.spans import Span, common
from autotune.runner.procfs import PAGE_BYTES, Procfs
from autotune.runner.system_memory import SystemMemory

_PROCESS_MADVISE = 440
"""Number of the system call, equal on all 64-bit machines."""
_PAGEOUT = 21
"""MADV_PAGEOUT. Source: include/uapi/asm-generic/mman-common.h of Linux 6.12."""
_LEAST_BYTES, _MOST_BYTES = 1 << 20, 1 << 30
"""Size of a chunk. In smaller chunks the pool's rounding shows; one call takes less than 2 GiB."""
_MOST_CHUNKS = 1000


class _Vector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Chunk(NamedTuple):
    """What paging out some addresses added to the swap.

    Attributes:
        start: First address.
        end: Address behind the last.
        stored_bytes: Size of what went out, before compression.
        pool_bytes: Size of what went out, compressed.
    """

    start: int
    end: int
    stored_bytes: int
    pool_bytes: int


def page_out(pid: int, procfs: Procfs, system: SystemMemory) -> tuple[Chunk, ...]:
    """Page a process out, chunk by chunk; give the chunks of which something went out.

    The process is stopped meanwhile, so that it neither fetches anything back nor ends. It is slow for a
    while after that: this disturbs what is measured. Needs root. An ended process gives no chunks.
    """
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
            chunks = tuple(_page_out_all(pidfd, procfs.mappings(pid), system))
            signal.pidfd_send_signal(pidfd, signal.SIGCONT)
        finally:
            os.close(pidfd)
        return chunks
    return ()


def _page_out_all(pidfd: int, mappings: list[Span], system: SystemMemory) -> Iterator[Chunk]:
    for start, end in chunks_of(mappings):
        stored, pool = system.stored_bytes(), system.pool_bytes()
        _page_out(pidfd, start, end - start)
        stored, pool = system.stored_bytes() - stored, system.pool_bytes() - pool
        if stored > 0:
            yield Chunk(start, end, stored, pool)


def chunks_of(mappings: list[Span]) -> Iterator[Span]:
    """Cut mappings into the pieces that are paged out one by one: about 1000 or fewer, of whole pages.

    >>> list(chunks_of([(0, 4096), (1 << 20, 5 << 19)]))
    [(0, 4096), (1048576, 2097152), (2097152, 2621440)]
    """
    total = sum(end - start for start, end in mappings)
    size = -(-total // (_MOST_CHUNKS * PAGE_BYTES)) * PAGE_BYTES
    size = min(max(_LEAST_BYTES, size), _MOST_BYTES)
    for low, high in mappings:
        for start in range(low, high, size):
            yield start, min(start + size, high)


def _page_out(pidfd: int, start: int, size_bytes: int) -> None:
    # The kernel refuses areas of devices and locked areas. They stay.
    vector = _Vector(start, size_bytes)
    ctypes.CDLL(None, use_errno=True).syscall(
        ctypes.c_long(_PROCESS_MADVISE),
        ctypes.c_int(pidfd),
        ctypes.byref(vector),
        ctypes.c_size_t(1),
        ctypes.c_int(_PAGEOUT),
        ctypes.c_uint(0),
    )


def compressed_fraction(chunks: tuple[Chunk, ...], snapshots: Iterable[Snapshot]) -> float | None:
    """Give the compressed size of memory that schemes would page out, as a fraction of its size.

    The weight of a chunk is the share of it that was idle in the *snapshots*. If no chunk was ever idle,
    all chunks have equal weight.

    Args:
        chunks: What paging out gave, in order of address.
        snapshots: What DAMON found.

    Returns:
        None if nothing went out.
    """
    spans = [(chunk.start, chunk.end) for chunk in chunks]
    starts = [chunk.start for chunk in chunks]
    shares = [0.0] * len(chunks)
    for snapshot in snapshots:
        idle = [(region.start, region.end) for region in snapshot.regions if not region.accesses]
        for low, high in common(spans, idle):
            number = bisect.bisect_right(starts, low) - 1
            shares[number] += (high - low) / (chunks[number].end - chunks[number].start)
    if not any(shares):
        shares = [1.0] * len(chunks)
    stored = sum(share * chunk.stored_bytes for share, chunk in zip(shares, chunks, strict=True))
    pool = sum(share * chunk.pool_bytes for share, chunk in zip(shares, chunks, strict=True))
    return pool / stored if stored > 0 else None

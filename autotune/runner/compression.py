"""How well a program's memory compresses: it is paged out, all of it, and the swap is asked."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

from autotune.runner.procfs import Procfs
from autotune.runner.system_memory import SystemMemory

_PROCESS_MADVISE = 440
"""Number of the system call, the same on all 64-bit machines."""
_PAGEOUT = 21
"""MADV_PAGEOUT. Source: include/uapi/asm-generic/mman-common.h of Linux 6.12."""
_MOST_BYTES = 1 << 30
"""In one call: the kernel takes less than 2 GiB."""


class _Vector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def compressed_fraction(pid: int, procfs: Procfs, system: SystemMemory) -> float | None:
    """Page a process out, and give what a byte of it takes in compressed swap.

    The process is stopped meanwhile, so that it neither fetches anything back nor ends, and is slow for
    a while after that: this disturbs what is measured. It takes root.

    Returns:
        None if nothing was paged out, as where the process has ended.
    """
    stored_bytes, pool_bytes = system.stored_bytes(), system.pool_bytes()
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
            for start, end in procfs.mappings(pid):
                for at in range(start, end, _MOST_BYTES):
                    _page_out(pidfd, at, min(end - at, _MOST_BYTES))
            stored_bytes = system.stored_bytes() - stored_bytes
            pool_bytes = system.pool_bytes() - pool_bytes
            signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            return pool_bytes / stored_bytes if stored_bytes > 0 else None
        finally:
            os.close(pidfd)
    return None


def _page_out(pidfd: int, start: int, size_bytes: int) -> None:
    # The kernel refuses areas of devices, and what is locked: those stay.
    vector = _Vector(start, size_bytes)
    ctypes.CDLL(None, use_errno=True).syscall(
        ctypes.c_long(_PROCESS_MADVISE),
        ctypes.c_int(pidfd),
        ctypes.byref(vector),
        ctypes.c_size_t(1),
        ctypes.c_int(_PAGEOUT),
        ctypes.c_uint(0),
    )

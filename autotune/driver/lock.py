"""A lock file: it keeps two runs from changing the machine at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from autotune.errors import BackendUnavailableError

LOCK: Final = Path("/run/lock/damos-autotune.lock")


@contextlib.contextmanager
def locked(path: Path = LOCK) -> Iterator[None]:
    """Hold the lock at *path* inside the block. If the process is killed, the kernel lets the lock go.

    The file stays: another process may have opened it already, and would then lock a removed file.

    Raises:
        BackendUnavailableError: If another process holds the lock, or the file can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackendUnavailableError(
            f"{path}: can't be used as a lock: {error.strerror}: run as root, and see that it is an "
            "ordinary file"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise BackendUnavailableError(
                f"{path}: another autotune measures on this machine (process {holder}): wait until "
                "it is done"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)

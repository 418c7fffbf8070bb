"""Removes a tracing instance."""

from __future__ import annotations

import errno
from pathlib import Path

from autotune.errors import BackendUnavailableError


def remove_buffer(folder: Path) -> None:
    """Remove a tracing instance, with what its buffer holds. It is no error if the instance is gone.

    Args:
        folder: The instance's folder. The kernel removes all below it.

    Raises:
        BackendUnavailableError: If a process has one of the instance's files open.
    """
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise BackendUnavailableError(
                f"{folder}: can't be removed: {error.strerror}: end what reads there"
            ) from error

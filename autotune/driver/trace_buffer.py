"""Taking a tracing instance away again."""

from __future__ import annotations

import errno
from pathlib import Path

from autotune.errors import BackendUnavailableError


def remove_buffer(folder: Path) -> None:
    """Remove a tracing instance, whatever is in its buffer; one that is gone is fine.

    Args:
        folder: Of the instance. The kernel removes all below it.

    Raises:
        BackendUnavailableError: If somebody has one of its files open.
    """
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise BackendUnavailableError(
                f"{folder}: can't be removed: {error.strerror}: end what reads there"
            ) from error

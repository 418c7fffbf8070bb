"""The folder for files that can be made again: compiled programs, kernels, images, saved machines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from autotune.errors import BackendUnavailableError


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Give the folder: below XDG_CACHE_HOME, or, if that is not set, below ``~/.cache``. Makes nothing.

    Args:
        environment: Environment variables of this process.

    Raises:
        BackendUnavailableError: If XDG_CACHE_HOME is not set and there is no home folder.

    >>> print(cache_folder({"XDG_CACHE_HOME": "/var/cache"}))
    /var/cache/damos-autotune
    """
    base = environment.get("XDG_CACHE_HOME", "")
    try:
        # Source: XDG Base Directory Specification, which says to ignore a relative path.
        folder = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
    except RuntimeError as error:
        raise BackendUnavailableError(
            "no home folder to keep files in: set XDG_CACHE_HOME to a folder"
        ) from error
    return folder / "damos-autotune"

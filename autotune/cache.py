"""The folder for what can be made again: compiled programs, kernels, images, saved machines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from autotune.errors import BackendUnavailableError


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Give the folder, made or not: below XDG_CACHE_HOME, or else ``~/.cache``.

    Args:
        environment: Of this process.

    Raises:
        BackendUnavailableError: If there is no home folder either.

    >>> print(cache_folder({"XDG_CACHE_HOME": "/var/cache"}))
    /var/cache/damos-autotune
    """
    base = environment.get("XDG_CACHE_HOME", "")
    try:
        # Source: XDG Base Directory Specification; a relative path is to be ignored.
        folder = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
    except RuntimeError as error:
        raise BackendUnavailableError(
            "no home folder to keep files in: set XDG_CACHE_HOME to a folder"
        ) from error
    return folder / "damos-autotune"

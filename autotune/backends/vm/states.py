"""Saved machines on disk, found by what they were made from; the oldest go when there are many."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from autotune.errors import BackendUnavailableError

_MOST_BYTES = 4 << 30
"""All saved machines together; one more may be written above it."""


class SavedMachines:
    """A folder of saved machines.

    Args:
        folder: Made when it is needed.
        most_bytes: What the files may take together.
    """

    def __init__(self, folder: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str, save: Callable[[Path], None]) -> Path:
        """Give the file with the machine of a key; it is made by *save* if it is not there.

        Two processes that want the same machine make it once.

        Args:
            key: Names what the machine was made from; a file name.
            save: Writes the machine to the file it is given.

        Raises:
            BackendUnavailableError: If the folder can't be written to, or as *save*.
            TrialError: As *save*.
        """
        path = self._folder / f"{key}.state"
        with self._locked(key):
            if not path.is_file():
                new = self._folder / f".{key}.new"
                try:
                    save(new)
                    new.replace(path)
                finally:
                    new.unlink(missing_ok=True)
                self._make_room(path)
            os.utime(path)
        return path

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._folder / f".{key}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
        except OSError as error:
            raise BackendUnavailableError(
                f"{self._folder}: can't keep machines here: {error.strerror}: make it writable, or "
                "set XDG_CACHE_HOME"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _make_room(self, keep: Path) -> None:
        """Remove the machines that were not used for longest."""
        files = sorted(self._folder.glob("*.state"), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in files)
        for path in files:
            if total <= self._most_bytes:
                return
            if path != keep:
                total -= path.stat().st_size
                # Who is reading it has it open, and reads on.
                path.unlink(missing_ok=True)

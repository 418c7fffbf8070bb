"""Saved machines on disk, found by what they were made from. The longest unused are removed first."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from autotune.errors import BackendUnavailableError

_MOST_BYTES = 4 << 30
"""Size of all saved machines together. While a machine is written, its size comes on top."""


class SavedMachines:
    """A folder of saved machines.

    Args:
        folder: The folder. It is made if it is missing.
        most_bytes: Size that the files may have together.
    """

    def __init__(self, folder: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str, save: Callable[[Path], None]) -> Path:
        """Give the file with the machine of a key. If there is no such file, *save* makes it.

        If two processes want one machine at once, it is made once.

        Args:
            key: A file name that stands for what the machine was made from.
            save: Writes the machine to a path.

        Raises:
            BackendUnavailableError: If the folder can't be written to, or *save* raises it.
            TrialError: If *save* raises it.
        """
        path = self._folder / f"{key}.state"
        with self._locked(key):
            if not path.is_file():
                self._remove_abandoned()
                new = self._folder / f".{key}.new"
                try:
                    save(new)
                    new.replace(path)
                finally:
                    new.unlink(missing_ok=True)
                make_room(self._folder.glob("*.state"), self._most_bytes, keep=path)
            os.utime(path)
        return path

    def _remove_abandoned(self) -> None:
        """Remove files of processes that were killed while they saved: no process holds their locks."""
        for new in self._folder.glob(".*.new"):
            try:
                lock = os.open(new.with_suffix(".lock"), os.O_WRONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    new.unlink(missing_ok=True)
            finally:
                os.close(lock)

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            lock = os.open(self._folder / f".{key}.lock", flags, 0o666)
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


def make_room(files: Iterable[Path], most_bytes: int, *, keep: Path) -> None:
    """Remove files, oldest first, until the rest have no more than *most_bytes*.

    Args:
        files: The files. Another process may remove some of them meanwhile.
        most_bytes: Size that the files may have together.
        keep: A file that is not removed, however large it is.
    """
    found = []
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_mtime_ns, path, status.st_size))
    total = sum(size for _, _, size in found)
    for _, path, size in sorted(found):
        if total <= most_bytes:
            return
        if path != keep:
            total -= size
            # A process that reads the file has it open, and can read on.
            path.unlink(missing_ok=True)

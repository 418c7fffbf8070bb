"""DAMON's sysfs tree: values by their path below `kdamonds`, tried again while the kernel is busy."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from autotune.driver.sysfs_file import SysfsError, read_value, write_value
from autotune.errors import BackendUnavailableError

KDAMONDS: Final = Path("kernel/mm/damon/admin/kdamonds")
"""The tree's place below sysfs."""

_PAUSE_S = 0.01

_Result = TypeVar("_Result")


class DamonTree:
    """The files by which DAMON is set up and asked.

    There is one tree a kernel, and nobody owns it: `autotune.driver.claim` sees to that. The kernel
    takes one lock for all of it and answers EBUSY to who comes second, so that is tried again.

    Attributes:
        sysfs: Where sysfs is mounted.
        root: The folder that all paths are relative to.

    All methods that read or write raise `SysfsError` where the kernel refuses, and
    `BackendUnavailableError` without DAMON or without the right to use it.
    """

    def __init__(self, sysfs: Path = Path("/sys"), retry_s: float = 5.0) -> None:
        self.sysfs, self.root = sysfs, sysfs / KDAMONDS
        self._retry_s = retry_s

    def check(self) -> None:
        """See that there is a tree, and that this process may use it. Changes nothing."""
        self.read("nr_kdamonds")

    def exists(self, relative: str) -> bool:
        """Say whether this kernel has a file, or a folder."""
        return (self.root / relative).exists()

    def read(self, relative: str) -> str:
        """Give a file's value."""
        return self._patiently(lambda: self._read(self.root / relative))

    def write(self, relative: str, value: str) -> None:
        """Set a file's value."""
        self._patiently(lambda: self._write(self.root / relative, value))

    def _read(self, file: Path) -> str:
        return read_value(file)

    def _write(self, file: Path, value: str) -> None:
        write_value(file, value)

    def _patiently(self, attempt: Callable[[], _Result]) -> _Result:
        deadline = time.monotonic() + self._retry_s
        while True:
            try:
                return attempt()
            except SysfsError as error:
                if error.errno == errno.ENOENT and not self.root.is_dir():
                    raise BackendUnavailableError(
                        f"{self.root}: this kernel has no DAMON sysfs interface: boot one built with "
                        "CONFIG_DAMON_SYSFS, or use the vm backend"
                    ) from error
                if error.errno != errno.EBUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(_PAUSE_S)

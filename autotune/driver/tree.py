"""DAMON's sysfs tree: reads and writes its files, and tries again while the kernel is busy."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from autotune.driver.sysfs_file import SysfsError, read_value, write_value
from autotune.errors import BackendUnavailableError

KDAMONDS: Final = Path("kernel/mm/damon/admin/kdamonds")
"""The tree's folder, below the folder where sysfs is mounted."""

_PAUSE_S = 0.01

_Result = TypeVar("_Result")


class DamonTree:
    """The files by which DAMON is set up and asked.

    A kernel has one tree, which any program may use; `autotune.driver.claim` refuses if another program
    does. The kernel has one lock for the whole tree, and answers EBUSY while another program holds it.
    Then this class tries again.

    Attributes:
        sysfs: Where sysfs is mounted.
        root: The folder ``kdamonds``. All paths are relative to it.

    Args:
        sysfs: Where sysfs is mounted.
        retry_s: How long a busy kernel is asked again, in seconds.
        read: Gives the value of a file.
        write: Sets the value of a file.

    All methods that read or write raise `SysfsError` if the kernel refuses, and
    `BackendUnavailableError` if there is no DAMON, or this process may not use it.
    """

    def __init__(
        self,
        sysfs: Path = Path("/sys"),
        retry_s: float = 5.0,
        *,
        read: Callable[[Path], str] = read_value,
        write: Callable[[Path, str], None] = write_value,
    ) -> None:
        self.sysfs, self.root = sysfs, sysfs / KDAMONDS
        self._retry_s = retry_s
        self._read, self._write = read, write

    def check(self) -> None:
        """Check that there is a tree, and that this process may use it. Changes nothing."""
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

"""Who uses DAMON now. A kernel has one DAMON interface, and the interface does not say who uses it.

This module only reads, and reads little. Reading a kdamond's state takes the lock of the whole tree, and
a command of another program fails at that moment. So each file is read once, also if it is busy.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from autotune.driver.sysfs_file import SysfsError, read_value
from autotune.driver.tree import KDAMONDS
from autotune.errors import BackendUnavailableError


def _state(folder: Path, read: Callable[[Path], str]) -> str:
    try:
        pid = int(read(folder / "pid"))
    except SysfsError as error:
        if error.errno not in (errno.EBUSY, errno.ENOENT):
            raise
        return f"is being changed ({folder / 'state'})"
    if pid > 0:
        return f"runs as thread {pid} ({folder / 'state'})"
    return f"is set up, but off ({folder.parent / 'nr_kdamonds'})"


def _kdamonds(root: Path, read: Callable[[Path], str]) -> Iterator[str]:
    if root.is_dir():
        for index in range(int(read(root / "nr_kdamonds"))):
            yield f"kdamond {index} {_state(root / str(index), read)}"


def _modules(sysfs: Path, read: Callable[[Path], str]) -> Iterator[str]:
    for file in sorted((sysfs / "module").glob("damon_*/parameters/enabled")):
        if read(file) in ("Y", "1"):
            yield f"{file.parent.parent.name.upper()} is on ({file})"


def foreign_users(sysfs: Path, read: Callable[[Path], str] = read_value) -> tuple[str, ...]:
    """Say who uses DAMON: one sentence for each user, with the file that shows it.

    Every kdamond counts as a user, on or off: so ask before setting up your own. Every module of DAMON
    that is on counts, too. On a kernel without DAMON there are no users.

    Args:
        sysfs: Where sysfs is mounted.
        read: Gives the value of a file.

    Raises:
        BackendUnavailableError: If only root may read the files.
    """
    return (*_kdamonds(sysfs / KDAMONDS, read), *_modules(sysfs, read))


def refuse_foreign_users(sysfs: Path) -> None:
    """See that nobody uses DAMON.

    Raises:
        BackendUnavailableError: If somebody uses DAMON; the message says who.
    """
    if users := foreign_users(sysfs):
        raise BackendUnavailableError(
            f"DAMON is in use: {'; '.join(users)}: let it end, or write 'off', '0' or 'N' to these "
            "files if it is not needed; nothing was changed"
        )

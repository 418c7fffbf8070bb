"""Puts back what a journal says was changed, last change first."""

from __future__ import annotations

import errno
from pathlib import Path

from autotune.driver.journal import JOURNAL, Change, Journal, Kind
from autotune.driver.kdamond import ANY_THREAD, Kdamond, TakenOverError
from autotune.driver.lock import LOCK, locked
from autotune.driver.sysfs_file import write_value
from autotune.driver.system_calls import SystemCallError, SystemCalls
from autotune.driver.trace_buffer import remove_buffer
from autotune.driver.tree import DamonTree
from autotune.errors import AutotuneError, BackendUnavailableError


def restore(journal: Journal, tree: DamonTree, system: SystemCalls) -> tuple[str, ...]:
    """Undo all changes that are pending. It is no error if a change was never made.

    Returns:
        What was put back, one sentence a change.

    Raises:
        BackendUnavailableError: If some changes could not be undone. The journal keeps them; all other
            changes were undone.
    """
    restored, failures = list[str](), list[str]()
    for change in reversed(journal.pending()):
        try:
            restored.append(_undo(change, tree, system))
            journal.undone(change)
        except AutotuneError as error:
            failures.append(str(error))
    if failures:
        raise BackendUnavailableError(
            f"{journal.path}: not all was put back: {'; '.join(failures)}: mend that, then run: "
            "autotune doctor --restore"
        )
    return tuple(restored)


def restore_after_kill(
    tree: DamonTree,
    *,
    system: SystemCalls,
    journal_path: Path = JOURNAL,
    lock_path: Path = LOCK,
    procfs: Path = Path("/proc"),
) -> tuple[str, ...]:
    """Put back what a killed run changed. A run that goes on is not disturbed.

    Returns:
        What was put back, one sentence a change.

    Raises:
        BackendUnavailableError: If a run goes on, or something could not be put back.
    """
    with locked(lock_path):
        return restore(Journal(journal_path, procfs), tree, system)


def _undo(change: Change, tree: DamonTree, system: SystemCalls) -> str:
    match change.kind:
        case Kind.KDAMONDS:
            return f"{change.where}: {_clear_kdamonds(tree, change.old)}"
        case Kind.SETTING:
            write_value(Path(change.where), change.old)
            return f"{change.where}: '{change.old}' again"
        case Kind.SWAP:
            _swap_off(Path(change.where), system)
            return f"{change.where}: no swap any more"
        case Kind.ZRAM:
            _remove_zram(Path(change.where), tree.sysfs, added=change.old == "added")
            return f"{change.where}: empty, or gone, as before"
        case Kind.TRACE:
            remove_buffer(Path(change.where))
            return f"{change.where}: no trace buffer any more"


def _clear_kdamonds(tree: DamonTree, thread: str) -> str:
    try:
        # Without a number the run was killed before it wrote the number down. Then the thread that runs
        # is taken to be ours.
        Kdamond(tree, thread=int(thread or ANY_THREAD)).turn_off()
    except TakenOverError:
        return "used by another program since: left as it is"
    return "DAMON is off, and nothing is set up"


def _swap_off(device: Path, system: SystemCalls) -> None:
    try:
        system.swap_off(device)
    except SystemCallError as error:
        # The device is no swap, or is gone: the change was written down, but not made.
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise


def _remove_zram(device: Path, sysfs: Path, *, added: bool) -> None:
    if device.is_dir():
        write_value(device / "reset", "1")
        if added:
            number = device.name.removeprefix("zram")
            write_value(sysfs / "class/zram-control/hot_remove", number)

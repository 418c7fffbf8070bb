"""The kernel thread that monitors: turns it on with a setup, asks it, turns it off.

The kernel hands every command but ``on`` and ``off`` to the thread. Such a command takes 0.1 s or more,
and reports success even if it failed. So the state is read after each command.

Source: mm/damon/sysfs.c of Linux 6.12, ``damon_sysfs_handle_cmd``.
"""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Final

from autotune.damon.damos import FilterType, SchemeStats
from autotune.driver.setup import Setup
from autotune.driver.staged_files import SCHEMES, UnsupportedSchemeError, stage
from autotune.driver.sysfs_file import SysfsError
from autotune.driver.tree import DamonTree
from autotune.errors import AutotuneError, BackendUnavailableError, TrialError

_STATE = "0/state"
_SETTLING_S = 0.02
"""How long a thread that gives up may need until its state shows it."""

ANY_THREAD: Final = -1
"""Stands for a thread that was turned on and whose number is not known."""


class KdamondEndedError(TrialError):
    """DAMON stopped by itself: its target ended, or DAMON could not take a new setup."""


class TakenOverError(BackendUnavailableError):
    """Another program has set DAMON up for itself. Our setup is gone; theirs was left alone."""


class Kdamond:
    """The first and only kdamond of a tree.

    Attributes:
        tree: DAMON's files.

    Methods raise `SysfsError` if the kernel refuses a value and no other error fits better.
    """

    def __init__(
        self, tree: DamonTree, procfs: Path = Path("/proc"), *, thread: int | None = None
    ) -> None:
        """Take hold of the kdamond; nothing is read or changed yet.

        Args:
            tree: DAMON's files.
            procfs: Where procfs is mounted.
            thread: The number of the thread, if it was turned on before, or `ANY_THREAD`. A thread with
                another number is left alone.
        """
        self.tree = tree
        self._procfs = procfs
        self._thread = thread
        self._setup: Setup | None = None

    def turn_on(self, setup: Setup) -> int:
        """Set DAMON up, and start it.

        Returns:
            The thread's number.

        Raises:
            KdamondEndedError: If the process to watch is gone.
            UnsupportedSchemeError: If this kernel can't be told a part of the setup.
            BackendUnavailableError: If another user keeps DAMON busy.
        """
        self._setup = setup
        stage(self.tree, setup)
        # From here on a thread of ours may run, also if an exception interrupts the next lines.
        self._thread = ANY_THREAD
        try:
            self.tree.write(_STATE, "on")
        except SysfsError as error:
            self._thread = None
            raise self._why_not(setup, error) from error
        self._thread = pid = self.pid()
        if pid is None:
            raise self._ended()
        return pid

    def turn_off(self) -> None:
        """Stop DAMON, and take back what was set up. It is no error if DAMON is off, or was never on.

        If an action is at work, this waits for its end.

        Raises:
            TakenOverError: If what runs is not ours; nothing is changed then.
            BackendUnavailableError: If DAMON can't be stopped.
        """
        count = int(self.tree.read("nr_kdamonds"))
        if count == 0:
            return
        pid = self.pid()
        if count > 1 or (pid is not None and self._thread not in (ANY_THREAD, pid)):
            raise TakenOverError(
                f"{self.tree.root}: another program has taken DAMON over ({count} kdamonds, the first "
                f"{'off' if pid is None else f'is thread {pid}'}): let one use it at a time; it was "
                "left as it is"
            )
        try:
            if pid is not None:
                self.tree.write(_STATE, "off")
        except SysfsError:
            # EPERM: the thread ended by itself since its number was read.
            if self.is_on():
                raise
        if self.is_on():
            raise BackendUnavailableError(
                f"{self.tree.root / _STATE}: the kdamond does not stop: see the kernel's log (dmesg)"
            )
        self.tree.write("nr_kdamonds", "0")
        self._thread = None

    def is_on(self) -> bool:
        """Say whether the thread runs."""
        return self.tree.exists(_STATE) and self.tree.read(_STATE) == "on"

    def pid(self) -> int | None:
        """Give the thread's number; None if DAMON is off."""
        pid = int(self.tree.read("0/pid")) if self.tree.exists("0/pid") else -1
        return pid if pid > 0 else None

    def cpu_time_ns(self) -> int | None:
        """Give the CPU time that the thread has used, in nanoseconds; None once the thread has ended.

        Source: Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat".
        """
        if self._thread is None:
            return None
        try:
            text = (self._procfs / str(self._thread) / "schedstat").read_text()
        except OSError:
            return None
        return int(text.split()[0])

    def update_stats(self) -> tuple[SchemeStats, ...]:
        """Give the statistics of every scheme since DAMON was turned on, in the schemes' order.

        Raises:
            KdamondEndedError: If DAMON has stopped; its last statistics can't be known then.
        """
        self._command("update_schemes_stats")
        names = {
            "tried_regions": "nr_tried",
            "tried_bytes": "sz_tried",
            "applied_regions": "nr_applied",
            "applied_bytes": "sz_applied",
            "quota_exceeds": "qt_exceeds",
        }
        columns = {name: self._of_schemes(f"stats/{file}") for name, file in names.items()}
        return tuple(
            SchemeStats(**dict(zip(columns, row, strict=True)))
            for row in zip(*columns.values(), strict=True)
        )

    def effective_quotas(self) -> tuple[int, ...]:
        """Give the size in bytes that each scheme may try per charge window; 0 is no limit.

        Raises:
            KdamondEndedError: If DAMON has stopped.
        """
        self._command("update_schemes_effective_quotas")
        return self._of_schemes("quotas/effective_bytes")

    def tried_bytes(self) -> tuple[int, ...]:
        """Wait for the next pass of every scheme; give the bytes that each scheme tried in it.

        Raises:
            KdamondEndedError: If DAMON has stopped.
        """
        self._command("update_schemes_tried_bytes")
        return self._of_schemes("tried_regions/total_bytes")

    def commit(self, setup: Setup, *, active: bool = False) -> None:
        """Replace the setup while DAMON runs, at the end of the aggregation interval.

        Regions, ages and statistics are kept; every timer starts anew.

        Args:
            setup: The new setup.
            active: Whether the caller has seen just now that no watermark holds all schemes back, and
                turns DAMON off from another thread if this waits for long.

        Raises:
            KdamondEndedError: If DAMON is off, or stops while it takes the new setup.
            UnsupportedSchemeError: If this kernel can't be told a part of the setup. Also if all schemes
                that run have watermarks: while the watermarks hold the schemes back, a commit would wait
                for ever, and the process that writes it could not be killed.
        """
        schemes = self._setup.schemes if self._setup else ()
        if not active and schemes and all(scheme.watermarks for scheme in schemes):
            raise UnsupportedSchemeError(
                f"{self.tree.root / _STATE}: all schemes that run have watermarks, and a commit may "
                "wait for ever for them: turn DAMON off, and on with the new setup"
            )
        if not self.is_on():
            raise self._ended()
        stage(self.tree, setup, running=True)
        self._setup = setup
        self._command("commit")
        # The command returns when the thread has given up. The thread may end shortly after that.
        time.sleep(_SETTLING_S)
        if not self.is_on():
            raise self._ended()

    def _command(self, command: str) -> None:
        try:
            self.tree.write(_STATE, command)
        except SysfsError as error:
            if error.errno == errno.EINVAL and not self.is_on():
                raise self._ended() from error
            raise
        if not self.is_on():
            raise self._ended()

    def _of_schemes(self, file: str) -> tuple[int, ...]:
        count = int(self.tree.read(f"{SCHEMES}/nr_schemes"))
        return tuple(int(self.tree.read(f"{SCHEMES}/{index}/{file}")) for index in range(count))

    def _gone(self, setup: Setup) -> list[int]:
        return [pid for pid in setup.pids if not (self._procfs / str(pid)).exists()]

    def _ended(self) -> KdamondEndedError:
        gone = self._gone(self._setup) if self._setup else []
        if gone:
            return KdamondEndedError(_gone_text(gone))
        return KdamondEndedError(
            f"{self.tree.root / _STATE}: DAMON has stopped by itself: its target ended, or it could "
            "not take the setup; let the workload run longer than the measurement"
        )

    def _why_not(self, setup: Setup, error: SysfsError) -> AutotuneError:
        gone = self._gone(setup)
        if error.errno == errno.EINVAL and gone:
            return KdamondEndedError(_gone_text(gone))
        if error.errno == errno.EBUSY:
            return BackendUnavailableError(
                f"{error.file}: DAMON is kept busy by another user: turn DAMON_RECLAIM, DAMON_LRU_SORT "
                f"and DAMON_STAT off ({self.tree.sysfs}/module/damon_*/parameters/enabled), or wait"
            )
        groups = sorted(
            str(item.memcg_path)
            for scheme in setup.schemes
            for item in scheme.filters
            if item.type is FilterType.MEMCG
        )
        # The kernel also says ENOMEM if it does not find a control group.
        if error.errno == errno.ENOMEM and groups:
            return TrialError(
                f"{error.file}: no control group {', '.join(groups)}, or no memory: make it, or name "
                "another in the filter"
            )
        return error


def _gone_text(pids: list[int]) -> str:
    names = ", ".join(str(pid) for pid in pids)
    return f"process {names}: the process to watch has ended: let the workload outlive the measurement"

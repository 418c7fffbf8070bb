"""Holds this machine's DAMON for one block of code, if nobody uses it, and then puts all back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autotune.driver.journal import JOURNAL, Change, Journal, Kind
from autotune.driver.kdamond import Kdamond, TakenOverError
from autotune.driver.lock import LOCK, locked
from autotune.driver.ownership import refuse_foreign_users
from autotune.driver.restoring import restore
from autotune.driver.setup import Setup
from autotune.driver.system_calls import SystemCalls
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError


class ClaimedKdamond(Kdamond):
    """A kdamond that is turned on only if nobody else uses DAMON. The journal names it before that.

    While this kdamond is off, it has nothing set up in DAMON's files. So what is set up there then
    belongs to another program.
    """

    def __init__(self, tree: DamonTree, journal: Journal, procfs: Path = Path("/proc")) -> None:
        super().__init__(tree, procfs)
        self._journal = journal
        self._change: Change | None = None

    def turn_on(self, setup: Setup) -> int:
        """Set DAMON up, and start it. If that fails, nothing stays set up.

        Returns:
            The thread's number.

        Raises:
            KdamondEndedError: If the process to watch is gone.
            UnsupportedSchemeError: If this kernel can't be told a part of the setup.
            BackendUnavailableError: If somebody uses DAMON; nothing is changed then.
        """
        refuse_foreign_users(self.tree.sysfs)
        self._note(Change(kind=Kind.KDAMONDS, where=str(self.tree.root)))
        try:
            thread = super().turn_on(setup)
            # From here on a thread with another number is another program's, also after a kill.
            self._note(Change(kind=Kind.KDAMONDS, where=str(self.tree.root), old=str(thread)))
        except BaseException:
            self.turn_off()
            raise
        return thread

    def turn_off(self) -> None:
        """Stop DAMON, and take back what was set up. Does nothing if `turn_on` was not called before.

        Raises:
            TakenOverError: If what runs is not ours; nothing is changed then.
            BackendUnavailableError: If DAMON can't be stopped.
        """
        if self._change is not None:
            try:
                super().turn_off()
            except TakenOverError:
                # Nothing of ours is left to put back. What is set up now is another program's.
                self._note(None)
                raise
            self._note(None)

    def _note(self, change: Change | None) -> None:
        before, self._change = self._change, change
        if change is not None:
            self._journal.write_down(change)
        if before is not None:
            self._journal.undone(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the block may use.

    Attributes:
        kdamond: The kdamond. The block may turn it on and off as often as it wants.
        journal: The journal. The block writes every other change down in it before it makes the change.
    """

    kdamond: Kdamond
    journal: Journal


@contextlib.contextmanager
def claim(
    tree: DamonTree,
    *,
    system: SystemCalls,
    journal_path: Path = JOURNAL,
    lock_path: Path = LOCK,
    procfs: Path = Path("/proc"),
) -> Iterator[Claim]:
    """Hold this machine's DAMON inside the block.

    When the block ends, also by an error, everything that the journal names is put back. If the process
    is killed, the journal's file stays.

    Raises:
        BackendUnavailableError: If there is no DAMON, another program uses it, another run of ours goes
            on, or what a killed run changed is not put back yet: nothing is changed then. Also if, at
            the end, something could not be put back.
    """
    with locked(lock_path):
        tree.check()
        journal = Journal(journal_path, procfs)
        if journal.pending():
            raise BackendUnavailableError(
                f"{journal_path}: a run was killed, and what it changed is not put back: run: "
                "autotune doctor --restore"
            )
        refuse_foreign_users(tree.sysfs)
        try:
            yield Claim(kdamond=ClaimedKdamond(tree, journal, procfs), journal=journal)
        finally:
            restore(journal, tree, system)

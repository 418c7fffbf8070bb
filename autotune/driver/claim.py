"""This machine's DAMON, for one block of code: taken if nobody uses it, given back as it was found."""

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
    """A kdamond that is only turned on while nobody else uses DAMON, and written down before.

    Nothing is set up while it is off. So whatever is there then belongs to someone who came meanwhile.
    """

    def __init__(self, tree: DamonTree, journal: Journal, procfs: Path = Path("/proc")) -> None:
        super().__init__(tree, procfs)
        self._journal = journal
        self._change: Change | None = None

    def turn_on(self, setup: Setup) -> int:
        """See `Kdamond.turn_on`. If it fails, nothing stays set up.

        Raises:
            BackendUnavailableError: If somebody uses DAMON; nothing is changed then.
        """
        refuse_foreign_users(self.tree.sysfs)
        self._note(Change(kind=Kind.KDAMONDS, where=str(self.tree.root)))
        try:
            thread = super().turn_on(setup)
            # From here on, any other thread is somebody else's, also after a kill.
            self._note(Change(kind=Kind.KDAMONDS, where=str(self.tree.root), old=str(thread)))
        except BaseException:
            self.turn_off()
            raise
        return thread

    def turn_off(self) -> None:
        """See `Kdamond.turn_off`; without `turn_on` before it does nothing."""
        if self._change is not None:
            try:
                super().turn_off()
            except TakenOverError:
                # Nothing of ours is left to be put back, and what is there must not be touched.
                self._note(None)
                raise
            self._note(None)

    def _note(self, change: Change | None) -> None:
        before, self._change = self._change, change
        if change is not None:
            self._journal.record(change)
        if before is not None:
            self._journal.undone(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim gives.

    Attributes:
        kdamond: To be turned on and off as often as wanted.
        journal: For whatever else is changed inside the block.
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
    """Hold this machine's DAMON inside the block, however long that is.

    At its end, however it comes, all is put back that the journal names. A kill leaves the journal.

    Raises:
        BackendUnavailableError: If there is no DAMON, somebody uses it, another run of ours goes on or
            was killed: nothing is changed then. Or if something could not be put back.
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

"""The list of the changes made to this machine. It is on disk first, so a kill leaves it readable.

Each line is JSON and names one change. A line with "undone" cancels the last equal change before it.
Lines of an earlier boot do not count: their changes ended with that boot's kernel.
"""

from __future__ import annotations

import enum
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from autotune.errors import BackendUnavailableError

JOURNAL: Final = Path("/run/damos-autotune.journal")
"""The default path: only root may write there."""


class Kind(enum.Enum):
    """What was changed, and so how to undo it."""

    KDAMONDS = "kdamonds"
    """DAMON was set up; `old` is the thread's number once it is known."""
    SETTING = "setting"
    """A file got another value; `old` is the value before."""
    SWAP = "swap"
    """Swap was turned on for the device."""
    ZRAM = "zram"
    """A zram device got a size; `old` is "added" if we added the device, "found" if it was there."""
    TRACE = "trace"
    """A tracing instance was made: a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        kind: What was changed.
        where: The file, folder or device, as an absolute path.
        old: What `kind` says; empty if undoing needs to know nothing.
    """

    kind: Kind
    where: str
    old: str = ""


class Journal:
    """The journal at a path. Without pending changes there is no file.

    All methods raise `BackendUnavailableError` if the file can't be read, written or understood.
    """

    def __init__(self, path: Path, procfs: Path = Path("/proc")) -> None:
        self.path = path
        self._procfs = procfs

    def write_down(self, change: Change) -> None:
        """Say that *change* is about to be made. The line is on disk when this returns."""
        self._append(change, undone=False)

    def undone(self, change: Change) -> None:
        """Say that *change* is put back."""
        self._append(change, undone=True)
        if not self.pending():
            self.path.unlink(missing_ok=True)

    def pending(self) -> tuple[Change, ...]:
        """Give the changes of this boot that are not undone, oldest first.

        A last line without its end is left out: its change was not made yet.

        Raises:
            BackendUnavailableError: If the journal can't be read, or holds something else.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._failure("can't be read", error) from error
        boot = self._boot() if lines else ""
        pending: list[Change] = []
        for number, line in enumerate(lines, start=1):
            change, undone, of_boot = self._parse(line, number)
            if of_boot != boot:
                continue
            if not undone:
                pending.append(change)
            elif change in pending:
                # Of several equal changes, the last.
                del pending[len(pending) - 1 - pending[::-1].index(change)]
        return tuple(pending)

    def _parse(self, line: bytes, number: int) -> tuple[Change, bool, str]:
        try:
            values: dict[str, Any] = json.loads(line)
            kind = Kind(values["kind"])
            change = Change(kind=kind, where=str(values["where"]), old=str(values["old"]))
            return change, bool(values["undone"]), str(values["boot"])
        except (KeyError, TypeError, ValueError) as error:
            raise BackendUnavailableError(
                f"{self.path}:{number}: is damaged: put back by hand what the file names, then "
                "delete it"
            ) from error

    def _append(self, change: Change, *, undone: bool) -> None:
        values = {
            "boot": self._boot(),
            "undone": undone,
            **asdict(change),
            "kind": change.kind.value,
        }
        line = (json.dumps(values) + "\n").encode()
        try:
            descriptor = os.open(
                self.path,
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
            try:
                _append_whole(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._failure("can't be written", error) from error

    def _boot(self) -> str:
        file = self._procfs / "sys/kernel/random/boot_id"
        try:
            return file.read_text().strip()
        except OSError as error:
            raise BackendUnavailableError(
                f"{file}: can't be read: {error.strerror}: mount procfs"
            ) from error

    def _failure(self, what: str, error: OSError) -> BackendUnavailableError:
        return BackendUnavailableError(
            f"{self.path}: {what}: {error.strerror}: the machine is only changed if that can be "
            "written down; run as root, and free some space"
        )


def _append_whole(descriptor: int, line: bytes) -> None:
    content = os.read(descriptor, os.fstat(descriptor).st_size)
    # If the last line has no end, it is cut off: with the new line behind it, neither could be read.
    end = content.rfind(b"\n") + 1
    try:
        os.ftruncate(descriptor, end)
        os.pwrite(descriptor, line, end)
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, end)
        raise

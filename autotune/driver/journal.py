"""What was changed on this machine, on disk before it is changed, to be put back even after a kill.

One JSON line a change; a line that says a change is undone cancels the last such. What another boot
wrote is void: nothing of it has outlived the kernel.
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
"""Where it is by default: only root may write there."""


class Kind(enum.Enum):
    """What was changed, and so how to undo it."""

    KDAMONDS = "kdamonds"
    """DAMON was set up; `old` is the thread's number once it is known."""
    SETTING = "setting"
    """A file got another value; `old` is the one before."""
    SWAP = "swap"
    """Swap was turned on, on the device."""
    ZRAM = "zram"
    """A zram device got a size; `old` is "added" if the device was made for it, else "found"."""
    TRACE = "trace"
    """A tracing instance was made, a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        kind: What was changed.
        where: The file, folder or device, as an absolute path.
        old: What undoing needs to know.
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

    def record(self, change: Change) -> None:
        """Say that *change* is about to be made; it is on disk when this returns."""
        self._append(change, undone=False)

    def undone(self, change: Change) -> None:
        """Say that *change* is put back."""
        self._append(change, undone=True)
        if not self.pending():
            self.path.unlink(missing_ok=True)

    def pending(self) -> tuple[Change, ...]:
        """Give the changes of this boot that are not undone, oldest first.

        A torn last line is left out: its change was not made yet.
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
                # The last of equal ones.
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
    # A torn line in front of a whole one would make both unreadable.
    end = content.rfind(b"\n") + 1
    try:
        os.ftruncate(descriptor, end)
        os.pwrite(descriptor, line, end)
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, end)
        raise

"""The kernel's trace of every region after every aggregation: takes it in a buffer of its own.

The buffer is a tracing instance: other users of tracing neither see it nor lose anything by it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from autotune.driver.journal import Change, Journal, Kind
from autotune.driver.sysfs_file import SysfsError, read_value, write_value
from autotune.driver.trace_buffer import remove_buffer
from autotune.errors import BackendUnavailableError
from autotune.runner.trace_pages import PAGE_HEAD_BYTES

TRACEFS = Path("/sys/kernel/tracing")
"""Where tracefs is mounted."""

_EVENT = "events/damon/damon_aggregated"
_CLOCK = "mono"
"""The clock that `time.monotonic` also shows."""
_BUFFER_KIB = 2048
"""Buffer of each CPU: about 37,000 regions, enough for 1 s of aggregations of 5 ms and 180 regions."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LENGTH = struct.Struct("=8xI")
_LENGTH_MASK = (1 << 20) - 1


class TraceBuffer:
    """A buffer that takes the event damon_aggregated; a context manager that removes it.

    Args:
        tracefs: Where tracefs is mounted.
        journal: The buffer is written down here first.
        takes: Whether the buffer takes the event from now on, or when `take` says so.

    Raises:
        BackendUnavailableError: If the kernel has no such event, or no buffer can be made.
    """

    def __init__(self, tracefs: Path, journal: Journal, *, takes: bool = True) -> None:
        self._journal = journal
        self._takes = False
        self._folder = tracefs / "instances" / f"autotune-{os.getpid()}"
        self._change = Change(kind=Kind.TRACE, where=str(self._folder))
        self._descriptors: list[int] = []
        self._pages: list[bytearray] = []
        self.layout_text = _layout_text(tracefs)
        journal.write_down(self._change)
        try:
            self._make()
            self.take(takes)
        except BaseException:
            self.remove()
            raise

    def _make(self) -> None:
        try:
            self._folder.mkdir()
        except OSError as error:
            raise BackendUnavailableError(
                f"{self._folder}: can't be made: {error.strerror}: run as root, and see that tracefs "
                "is mounted writable"
            ) from error
        try:
            write_value(self._folder / "trace_clock", _CLOCK)
            write_value(self._folder / "buffer_size_kb", str(_BUFFER_KIB))
            for cpu in sorted((self._folder / "per_cpu").glob("cpu*")):
                flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
                self._descriptors.append(os.open(cpu / "trace_pipe_raw", flags))
                self._pages.append(bytearray())
        except SysfsError as error:
            raise BackendUnavailableError(str(error)) from error
        except OSError as error:
            raise BackendUnavailableError(
                f"{error.filename}: can't be read: {error.strerror}: run as root"
            ) from error

    def take(self, takes: bool) -> None:
        """Take the event from now on, or no longer.

        Raises:
            BackendUnavailableError: If the kernel refuses.
        """
        if takes == self._takes:
            return
        try:
            write_value(self._folder / _EVENT / "enable", str(int(takes)))
        except SysfsError as error:
            raise BackendUnavailableError(str(error)) from error
        self._takes = takes

    def drain(self) -> None:
        """Read what has come since the last call."""
        for descriptor, taken in zip(self._descriptors, self._pages, strict=True):
            while page := _read_page(descriptor):
                (length,) = _LENGTH.unpack_from(page)
                taken.extend(page[: PAGE_HEAD_BYTES + (length & _LENGTH_MASK)])

    def pages(self) -> tuple[bytes, ...]:
        """Give all that was read: one item for each CPU, its pages one behind the other."""
        return tuple(bytes(pages) for pages in self._pages)

    def remove(self) -> None:
        """Remove the buffer, with all that was not read.

        Raises:
            BackendUnavailableError: If the buffer can't be removed.
        """
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        remove_buffer(self._folder)
        self._journal.undone(self._change)

    def __enter__(self) -> TraceBuffer:
        """Give this object."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the buffer."""
        self.remove()


def buffer_if_possible(tracefs: Path, journal: Journal) -> TraceBuffer | None:
    """Make a buffer that takes nothing yet; None where the kernel or its settings don't allow one."""
    try:
        return TraceBuffer(tracefs, journal, takes=False)
    except BackendUnavailableError:
        return None


def _layout_text(tracefs: Path) -> str:
    if not (tracefs / "instances").is_dir():
        raise BackendUnavailableError(
            f"{tracefs}: is no tracefs: mount it: mount -t tracefs tracefs {tracefs}"
        )
    try:
        return read_value(tracefs / _EVENT / "format")
    except SysfsError as error:
        raise BackendUnavailableError(
            f"{tracefs / _EVENT}: this kernel has no such event: use one that was built with "
            "CONFIG_DAMON and CONFIG_FTRACE"
        ) from error


def _read_page(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _PAGE_BYTES)
    except BlockingIOError:
        return b""

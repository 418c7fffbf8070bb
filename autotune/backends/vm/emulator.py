"""Starts an emulator process, watches it, and ends it. It never leaves a file or a socket.

The emulator reads and writes open files without a name, which end with the processes that hold them. The
kernel kills the emulator when this process ends (see native/frozen_clock.c).
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import time
import zlib
from pathlib import Path

from autotune.backends.vm.answers import Answer, decode_answer
from autotune.backends.vm.command_line import Descriptors, MachineParts, command_line
from autotune.backends.vm.qemu_version import no_emulator
from autotune.backends.vm.qmp import Qmp, QmpClosedError, QmpError
from autotune.errors import BackendUnavailableError, TrialError
from autotune.runner.errors import ending

SILENCE_S = 180.0
"""A machine that prints nothing for so long hangs: it should print every few virtual seconds."""

_GREETING_S = 30.0
_POLL_S = 0.5
_SAVING_POLL_S = 0.01
_CONSOLE_LINES = 3
_PANIC = "Kernel panic"
"""A trace of calls follows this line. It says less."""
_UNREADABLE = "load of migration failed"
"""What QEMU prints if it can't read a state."""
_LONGEST_QUOTE = 300
_PARENT, _SETTLE, _REALTIME = "AUTOTUNE_PARENT", "AUTOTUNE_SETTLE", "AUTOTUNE_REALTIME"
"""Variables that native/frozen_clock.c reads: the process that started it, whether the machine will be
saved, and whether the clock goes on."""


def _damaged(said: str) -> BackendUnavailableError:
    return BackendUnavailableError(
        f"the saved machine can't be continued: {said}: remove the cache folder's 'machines'"
    )


class Emulator:
    """A machine that stands before its first instruction; a context manager that leaves no process.

    Args:
        parts: What the machine is made of.
        orders: The orders that the guest reads after a fork.
        frozen_clock: The library to preload.
        state: The file of the saved state from which the machine goes on; None boots.
        is_saved: Whether the booted machine will be saved. Then it is slower, but stops in only one way.

    Raises:
        BackendUnavailableError: If the emulator can't be started, or the file has no state.
    """

    def __init__(
        self,
        parts: MachineParts,
        orders: bytes,
        frozen_clock: Path,
        state: Path | None = None,
        *,
        is_saved: bool = False,
    ) -> None:
        # With an empty file the emulator would wait for more for ever.
        if state is not None and not (state.is_file() and state.stat().st_size):
            raise BackendUnavailableError(
                f"{state}: the saved machine is gone: try again, and it is made anew"
            )
        self._console = os.memfd_create("console")
        self._results = os.memfd_create("results")
        self._errors = os.memfd_create("errors")
        self._orders = os.memfd_create("orders")
        os.write(self._orders, orders)
        ours, theirs = socket.socketpair()
        self.qmp = Qmp(ours)
        inherited = Descriptors(
            console=self._console, results=self._results, orders=self._orders, qmp=theirs.fileno()
        )
        incoming = None if state is None else f"exec:cat {shlex.quote(str(state))}"
        environment = {**os.environ, _PARENT: str(os.getpid())}
        inherited_numbers = [self._console, self._results, self._orders, theirs.fileno()]
        # Named by its number: the loader splits paths at blanks and colons.
        library = os.open(frozen_clock, os.O_RDONLY | os.O_CLOEXEC)
        inherited_numbers.append(library)
        environment["LD_PRELOAD"] = f"/proc/self/fd/{library}"
        if parts.realtime:
            environment[_REALTIME] = "1"
        elif is_saved:
            environment[_SETTLE] = "1"
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own command line
                command_line(parts, inherited, incoming),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=inherited_numbers,
                env=environment,
                start_new_session=True,  # a Ctrl-C on the terminal must not end it
            )
        except FileNotFoundError as error:
            self._close()
            raise BackendUnavailableError(no_emulator()) from error
        except OSError as error:
            self._close()
            raise BackendUnavailableError(
                f"{parts.kernel}: can't start {error.filename}: {error.strerror}: see 'autotune doctor'"
            ) from error
        finally:
            theirs.close()
            os.close(library)
        self._said = 0
        self._said_s = time.monotonic()

    def begin(self) -> None:
        """Wait until the emulator is ready.

        Raises:
            BackendUnavailableError: If the emulator does not become ready.
        """
        try:
            self.qmp.greet(_GREETING_S)
        except (QmpClosedError, QmpError) as error:
            said = self._error_text() or str(error)
            if _UNREADABLE in said:  # the emulator ended before it could be greeted
                raise _damaged(said) from error
            raise BackendUnavailableError(
                f"the emulator did not start: {said}: see 'autotune doctor'"
            ) from error

    def wait_for_state(self) -> None:
        """Wait until the emulator has loaded the saved state.

        Raises:
            BackendUnavailableError: If the state can't be read.
        """
        try:
            self.qmp.wait_for_status("inmigrate", _GREETING_S)
        except (QmpClosedError, QmpError) as error:
            raise _damaged(self._error_text() or str(error)) from error

    def run_until_it_stops(self, timeout_s: float, silence_s: float = SILENCE_S) -> bool:
        """Let the machine run until it stops itself or ends.

        Args:
            timeout_s: How long this may take at most, in real time.
            silence_s: How long the machine may print nothing on its console, in real time.

        Returns:
            True if the machine stopped itself; False if the emulator has ended.

        Raises:
            TrialError: If the machine hangs, or takes too long.
        """
        deadline_s = time.monotonic() + timeout_s
        try:
            self.qmp.execute("cont")
            while self.qmp.next_event(_POLL_S) != "GUEST_PANICKED":
                self._check_alive(deadline_s, timeout_s, silence_s)
        except QmpClosedError:
            self._process.wait()
            return False
        except QmpError as error:
            raise TrialError(
                f"the emulator does not answer ({error}): try again; {self.console_end()}"
            ) from error
        return True

    def _check_alive(self, deadline_s: float, timeout_s: float, silence_s: float) -> None:
        now_s = time.monotonic()
        said = os.fstat(self._console).st_size
        if said != self._said:
            self._said, self._said_s = said, now_s
        if now_s > deadline_s:
            raise TrialError(
                f"the micro-VM was ended after {timeout_s:.0f} s of real time: lower the load, or "
                f"raise workload.timeout; {self.console_end()}"
            )
        if now_s - self._said_s > silence_s:
            raise TrialError(
                f"the micro-VM hung: it said nothing for {silence_s:.0f} s: try again, or another "
                f"kernel; {self.console_end()}"
            )

    def save(self, state: Path) -> None:
        """Write the state of the stopped machine to a file.

        Raises:
            BackendUnavailableError: If the state can't be written.
        """
        try:
            self.qmp.execute("migrate", uri=f"exec:cat > {shlex.quote(str(state))}")
            while (status := self.qmp.execute("query-migrate").get("status")) != "completed":
                if status in {"failed", "cancelled"}:
                    raise QmpError(self._error_text() or str(status))
                time.sleep(_SAVING_POLL_S)
        except (QmpClosedError, QmpError) as error:
            raise BackendUnavailableError(
                f"{state}: the machine's state can't be saved: {error}: see that the disk has room"
            ) from error

    def answer(self, kind: type[Answer]) -> Answer:
        """Give what the guest measured, recorded or saw. The machine must have stopped or ended.

        Args:
            kind: What the guest was told to give.

        Raises:
            TrialError: If the guest says that the trial failed, or says nothing that can be read.
            BackendUnavailableError: If the guest says that nothing can be measured.
        """
        size = os.fstat(self._results).st_size
        try:
            return decode_answer(os.pread(self._results, size, 0), kind)
        except (ValueError, KeyError, zlib.error, json.JSONDecodeError) as error:
            status = self._process.poll()
            how = "" if status is None else f", with {ending(status)}"
            raise TrialError(
                f"the micro-VM ended without an answer{how}: try again, or give it more memory "
                f"(vm.memory); {self.console_end()}"
            ) from error

    def console_text(self) -> str:
        """Give all that the kernel and the runner printed."""
        size = os.fstat(self._console).st_size
        return os.pread(self._console, size, 0).decode(errors="replace")

    def console_end(self) -> str:
        """Give, for a message, the kernel's last error, or the last lines of the console."""
        lines = [line.strip() for line in self.console_text().splitlines() if line.strip()]
        error = self._error_text()
        panic = next((line for line in lines if _PANIC in line), None)
        if panic is not None:
            quoted = f"its console says '{panic[:_LONGEST_QUOTE]}'"
        elif lines:
            end = " | ".join(lines[-_CONSOLE_LINES:])[-_LONGEST_QUOTE:]
            quoted = f"its console ends with '{end}'"
        else:
            quoted = "its console is empty"
        return f"{quoted}; the emulator said '{error}'" if error else quoted

    def _error_text(self) -> str:
        size = os.fstat(self._errors).st_size
        lines = os.pread(self._errors, size, 0).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def end(self) -> None:
        """End the emulator, if it has not ended. May be called from another thread."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _close(self) -> None:
        self.qmp.close()
        for number in (self._console, self._results, self._errors, self._orders):
            os.close(number)

    def __enter__(self) -> Emulator:
        """Give this object."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the emulator, and close all open files."""
        self.end()
        self._process.wait()
        self._close()

"""The processes of a workload: starts them, watches them, ends them with all their descendants.

This process makes itself the reaper of its descendants: the kernel gives it every process that detaches
itself from its parent. So no process of a workload outlives this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from autotune.runner.daemons import stay_in_foreground
from autotune.runner.errors import WorkloadError, ending
from autotune.runner.identity import Identity
from autotune.runner.names import only_a_shell_reads, why_not_started
from autotune.runner.output import Output
from autotune.runner.procfs import Procfs, Usage
from autotune.runner.remedies import remedy_after, remedy_for

_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 2.0
"""Time between asking processes to end and killing them."""
_HELPERS_END_S = 1.0
"""How long helpers of a program may go on after its end."""
_POLL_S = 0.01
_LONGEST_TITLE = 60
_SHELL = "/bin/sh"
_MOST_READINGS = 20


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent has ended."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _ignore(line: str) -> None:
    """Look at no line."""


def _title(command: Sequence[str] | str) -> str:
    """Give a command's name for messages: the program, or the beginning of the shell's command."""
    if not isinstance(command, str):
        return command[0]
    line = " ".join(command.split())
    return line if len(line) <= _LONGEST_TITLE else line[:_LONGEST_TITLE] + "..."


class Started:
    """A program that was started, with its output.

    Args:
        command: A list of arguments, or a text for the shell.
        identity: The user who runs the program, and its environment.
        folder: The folder in which the program runs.
        on_line: Called, in another thread, with each line that the program prints.
        tracer: Words in front of the command: a program that runs it.

    Raises:
        WorkloadError: If the program can't be started.
    """

    def __init__(
        self,
        command: Sequence[str] | str,
        identity: Identity,
        folder: str,
        on_line: Callable[[str], None] = _ignore,
        tracer: Sequence[str] = (),
    ) -> None:
        words = [_SHELL, "-c", command] if isinstance(command, str) else list(command)
        self.title = _title(command)
        self._for_shell = None if isinstance(command, str) else only_a_shell_reads(command)
        ours, theirs = os.pipe()
        our_errors, their_errors = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # the user's own command
                [*tracer, *words],
                stdin=subprocess.PIPE,
                stdout=theirs,
                stderr=their_errors,
                cwd=folder,
                env=dict(identity.environment),
                user=identity.uid,
                group=identity.gid,
                extra_groups=identity.groups,
                start_new_session=True,
            )
        except OSError as error:
            _close(ours, our_errors)
            raise WorkloadError(why_not_started(words[0], folder, error)) from error
        except ValueError as error:
            _close(ours, our_errors)
            raise WorkloadError(
                f"can't start '{self.title}': {error}: check the command"
            ) from error
        finally:
            _close(theirs, their_errors)
        self.output = Output(ours, on_line, our_errors)
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.status: int | None = None
        """The exit status, or the negative number of a signal; None until `has_ended` gives True."""

    def tell(self, text: str) -> None:
        """Write to the program's standard input."""
        if self._process.stdin is not None:
            with contextlib.suppress(
                BrokenPipeError
            ):  # then the program has ended; `has_ended` shows that
                self._process.stdin.write(text.encode())
                self._process.stdin.flush()

    def close_input(self) -> None:
        """Close the program's standard input."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def has_ended(self) -> bool:
        """Say whether the program has ended. It stays a zombie, with its figures, until `reap`."""
        if self.status is None:
            found = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                exited = found.si_code == os.CLD_EXITED
                self.status = found.si_status if exited else -found.si_status
        return self.status is not None

    def how_it_ended(self) -> str:
        """Say how the program ended, and the last lines that it printed."""
        self.output.wait(0.5)
        last = self.output.telling()
        return f"{ending(self.status or 0)}{f': {last}' if last else ''}"

    def remedy(self, otherwise: str) -> str:
        """Say what helps, told from what the program printed and how it ended; else *otherwise*."""
        self.output.wait(0.5)
        printed = remedy_for(self.output.last_lines())
        return self._for_shell or printed or remedy_after(self.status or 0) or otherwise

    def reap(self) -> None:
        """Let the kernel forget the program, which has ended."""
        self._process.wait()
        self.close_input()
        self.output.wait(0.5)
        os.close(self.pidfd)


class Processes:
    """All processes of one workload; a context manager that ends all of them.

    Args:
        procfs: Where the processes' files are read.
        identity: The user who runs the workload, and its environment.
        folder: The folder in which the workload runs.
        tracer: Words in front of each command: a program that runs it.
    """

    def __init__(
        self, procfs: Procfs, identity: Identity, folder: str, tracer: Sequence[str] = ()
    ) -> None:
        self._tracer = tracer
        self.procfs = procfs
        self._identity = identity
        self._folder = folder
        self._own = os.getpid()
        self._before = frozenset(procfs.children(self._own))
        self._started: list[Started] = []
        self._aside: list[Started] = []
        self._descriptors: list[int] = []

    def start(
        self,
        command: Sequence[str] | str,
        on_line: Callable[[str], None] = _ignore,
        *,
        aside: bool = False,
    ) -> Started:
        """Start a program.

        Args:
            command: A list of arguments, or a text for the shell.
            on_line: Called, in another thread, with each line that the program prints.
            aside: Whether the program is left out of what is measured, as a load generator is.

        Raises:
            WorkloadError: If the program can't be started.
        """
        started = Started(command, self._identity, self._folder, on_line, self._tracer)
        self._started.append(started)
        if aside:
            self._aside.append(started)
        return started

    def close_at_end(self, descriptor: int) -> None:
        """Close an open file once everything has ended."""
        self._descriptors.append(descriptor)

    def measured(self) -> tuple[int, ...]:
        """Give the processes that are measured: programs not started aside, and their descendants."""
        aside = set(self.procfs.tree(*(started.pid for started in self._aside)))
        return tuple(pid for pid in self._all() if pid not in aside)

    def usage(self) -> Usage:
        """Give what the measured processes have used.

        What a process used that its parent reaps during a reading would count nowhere, or twice. So they
        are read again, a few times, until they are the same processes before and after.
        """
        pids = self.measured()
        for _ in range(_MOST_READINGS):
            used = self.procfs.usage(pids)
            before, pids = pids, self.measured()
            if pids == before:
                break
        return used

    def _all(self) -> tuple[int, ...]:
        mine = (pid for pid in self.procfs.children(self._own) if pid not in self._before)
        return self.procfs.tree(*mine)

    def left_behind(self, started: Started) -> tuple[int, ...]:
        """Give the processes that an ended program has left running."""
        others = [other.pid for other in self._started if other is not started]
        kept = {started.pid, *self.procfs.tree(*others)}
        return tuple(pid for pid in self._all() if pid not in kept and self.procfs.has_memory(pid))

    def check_foreground(self, program: Started) -> None:
        """Check that a program that has ended has left no process of its own running.

        Raises:
            WorkloadError: If it has, as a program that goes into the background by itself.
        """
        if program.status != 0 or not (left := self._left_for_good(program)):
            return
        name = self.procfs.name(left[0])
        raise WorkloadError(
            f"'{program.title}' has left process {left[0]} ('{name}') behind and ended: "
            f"{stay_in_foreground((program.title, *map(self.procfs.name, left)))}"
        )

    def _left_for_good(self, program: Started) -> tuple[int, ...]:
        """Give what an ended program has left and what does not end by itself within a moment.

        Helpers of a program, as Python's resource tracker, end once they see that the program has.
        """
        deadline_s = time.monotonic() + _HELPERS_END_S
        while (left := self.left_behind(program)) and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        return left

    def signal_one(self, started: Started, number: signal.Signals) -> None:
        """Send a signal to a program and its descendants, as Ctrl-C does in a terminal."""
        for pid in reversed(self.procfs.tree(started.pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def end_one(self, started: Started) -> None:
        """Kill a program and its descendants, and let the kernel forget them."""
        pids = self.procfs.tree(started.pid)
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self._started.remove(started)
        if started in self._aside:
            self._aside.remove(started)
        started.reap()
        for pid in pids:
            with contextlib.suppress(ChildProcessError):  # not an orphan of ours
                os.waitpid(pid, 0)

    def kill(self) -> None:
        """Kill all processes, without waiting. May be called from another thread."""
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """End all processes: ask them to end, and kill what is left after 2 s."""
        if self._alive():
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + _GRACE_S
            while self._alive() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            while self._alive():
                self._signal(signal.SIGKILL)
                time.sleep(_POLL_S)
        for started in self._started:
            started.reap()
        self._reap_orphans({started.pid for started in self._started})
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        self._started.clear()
        self._aside.clear()

    def _alive(self) -> tuple[int, ...]:
        # A process whose first thread has ended shows no memory, but its other threads may go on.
        going_on = {started.pid for started in self._started if not started.has_ended()}
        return tuple(pid for pid in self._all() if pid in going_on or self.procfs.has_memory(pid))

    def _signal(self, number: signal.Signals) -> None:
        # Children first: if a shell ends before its children, we inherit the children.
        for pid in reversed(self._alive()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _reap_orphans(self, reaped: set[int]) -> None:
        for pid in self.procfs.children(self._own):
            if pid not in self._before and pid not in reaped:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def __enter__(self) -> Processes:
        """Give this object."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End all processes."""
        self.end()

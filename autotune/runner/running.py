"""A workload that has warmed up: a pattern in its player, or a program with its client."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from autotune.damon.recording import Recording
from autotune.errors import InputError
from autotune.experiment.activity import PlayedPhase
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program, Ready
from autotune.native.player_text import DONE, READY, go_line, played_phases, player_input
from autotune.runner.errors import KILLED, WorkloadError, out_of_memory
from autotune.runner.output import LastMatch, LongestMatch
from autotune.runner.processes import Processes, Started
from autotune.runner.readiness import be_silent, check_before, wait_until_ready
from autotune.runner.stopping import Stops


class RunningWorkload(Protocol):
    """A workload that was started and is ready to be measured."""

    @property
    def measured(self) -> Started:
        """The program whose processes are measured."""
        ...

    @property
    def last(self) -> Started:
        """The program whose end ends the measured part; known once the measured part has begun."""
        ...

    @property
    def wakers(self) -> tuple[int, ...]:
        """Open files that become readable when the measured part may have ended."""
        ...

    def has_ended(self) -> bool:
        """Say whether the measured part has ended, by success or by failure."""
        ...

    def begin(self, seed: int) -> None:
        """Begin the measured part; *seed* decides what the workload leaves to chance."""
        ...

    def stop_if_due(self, time_s: float) -> float:
        """Stop the workload if its time is over.

        Args:
            time_s: Time since the measured part began, in seconds.

        Returns:
            The time at which to call this again; infinite if the workload ends by itself.
        """
        ...

    def ended_well(self) -> bool:
        """Say whether the program that ended the measured part ended as it should."""
        ...

    def work_done(self) -> float | None:
        """Give the work done, in the workload's own unit; None for a workload of fixed work.

        Raises:
            WorkloadError: If the workload did not print its work as it should.
        """
        ...

    def phases(self) -> tuple[PlayedPhase, ...]:
        """Give the phases of a pattern that was played; none of a program.

        Raises:
            WorkloadError: If the player did not print them.
        """
        ...

    def latency_max_s(self) -> float | None:
        """Give the time that the slowest request took, in seconds; None if the workload names none.

        Raises:
            WorkloadError: If the workload did not print that as it should.
        """
        ...


class _Line:
    """Remembers whether a regular expression matched somewhere in a line."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._seen = False

    def __call__(self, text: str) -> None:
        self._seen = self._seen or self._pattern.search(text) is not None

    def seen(self) -> bool:
        return self._seen


def _never() -> bool:
    return False


def _to_all(*listeners: Callable[[str], None]) -> Callable[[str], None]:
    def on_line(text: str) -> None:
        for listener in listeners:
            listener(text)

    return on_line


class RunningPattern:
    """A pattern in its player, which has mapped every region and written each page once.

    Args:
        pattern: The pattern to play.
        player: The compiled player.
        processes: The processes of the workload; the player becomes one of them.
        timeout_us: How long the preparation may take.
        on_wait: Called again and again with the time waited so far, in seconds.

    Raises:
        WorkloadError: If the player can't be started or does not become ready.
    """

    def __init__(
        self,
        pattern: Pattern,
        player: Path,
        processes: Processes,
        timeout_us: int,
        on_wait: Callable[[float], None] = be_silent,
    ) -> None:
        ready = f"^{READY}$"
        line, self._done = _Line(ready), _Line(f"^{DONE}$")
        self._lines: list[str] = []  # the player prints few lines for each phase
        self._waker = os.eventfd(0, os.EFD_CLOEXEC)
        processes.close_at_end(self._waker)
        listeners = _to_all(line, self._lines.append, self._done, self._wake)
        self.measured = processes.start([str(player)], on_line=listeners)
        self.measured.tell(player_input(pattern))
        criterion = Ready(line=ready)
        wait_until_ready(criterion, self.measured, processes, line.seen, timeout_us, on_wait)

    @property
    def last(self) -> Started:
        """The player."""
        return self.measured

    @property
    def wakers(self) -> tuple[int, ...]:
        """The file that shows the player's line "done", and the file that shows the player's end."""
        return (self._waker, self.measured.pidfd)

    def has_ended(self) -> bool:
        """Say whether all is played, or the player has crashed. After playing all, the player stays."""
        return self._done.seen() or self.measured.has_ended()

    def _wake(self, _line: str) -> None:
        if self._done.seen():
            os.eventfd_write(self._waker, 1)

    def begin(self, seed: int) -> None:
        """Tell the player to play."""
        self.measured.tell(go_line(seed))

    def stop_if_due(self, time_s: float) -> float:  # noqa: ARG002  # one signature
        """Do nothing: a pattern ends by itself."""
        return math.inf

    def ended_well(self) -> bool:
        """Say whether the player goes on, or ended without an error."""
        return not self.measured.status

    def work_done(self) -> float:
        """Give the number of accesses.

        Raises:
            WorkloadError: If the player did not print it.
        """
        return float(sum(phase.accesses for phase in self.phases()))

    def phases(self) -> tuple[PlayedPhase, ...]:
        """Give the phases as they were played.

        Raises:
            WorkloadError: If the player did not print them.
        """
        if not self._done.seen():
            self.measured.output.wait(_OUTPUT_S)
        try:
            return played_phases("\n".join(self._lines))
        except ValueError as error:
            raise WorkloadError(
                f"the pattern's player did not end as it should: {error}"
            ) from error

    def latency_max_s(self) -> None:
        """Give nothing: a pattern has no requests."""
        return


_OUTPUT_S = 2.0
"""How long reading the last lines of an ended program may take."""


class RunningProgram:
    """A program that has warmed up, and its client, which begins with the measured part.

    Args:
        program: The program and its client.
        processes: The processes of the workload; the program and the client become two of them.
        timeout_us: How long the warm-up may take.
        on_wait: Called again and again with the time waited so far, in seconds.

    Raises:
        WorkloadError: If the program can't be started or does not become ready.
    """

    def __init__(
        self,
        program: Program,
        processes: Processes,
        timeout_us: int,
        on_wait: Callable[[float], None] = be_silent,
    ) -> None:
        self._program = program
        self._processes = processes
        self._client: Started | None = None
        self._stops = None if program.duration_us is None else Stops(program.duration_us / 1e6)
        self._work = None if program.work is None else LastMatch(program.work)
        line = None if program.ready.line is None else _Line(program.ready.line)
        listeners: list[Callable[[str], None]] = []
        if line is not None:
            listeners.append(line)
        latency, unit = program.latency, program.latency_unit
        self._latency = None if latency is None else LongestMatch(latency, unit)
        searching = (self._work, self._latency)
        self._searching: list[Callable[[str], None]] = [
            one for one in searching if one is not None
        ]
        if program.client is None:
            listeners += self._searching
        check_before(program.ready, processes.procfs)
        self.measured = processes.start(program.command, on_line=_to_all(*listeners))
        self.measured.close_input()
        seen = _never if line is None else line.seen
        wait_until_ready(program.ready, self.measured, processes, seen, timeout_us, on_wait)

    @property
    def last(self) -> Started:
        """The client if there is one, otherwise the program."""
        return self._client or self.measured

    @property
    def wakers(self) -> tuple[int, ...]:
        """The files that show the ends of the program and of its client."""
        return tuple({self.measured.pidfd, self.last.pidfd})

    def has_ended(self) -> bool:
        """Say whether the program or its client has ended."""
        return self.last.has_ended() or self.measured.has_ended()

    def begin(self, seed: int) -> None:  # noqa: ARG002  # a program has its own seeds
        """Start the client. A program without a client just goes on.

        Raises:
            WorkloadError: If the client can't be started.
        """
        if self._program.client is not None:
            self._client = self._processes.start(
                self._program.client, on_line=_to_all(*self._searching), aside=True
            )
            self._client.close_input()

    def stop_if_due(self, time_s: float) -> float:
        """Ask the client, or without a client the program, to end, if its duration is over."""
        if self._stops is None:
            return math.inf
        while (number := self._stops.due(time_s)) is not None:
            self._processes.signal_one(self.last, number)
        return self._stops.next_s

    def ended_well(self) -> bool:
        """Say whether what ended the measured part has an exit status that is fine."""
        status = self.last.status
        if status is None or (self._stops is not None and self._stops.begun):
            return True
        return (status if status >= 0 else 128 - status) in self._program.accept_exit

    def work_done(self) -> float | None:
        """Give the number that the expression `work` found in the output; None without an expression.

        Raises:
            WorkloadError: If the expression matched nothing, or no number.
        """
        if self._work is None:
            return None
        self.last.output.wait(_OUTPUT_S)
        try:
            done = self._work.number()
        except ValueError as error:
            raise WorkloadError(
                f"'work' matched no number: {error}: mend the expression"
            ) from error
        if done is None:
            raise self._nothing_matched("work")
        return done

    def phases(self) -> tuple[PlayedPhase, ...]:
        """Give no phase: a program has none that are known."""
        return ()

    def latency_max_s(self) -> float | None:
        """Give the longest time that the expression `latency` found; None without an expression.

        Raises:
            WorkloadError: If the expression matched nothing, or no time.
        """
        if self._latency is None:
            return None
        self.last.output.wait(_OUTPUT_S)
        try:
            longest_s = self._latency.longest_s()
        except ValueError as error:
            raise WorkloadError(f"'latency' matched no time: {error}") from error
        if longest_s is None:
            raise self._nothing_matched("latency")
        return longest_s

    def _nothing_matched(self, key: str) -> WorkloadError:
        return WorkloadError(
            f"'{key}' matched nothing that '{self.last.title}' printed: mend the expression; the "
            f"last line was '{self.last.output.last_line()}'"
        )


def runnable(workload: Pattern | Program | Recording) -> Pattern | Program:
    """Give back a workload that can be run.

    Raises:
        InputError: If the workload is a recording.
    """
    if isinstance(workload, Recording):
        raise InputError("workload: only the simulator plays recordings: use backend: simulator")
    return workload


def start_workload(
    workload: Pattern | Program,
    processes: Processes,
    *,
    player: Path | None,
    timeout_us: int,
    on_wait: Callable[[float], None] = be_silent,
) -> RunningWorkload:
    """Start a workload and wait until it is ready.

    Args:
        workload: The workload.
        processes: The processes of the workload. They also end it, if this fails.
        player: The compiled player; a pattern needs it.
        timeout_us: How long the warm-up may take.
        on_wait: Called again and again with the time waited so far, in seconds.

    Raises:
        WorkloadError: If the workload can't be started or does not become ready.
    """
    if isinstance(workload, Program):
        return RunningProgram(workload, processes, timeout_us, on_wait)
    if player is None:
        raise ValueError("a pattern needs its player")
    return RunningPattern(workload, player, processes, timeout_us, on_wait)


def check_end(running: RunningWorkload, processes: Processes, oom_kills: int) -> None:
    """Check that the measured part ended as it should.

    Args:
        running: The workload, whose measured part has ended.
        processes: The processes of the workload.
        oom_kills: How many processes the kernel killed for want of memory in the measured part.

    Raises:
        WorkloadError: If a program failed, was killed, or left a process running.
    """
    measured, last = running.measured, running.last
    dead = measured if measured.has_ended() else last
    if oom_kills and dead.status in KILLED:
        raise out_of_memory(dead.title)
    if measured.has_ended():
        processes.check_foreground(measured)
    if last is not measured and measured.has_ended():
        raise WorkloadError(
            f"'{measured.title}' ended before its client, with {measured.how_it_ended()}: "
            f"{measured.remedy('let it go on until its client has ended')}"
        )
    if not running.ended_well():
        status = last.status or 0
        raise WorkloadError(
            f"'{last.title}' failed with {last.how_it_ended()}: {last.remedy('mend the command')}; if "
            f"it is meant to end so, list {status if status >= 0 else 128 - status} under accept_exit"
        )

"""A program that has warmed up, with its client."""

from __future__ import annotations

import math
from collections.abc import Callable

from autotune.experiment.activity import PlayedPhase
from autotune.experiment.program import Program
from autotune.runner.errors import WorkloadError
from autotune.runner.output import LAST_LINES_S, LineSeen, to_all
from autotune.runner.printed_figures import LastMatch, LongestMatch, PrintedFigure
from autotune.runner.processes import Processes, Started
from autotune.runner.readiness import be_silent, check_before, wait_until_ready
from autotune.runner.stopping import Stops


def _never() -> bool:
    return False


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
        line = None if program.ready.line is None else LineSeen(program.ready.line)
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
        self.measured = processes.start(program.command, on_line=to_all(*listeners))
        self.measured.close_input()
        output = self.measured.output
        seen = _never if line is None else lambda: line.seen_with(output.unfinished())
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
                self._program.client, on_line=to_all(*self._searching), aside=True
            )
            self._client.close_input()

    def stop_if_due(self, time_s: float) -> float:
        """Ask the client, or without a client the program, to end, if its duration is over."""
        if self._stops is None:
            return math.inf
        while (number := self._stops.due(time_s)) is not None:
            self._processes.signal_one(self.last, number)
        return self._stops.next_s

    def was_stopped(self) -> bool:
        """Say whether the clock of `duration` has begun to stop what it stops."""
        return self._stops is not None and self._stops.begun

    def ended_well(self) -> bool:
        """Say whether what ended the measured part has an exit status that is fine."""
        status = self.last.status
        if status is None or self.was_stopped():
            return True
        return (status if status >= 0 else 128 - status) in self._program.accept_exit

    def work_done(self) -> float | None:
        """Give the number that the expression `work` found in the output; None without an expression.

        Raises:
            WorkloadError: If the expression matched nothing, or no number.
        """
        return self._figure("work", self._work)

    def phases(self) -> tuple[PlayedPhase, ...]:
        """Give no phase: a program has none that are known."""
        return ()

    def latency_max_s(self) -> float | None:
        """Give the longest time that the expression `latency` found; None without an expression.

        Raises:
            WorkloadError: If the expression matched nothing, or no time.
        """
        return self._figure("latency", self._latency)

    def _figure(self, key: str, printed: PrintedFigure | None) -> float | None:
        """Give what the expression *key* found in all that was printed; None without an expression."""
        if printed is None:
            return None
        self.last.output.wait(LAST_LINES_S)
        try:
            figure = printed.figure()
        except ValueError as error:
            raise WorkloadError(f"'{key}' {error}") from error
        if figure is None:
            raise WorkloadError(
                f"'{key}' matched nothing that '{self.last.title}' printed: mend the expression; the "
                f"last line was '{self.last.output.last_line()}'"
            )
        return figure

"""Waiting until a workload has warmed up."""

from __future__ import annotations

import time
from collections.abc import Callable

from autotune.experiment.program import Ready
from autotune.runner.errors import KILLED, WorkloadError, out_of_memory
from autotune.runner.listening import listening_ports, listens
from autotune.runner.processes import Processes, Started
from autotune.runner.procfs import Procfs
from autotune.runner.remedies import NO_INPUT, remedy_for
from autotune.units import format_duration

_POLL_S = 0.02
FIRST_TRY_S = 20.0
"""How long the first try of a criterion's command may take. Each try that takes longer is ended, and the
next try may take twice as long: so a command that hangs is tried again, and a slow command succeeds."""


def be_silent(time_s: float) -> None:
    """Ignore how long something takes."""


def describe(ready: Ready) -> str:
    """Say in words which criterion was not met."""
    if ready.line is not None:
        return f"no line matched '{ready.line}'"
    if ready.port is not None:
        return f"nothing listened on port {ready.port}"
    if ready.command is not None:
        return f"'{' '.join(ready.command)}' did not succeed"
    return f"the delay of {format_duration(ready.delay_us or 0)} was not over"


def _instead(ready: Ready, program: Started, processes: Processes) -> str:
    """Say what the program did instead of becoming ready, and what helps."""
    ports = listening_ports(processes.procfs, processes.measured())
    if ready.port is not None and ports:
        return f", and '{program.title}' listens on {ports}: mend 'ready', or the command"
    said = program.output.telling()
    printed = f"; it printed: {said}" if said else "; it printed nothing"
    if known := remedy_for(program.output.last_lines(), goes_on=True):
        return f"{printed}: {known}"
    if ready.line is not None:
        return (
            f"{printed}: mend 'ready', or let the program print each line at once (as python3 -u or "
            "stdbuf -oL do), or raise workload.timeout"
        )
    return f"{printed if ready.port is not None else ''}: mend 'ready', or raise workload.timeout"


def check_before(ready: Ready, procfs: Procfs) -> None:
    """Check that a criterion is not met before the program runs.

    Raises:
        WorkloadError: If another program listens on the criterion's port.
    """
    if ready.port is not None and listens(procfs, ready.port):
        raise WorkloadError(
            f"port {ready.port} is in use already: end that program, or use another port"
        )


def wait_until_ready(
    ready: Ready,
    program: Started,
    processes: Processes,
    line_seen: Callable[[], bool],
    timeout_us: int,
    on_wait: Callable[[float], None] = be_silent,
    first_try_s: float = FIRST_TRY_S,
) -> None:
    """Wait until a program is ready.

    Args:
        ready: The criterion.
        program: The program.
        processes: The processes of the workload. If the criterion is a command, it is started there.
        line_seen: Says whether the criterion's line was printed, if the criterion is a line.
        timeout_us: How long to wait at most.
        on_wait: Called again and again with the time waited so far, in seconds.
        first_try_s: How long the first try of the criterion's command may take, in seconds.

    Raises:
        WorkloadError: If the program ends first, or the time is over.
    """
    began_s = time.monotonic()
    deadline_s = began_s + timeout_us / 1e6
    oom_kills = processes.procfs.oom_kills()

    def wait() -> None:
        on_wait(time.monotonic() - began_s)
        time.sleep(_POLL_S)

    tries = _Tries(ready.command or (), program, processes, first_try_s, deadline_s)
    while not _is_met(ready, processes, line_seen, began_s, tries, wait):
        if program.has_ended():
            if program.status in KILLED and processes.procfs.oom_kills() > oom_kills:
                raise out_of_memory(program.title)
            processes.check_foreground(program)
            raise WorkloadError(_why_it_ended(program))
        if time.monotonic() > deadline_s:
            why = f"{describe(ready)}{tries.last}{_instead(ready, program, processes)}"
            raise WorkloadError(f"not ready after {format_duration(timeout_us)}: {why}")
        wait()
    if program.has_ended():
        processes.check_foreground(program)


def _why_it_ended(program: Started) -> str:
    what = f"'{program.title}' ended before it was ready, with {program.how_it_ended()}"
    if program.status:
        remedy = program.remedy("mend the command, or 'ready'")
        return f"{what}: {remedy}"
    if not program.output.last_lines():
        return f"{what}: give it more to do, or 'ready: {{delay: 0s}}'; {NO_INPUT}"
    known = remedy_for(program.output.last_lines())
    return f"{what}: {f'{known}; else ' if known else ''}give it more to do, or mend 'ready'"


class _Tries:
    """Runs the command of a criterion, again and again, each time for a bounded time.

    Args:
        command: The command.
        program: The program that is to become ready. When it ends, a try ends, too.
        processes: The processes of the workload.
        longest_s: How long the first try may take, in seconds.
        deadline_s: When the last try ends, on the monotonic clock.
    """

    def __init__(
        self,
        command: tuple[str, ...],
        program: Started,
        processes: Processes,
        longest_s: float,
        deadline_s: float,
    ) -> None:
        self._command = command
        self._program = program
        self._processes = processes
        self._deadline_s = deadline_s
        self._longest_s = longest_s
        self.last = ""
        """What there is to say of the last try that had its time, for a message."""

    def succeeds(self, wait: Callable[[], None]) -> bool:
        """Run the command once, with *wait* between two looks at it, and end all its processes."""
        end_s = min(self._deadline_s, time.monotonic() + self._longest_s)
        probe = self._processes.start(self._command, aside=True)
        probe.close_input()
        while not (probe.has_ended() or self._program.has_ended()) and time.monotonic() < end_s:
            wait()
        if probe.has_ended():
            self.last = f", with {probe.how_it_ended()}" if probe.status else ""
        elif end_s < self._deadline_s or not self.last:
            said = probe.output.telling()
            self.last = f" and was ended{f'; it printed: {said}' if said else ''}"
            self._longest_s *= 2
        succeeded = probe.status == 0
        self._processes.end_one(probe)
        return succeeded


def _is_met(
    ready: Ready,
    processes: Processes,
    line_seen: Callable[[], bool],
    began_s: float,
    tries: _Tries,
    wait: Callable[[], None],
) -> bool:
    if ready.delay_us is not None:
        return time.monotonic() - began_s >= ready.delay_us / 1e6
    if ready.line is not None:
        return line_seen()
    if ready.port is not None:
        return listens(processes.procfs, ready.port)
    return tries.succeeds(wait)

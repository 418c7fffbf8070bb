"""A workload that has warmed up: how it is started, begun, stopped, and what its end says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from autotune.damon.recording import Recording
from autotune.errors import InputError
from autotune.experiment.activity import PlayedPhase
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.runner.errors import KILLED, WorkloadError, out_of_memory
from autotune.runner.processes import Processes, Started
from autotune.runner.readiness import be_silent
from autotune.runner.running_pattern import RunningPattern
from autotune.runner.running_program import RunningProgram

_CLIENT_ENDS_S = 1.0
"""How long a client may go on after its server has ended well."""
_POLL_S = 0.01


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

    def was_stopped(self) -> bool:
        """Say whether a clock has begun to stop the measured part."""
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
    if measured.has_ended() and not running.was_stopped():
        processes.check_foreground(measured)
    if last is not measured and measured.has_ended() and not _both_end(measured, last):
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


def _both_end(server: Started, client: Started) -> bool:
    """Say whether a server that has ended well has ended since its client goes: for it serves once."""
    deadline_s = time.monotonic() + _CLIENT_ENDS_S
    while not server.status and not client.has_ended() and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    return not server.status and client.has_ended()

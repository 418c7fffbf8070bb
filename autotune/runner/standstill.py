"""Workloads that come to no end, or will come to none: what they wait for, and what helps."""

from __future__ import annotations

from autotune.runner.errors import WorkloadError
from autotune.runner.listening import listening_ports
from autotune.runner.processes import Processes
from autotune.runner.remedies import NOBODY_LISTENS, remedy_for
from autotune.runner.running import RunningWorkload
from autotune.runner.waiting import IDLE_SHARE, STOPPED, TIME, what_they_wait_for
from autotune.units import format_duration

_LOOK_S = 15.0
"""Time between two looks at a client that may never reach its server, in seconds."""
_STOP_IT = "let a clock stop it (workload.duration)"


class Standstill:
    """Watches a workload whose measured part begins.

    Args:
        running: The workload.
        processes: Its processes.
        before_s: CPU time that the program and its children had used when the measured part began.
    """

    def __init__(self, running: RunningWorkload, processes: Processes, before_s: float) -> None:
        self._running = running
        self._processes = processes
        self._procfs = processes.procfs
        self._before_s = before_s
        self._next_s = _LOOK_S

    def _cpu_s(self) -> float:
        return self._procfs.usage(self._processes.measured()).cpu_s

    def look(self, time_s: float) -> None:
        """Look whether a client has told that it can't reach a server, which then had nothing to do.

        Args:
            time_s: Time since the measured part began, in seconds.

        Raises:
            WorkloadError: If so. Without that, such a client may try for ever.
        """
        if time_s < self._next_s:
            return
        self._next_s = time_s + _LOOK_S
        client, measured = self._running.last, self._running.measured
        if client is measured or (
            remedy_for(client.output.last_lines(), goes_on=True) != NOBODY_LISTENS
        ):
            return
        used_s = self._cpu_s() - self._before_s
        if used_s < IDLE_SHARE * time_s:
            ports = listening_ports(self._procfs, self._processes.measured())
            listens = f", and '{measured.title}' listens on {ports}" if ports else ""
            raise WorkloadError(
                f"'{client.title}' had not ended after {time_s:.0f} s, in which '{measured.title}' used "
                f"{used_s:.2f} s of CPU time: {client.output.telling()}{listens}: {NOBODY_LISTENS}"
            )

    def no_end(self, timeout_us: int) -> WorkloadError:
        """Give the error that tells that the measured part came to no end.

        Args:
            timeout_us: How long it has run.
        """
        measured, last = self._running.measured, self._running.last
        after = f"not at its end after {format_duration(timeout_us)}"
        pids = self._processes.measured()
        if last is not measured:
            pids = (*self._procfs.tree(last.pid), *pids)
        used_s = self._procfs.usage(pids).cpu_s - self._before_s
        ports = listening_ports(self._procfs, self._processes.measured())
        if last is measured and ports:
            return WorkloadError(
                f"{after}: '{last.title}' listens on {ports}, as a server, which ends only when it is "
                f"told to: give it a client (workload.client), or {_STOP_IT}"
            )
        if used_s >= IDLE_SHARE * timeout_us / 1e6:
            return WorkloadError(
                f"{after}: raise workload.timeout, or make it shorter, or {_STOP_IT}"
            )
        waits = what_they_wait_for(self._procfs, pids)
        why = f"it used {used_s:.2f} s of CPU time{f', and {waits}' if waits else ''}"
        if said := last.output.telling():
            why += f"; it printed: {said}"
        if known := remedy_for(last.output.last_lines(), goes_on=True):
            remedy = known
        elif waits is not None and waits.endswith(TIME):
            remedy = f"raise workload.timeout, or make it shorter, or {_STOP_IT}"
        elif waits is not None and STOPPED in waits:
            remedy = "leave out what stops it"
        else:
            remedy = f"give it what it waits for, start it in a mode without that, or {_STOP_IT}"
        return WorkloadError(f"{after}: {why}: {remedy}")

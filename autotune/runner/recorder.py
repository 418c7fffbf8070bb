"""What is recorded of a workload while it is measured, and what comes of it afterwards."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autotune.damon.monitoring import Intervals, OperationsSet
from autotune.damon.recording import MappedArea, Recording
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.runner.areas import Areas
from autotune.runner.compression import Chunk, compressed_fraction, page_out
from autotune.runner.procfs import Procfs
from autotune.runner.running import runnable
from autotune.runner.system_memory import SystemMemory
from autotune.runner.trace_pages import read_layout, read_snapshots
from autotune.runner.tracing import TraceBuffer

LOOK_S = 1.0
"""Between two looks at the trace buffer and at what is mapped."""


def check_recordable(experiment: Experiment) -> Intervals:
    """See whether an experiment is one that can be recorded; give its intervals.

    Raises:
        ValueError: If DAMON is off in it, does something, or watches no process.
    """
    if experiment.monitoring is None or experiment.schemes:
        raise ValueError("what is recorded is monitored, and nothing else is done to it")
    if experiment.operations is not OperationsSet.VADDR:
        raise ValueError("what is recorded is the address space of a process")
    return experiment.monitoring.intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecording:
    """A recording as it was taken: the trace is read where there is time for it.

    Attributes:
        layout: The event's file ``format``.
        pages: For each CPU its pages of the trace buffer.
        begin_ns: When the measured part began, by the trace's clock.
        duration_us: As `Recording`, as are the others.
        held_up_us: The same.
        areas: The same.
        cpu_us: The same.
        work_done: The same.
        paged_out: What paging the process out added to the swap.
    """

    layout: str
    pages: tuple[bytes, ...]
    begin_ns: int
    duration_us: int
    areas: tuple[MappedArea, ...]
    cpu_us: int
    work_done: float | None
    paged_out: tuple[Chunk, ...] = ()
    held_up_us: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "layout": self.layout,
            # Fast rather than small: the guest that does it is slow.
            "pages": [base64.b64encode(zlib.compress(one, 1)).decode() for one in self.pages],
            "begin_ns": self.begin_ns,
            "duration_us": self.duration_us,
            "areas": [
                [area.start, area.end, area.from_us, area.until_us, area.resident, area.shared]
                for area in self.areas
            ],
            "cpu_us": self.cpu_us,
            "work_done": self.work_done,
            "paged_out": self.paged_out,
            "held_up_us": self.held_up_us,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RawRecording:
        """Read what `to_dict` gave.

        Raises:
            ValueError: If it is something else.
        """
        try:
            pages = tuple(zlib.decompress(base64.b64decode(one)) for one in values["pages"])
            areas = tuple(
                MappedArea(
                    start=start,
                    end=end,
                    from_us=from_us,
                    until_us=until_us,
                    resident=tuple((low, high) for low, high in resident),
                    shared=tuple((low, high) for low, high in shared),
                )
                for start, end, from_us, until_us, resident, shared in values["areas"]
            )
            paged_out = tuple(Chunk(*chunk) for chunk in values["paged_out"])
            return cls(**{**values, "pages": pages, "areas": areas, "paged_out": paged_out})
        except (KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"not a recording: {error}") from error

    def recording(self, experiment: Experiment) -> Recording:
        """Read the trace; *experiment* is what was recorded.

        Raises:
            TrialError: If a part of it was lost, or no aggregation ended.
            BackendUnavailableError: If the kernel writes it in an unknown way.
        """
        intervals = check_recordable(experiment)
        layout = read_layout(self.layout)
        read = read_snapshots(layout, self.pages, begin_ns=self.begin_ns)
        snapshots = tuple(one for one in read if one.end_us <= self.duration_us)
        try:
            return Recording(
                name=_name(experiment),
                intervals=intervals,
                duration_us=self.duration_us,
                snapshots=snapshots,
                areas=self.areas,
                cpu_us=self.cpu_us,
                work_done=self.work_done,
                compressed_fraction=compressed_fraction(self.paged_out, snapshots),
                held_up_us=self.held_up_us,
            )
        except ValueError as error:
            raise TrialError(f"recording: {error}") from error


def _name(experiment: Experiment) -> str:
    workload = runnable(experiment.workload)
    if isinstance(workload, Pattern):
        return "pattern"
    command = workload.command
    return Path((command.split() if isinstance(command, str) else command)[0]).name


class Recorder:
    """Records one process of a workload while it is measured.

    Args:
        trace: Takes what DAMON finds from now on.
        procfs: Knows the processes.
        paged_out_to: The system whose swap the process is paged out to, to see how well it compresses;
            None leaves it alone.
        paged_out_at_us: When that is, in the measured part; None means behind it.
    """

    def __init__(
        self,
        trace: TraceBuffer,
        procfs: Procfs,
        *,
        paged_out_to: SystemMemory | None = None,
        paged_out_at_us: int | None = None,
    ) -> None:
        self._trace = trace
        self._procfs = procfs
        self._swap = paged_out_to
        self._paged_out_at_us = paged_out_at_us
        self._paged_out: tuple[Chunk, ...] = ()
        self._areas: Areas | None = None
        self._begin_ns = 0
        self._next_s = 0.0
        self._pid: int | None = None
        self._idle_s = self._own_cpu_s = 0.0

    def choose(self, pids: tuple[int, ...]) -> int:
        """Choose the process with the largest resident set, and see what it has mapped."""
        self._pid = pid = max(pids, key=lambda one: self._procfs.memory((one,)).rss_bytes)
        self._areas = Areas(self._procfs, pid)
        self._areas.look(0)
        return pid

    def begin(self, begin_s: float) -> None:
        """Hear that the measured part begins, and when, as `time.monotonic` shows it."""
        self._begin_ns = round(begin_s * 1e9)
        self._idle_s, self._own_cpu_s = self._procfs.idle_s(), time.process_time()

    def sample(self, time_s: float) -> None:
        """Look again, if it is time for that; *time_s* is that of the measured part."""
        if time_s >= self._next_s:
            self._next_s = time_s + LOOK_S
            self._look(time_s)
        if self._paged_out_at_us is not None and time_s * 1e6 >= self._paged_out_at_us:
            self._paged_out_at_us = None
            self._page_out()

    def _page_out(self) -> None:
        if self._swap is not None and self._pid is not None:
            self._paged_out = page_out(self._pid, self._procfs, self._swap)

    def _look(self, time_s: float) -> None:
        self._trace.drain()
        if self._areas is not None:
            self._areas.look(round(time_s * 1e6))

    def finish(self) -> None:
        """Read the rest of the trace; DAMON is off."""
        self._idle_s = self._procfs.idle_s() - self._idle_s
        self._own_cpu_s = time.process_time() - self._own_cpu_s
        self._trace.drain()

    def _held_up_us(self, measured: Measurement) -> int:
        """How long the workload waited for the kdamond and for this process.

        What they did while a CPU was idle, or could have done then, held nobody up.
        """
        others_s = measured.kdamond_cpu * measured.runtime_s + self._own_cpu_s
        most_s = measured.runtime_s - measured.workload_cpu_s
        return int(1e6 * max(0.0, min(others_s - self._idle_s, most_s)))

    def taken(self, measured: Measurement) -> RawRecording:
        """Give what was recorded, with *measured* in the same run."""
        duration_us = int(measured.runtime_s * 1e6)
        areas = () if self._areas is None else self._areas.until(duration_us)
        if not self._paged_out:
            self._page_out()
        return RawRecording(
            layout=self._trace.layout_text,
            pages=self._trace.pages(),
            begin_ns=self._begin_ns,
            duration_us=duration_us,
            areas=areas,
            cpu_us=round(measured.workload_cpu_s * 1e6),
            work_done=measured.work_done,
            paged_out=self._paged_out,
            held_up_us=self._held_up_us(measured),
        )

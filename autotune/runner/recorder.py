"""Records a workload's access pattern while the workload is measured, and makes a recording of it."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.monitoring import Intervals, OperationsSet
from autotune.damon.recording import MOST_PROCESSES, MappedArea, Recording, shifted_area
from autotune.damon.references import ReferencedArea, ReferencedWindow, shifted_window
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.runner.areas import Areas
from autotune.runner.compression import Chunk, compressed_fraction, page_out
from autotune.runner.procfs import Procfs
from autotune.runner.recorded_processes import RawProcess, joined
from autotune.runner.references import References
from autotune.runner.running import runnable
from autotune.runner.system_memory import SystemMemory
from autotune.runner.targets import Stay
from autotune.runner.trace_pages import read_layout, read_snapshots
from autotune.runner.tracing import TraceBuffer

LOOK_S = 1.0
"""Time between two looks at the trace buffer and at what is mapped."""


def check_recordable(experiment: Experiment) -> Intervals:
    """Check that an experiment can be recorded; give its monitoring intervals.

    Raises:
        ValueError: If the experiment does not use DAMON, has schemes, or does not watch processes.
    """
    if experiment.monitoring is None or experiment.schemes:
        raise ValueError("what is recorded is monitored, and nothing else is done to it")
    if experiment.operations is not OperationsSet.VADDR:
        raise ValueError("what is recorded is the address space of a process")
    return experiment.monitoring.intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecording:
    """A recording as it was taken. Its trace is not read yet: that takes time.

    Attributes:
        layout: Content of the trace event's file ``format``.
        pages: The pages of the trace buffer, one item for each CPU.
        begin_ns: When the measured part began, by the trace's clock.
        duration_us: How long the measured part took.
        held_up_us: How long the workload waited for the kdamond and for this program.
        processes: The processes that DAMON watched, in the order of their numbers.
        areas: What the processes had mapped, in the order of addresses, each process's areas among its
            addresses in the recording.
        cpu_us: CPU time of the workload in the measured part.
        work_done: Work done in the workload's own unit; None for a workload of fixed work.
        resident_peak_bytes: Maximum of the workload's resident set.
        paged_out: What paging the processes out added to the swap, at their addresses in the recording.
        unwatched_share: The share of the workload's memory that DAMON did not watch.
        unwatched_names: Names of the programs with most of that.
        references: What the processes accessed within windows of time, at their addresses in the
            recording.
    """

    layout: str
    pages: tuple[bytes, ...]
    begin_ns: int
    duration_us: int
    areas: tuple[MappedArea, ...]
    cpu_us: int
    work_done: float | None
    resident_peak_bytes: int
    processes: tuple[RawProcess, ...]
    paged_out: tuple[Chunk, ...] = ()
    held_up_us: int = 0
    unwatched_share: float = 0.0
    unwatched_names: tuple[str, ...] = ()
    references: tuple[ReferencedWindow, ...] = ()

    def beside(self, alone: Measurement) -> RawRecording:
        """Give the recording with the time that it was held up as *alone* shows it, a run without DAMON.

        A workload that waits for a clock, as a client at a fixed rate does, is held up for less time
        than monitoring took of the CPU. If the two runs differ in their work, what was taken stays.
        """
        if alone.work_done != self.work_done:
            return self
        return replace(self, held_up_us=max(0, self.duration_us - round(alone.runtime_s * 1e6)))

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "layout": self.layout,
            # Level 1 compresses fast: this may run in the guest, which is slow.
            "pages": [base64.b64encode(zlib.compress(one, 1)).decode() for one in self.pages],
            "begin_ns": self.begin_ns,
            "duration_us": self.duration_us,
            "areas": [
                [
                    *(area.start, area.end, area.from_us, area.until_us),
                    *(area.resident, area.shared, area.repeated),
                ]
                for area in self.areas
            ],
            "processes": self.processes,
            "unwatched_share": self.unwatched_share,
            "unwatched_names": self.unwatched_names,
            "cpu_us": self.cpu_us,
            "work_done": self.work_done,
            "resident_peak_bytes": self.resident_peak_bytes,
            "paged_out": self.paged_out,
            "held_up_us": self.held_up_us,
            "references": [[one.begin_us, one.end_us, one.areas] for one in self.references],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RawRecording:
        """Read what `to_dict` gave.

        Raises:
            ValueError: If *values* is something else.
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
                    repeated=tuple((low, high) for low, high in repeated),
                )
                for start, end, from_us, until_us, resident, shared, repeated in values["areas"]
            )
            return cls(
                **{
                    **values,
                    "pages": pages,
                    "areas": areas,
                    "processes": tuple(RawProcess(*process) for process in values["processes"]),
                    "paged_out": tuple(Chunk(*chunk) for chunk in values["paged_out"]),
                    "unwatched_names": tuple(values["unwatched_names"]),
                    "references": tuple(
                        ReferencedWindow(
                            begin_us=begin_us,
                            end_us=end_us,
                            areas=tuple(ReferencedArea(*area) for area in areas),
                        )
                        for begin_us, end_us, areas in values["references"]
                    ),
                }
            )
        except (KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"not a recording: {error}") from error

    def recording(self, experiment: Experiment) -> Recording:
        """Read the trace, and give the recording; *experiment* is what was recorded.

        Raises:
            TrialError: If a part of the trace was lost, or no aggregation ended.
            BackendUnavailableError: If the kernel writes the trace in an unknown layout.
        """
        intervals = check_recordable(experiment)
        layout = read_layout(self.layout)
        read = read_snapshots(layout, self.pages, begin_ns=self.begin_ns)
        snapshots = tuple(
            one for one in joined(read, self.processes) if 0 < one.end_us <= self.duration_us
        )
        try:
            return Recording(
                name=_name(experiment),
                intervals=intervals,
                duration_us=self.duration_us,
                snapshots=snapshots,
                areas=self.areas,
                cpu_us=self.cpu_us,
                work_done=self.work_done,
                resident_peak_bytes=self.resident_peak_bytes,
                compressed_fraction=compressed_fraction(self.paged_out, snapshots),
                held_up_us=self.held_up_us,
                processes=tuple(one.recorded(self.duration_us) for one in self.processes),
                unwatched_share=self.unwatched_share,
                unwatched_names=self.unwatched_names,
                references=tuple(
                    replace(one, end_us=min(one.end_us, self.duration_us))
                    for one in self.references
                    if one.begin_us < self.duration_us
                ),
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
    """Records the processes of a workload while it is measured.

    Args:
        trace: The trace buffer, which takes what DAMON finds from now on.
        procfs: Where the processes' files are read.
        paged_out_to: The processes are paged out to this system's swap, to see how well their memory
            compresses. With None they are not paged out.
        paged_out_at_us: When the processes are paged out, counted from the beginning of the measured
            part; None means after its end.
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
        self._paged_out: dict[int, tuple[Chunk, ...]] = {}
        self._areas: dict[int, Areas] = {}
        self._known_frames: set[int] = set()
        self._begin_ns = 0
        self._next_s = 0.0
        self._idle_s = self._own_cpu_s = 0.0
        self._references = References(procfs, 0.0)

    def watch(self, pids: tuple[int, ...], time_us: int = 0) -> None:
        """Follow the mappings of *pids*, processes that DAMON watches, from now on."""
        coming = [pid for pid in pids if pid not in self._areas]
        if not coming:
            return
        for areas in self._areas.values():
            self._known_frames.update(areas.frames())
        for number, pid in enumerate(coming):
            self._areas[pid] = areas = Areas(self._procfs, pid, self._known_frames)
            areas.look(time_us)
            if number + 1 < len(coming):
                self._known_frames.update(areas.frames())

    def begin(self, begin_s: float) -> None:
        """Note that the measured part begins at *begin_s*, a time of `time.monotonic`."""
        self._begin_ns = round(begin_s * 1e9)
        self._references = References(self._procfs, begin_s)
        self._idle_s, self._own_cpu_s = self._procfs.idle_s(), time.process_time()

    def sample(self, time_s: float, pids: tuple[int, ...]) -> None:
        """Look again if it is time to.

        Args:
            time_s: The time since the measured part began.
            pids: The processes that DAMON watches now.
        """
        self.watch(pids, round(time_s * 1e6))
        self._references.sample(pids)
        if time_s >= self._next_s:
            self._next_s = time_s + LOOK_S
            self._look(time_s)
        if self._paged_out_at_us is not None and time_s * 1e6 >= self._paged_out_at_us:
            self._paged_out_at_us = None
            self._page_out(pids)

    def _page_out(self, pids: Iterable[int]) -> None:
        if self._swap is None:
            return
        for pid in pids:
            self._paged_out[pid] = page_out(pid, self._procfs, self._swap)

    def _look(self, time_s: float) -> None:
        self._trace.drain()
        for areas in self._areas.values():
            areas.look(round(time_s * 1e6))

    def finish(self) -> None:
        """Read the rest of the trace. DAMON must be off."""
        self._idle_s = self._procfs.idle_s() - self._idle_s
        self._own_cpu_s = time.process_time() - self._own_cpu_s
        self._trace.drain()

    def _held_up_us(self, measured: Measurement) -> int:
        """Give how long the workload waited for the kdamond and for this process.

        That is their CPU time less the idle time of all CPUs, but at most the time in which the workload
        did not run: while a CPU is idle, they hold nobody up.
        """
        others_s = measured.kdamond_cpu * measured.runtime_s + self._own_cpu_s
        most_s = measured.runtime_s - measured.workload_cpu_s
        return int(1e6 * max(0.0, min(others_s - self._idle_s, most_s)))

    def taken(self, measured: Measurement, stays: tuple[Stay, ...]) -> RawRecording:
        """Give what was recorded.

        Args:
            measured: The measurement of this run.
            stays: Which process was DAMON's target of which number, and when.
        """
        duration_us = int(measured.runtime_s * 1e6)
        stays = tuple(sorted(stays, key=lambda stay: (stay.from_s, stay.place)))[:MOST_PROCESSES]
        if not any(self._paged_out.values()):
            self._page_out(stay.pid for stay in stays)
        areas: list[MappedArea] = []
        paged_out: list[Chunk] = []
        references: list[ReferencedWindow] = []
        for number, stay in enumerate(stays):
            base = number * PROCESS_BYTES
            if stay.pid in self._areas:
                mine = self._areas[stay.pid].until(duration_us)
                areas += (shifted_area(area, number) for area in mine)
            references += (shifted_window(one, base) for one in self._references.of(stay.pid))
            paged_out += (
                chunk._replace(start=chunk.start + base, end=chunk.end + base)
                for chunk in self._paged_out.get(stay.pid, ())
            )
        watched = measured.watched
        return RawRecording(
            layout=self._trace.layout_text,
            pages=self._trace.pages(),
            begin_ns=self._begin_ns,
            duration_us=duration_us,
            areas=tuple(areas),
            cpu_us=round(measured.workload_cpu_s * 1e6),
            work_done=measured.work_done,
            resident_peak_bytes=measured.rss_peak_bytes,
            processes=tuple(self._raw(stay, duration_us) for stay in stays),
            paged_out=tuple(paged_out),
            held_up_us=self._held_up_us(measured),
            unwatched_share=0.0 if watched is None else watched.unwatched_share,
            unwatched_names=() if watched is None else watched.unwatched_names,
            references=tuple(references),
        )

    def _raw(self, stay: Stay, duration_us: int) -> RawProcess:
        def time_us(at_s: float) -> int:
            return round(at_s * 1e6) - self._begin_ns // 1000

        until_us = duration_us if stay.until_s is None else time_us(stay.until_s)
        return RawProcess(stay.name, stay.place, time_us(stay.from_s), until_us)

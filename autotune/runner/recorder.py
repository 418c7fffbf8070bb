"""Records a workload's access pattern while the workload is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import MOST_PROCESSES, MappedArea, shifted_area
from autotune.damon.references import ReferencedWindow, shifted_window
from autotune.experiment.measurement import Measurement
from autotune.runner.areas import Areas
from autotune.runner.compression import Chunk, page_out
from autotune.runner.procfs import Procfs
from autotune.runner.raw_recording import RawRecording
from autotune.runner.recorded_processes import RawProcess
from autotune.runner.references import References
from autotune.runner.system_memory import SystemMemory
from autotune.runner.targets import Stay
from autotune.runner.tracing import TraceBuffer

LOOK_S = 1.0
"""Time between two looks at the trace buffer and at what is mapped."""


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

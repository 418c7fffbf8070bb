"""A recording as it was taken, and the recording that is read from it."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autotune.damon.monitoring import Intervals, OperationsSet
from autotune.damon.recording import MappedArea, Recording
from autotune.damon.references import ReferencedArea, ReferencedWindow
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.runner.compression import Chunk, compressed_fraction
from autotune.runner.recorded_processes import RawProcess, joined
from autotune.runner.running import runnable
from autotune.runner.trace_pages import read_layout, read_snapshots


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

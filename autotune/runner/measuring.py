"""Runs the measured part of a workload, samples it on a fixed time grid, and gives a measurement."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from autotune.driver.kdamond import Kdamond
from autotune.errors import EndedEarlyError, TrialError
from autotune.experiment.activity import PlayedPhase, accesses_at, busy_cpu_s
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement, Series, time_weighted_mean
from autotune.experiment.patience import Patience
from autotune.experiment.proportional import between_readings
from autotune.runner.errors import WorkloadError
from autotune.runner.monitoring import Monitor
from autotune.runner.processes import Processes
from autotune.runner.procfs import Usage, UsageSeen
from autotune.runner.readiness import be_silent
from autotune.runner.recorder import Recorder
from autotune.runner.running import RunningWorkload, check_end
from autotune.runner.shared_memory import SharedMemory
from autotune.runner.standstill import Standstill
from autotune.runner.system_memory import SystemMemory
from autotune.runner.targets import Stay
from autotune.runner.tracing import TraceBuffer


@dataclass(slots=True)
class _Samples:
    """The samples so far: one list for each field of `Series`, and what these are made of."""

    time_s: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    pss: list[int | None] = field(default_factory=list)
    swap: list[int] = field(default_factory=list)
    swap_read: list[int | None] = field(default_factory=list)
    processes: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    pool: list[int] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    wss: list[int | None] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    major_faults: list[int] = field(default_factory=list)

    def series(self, phases: tuple[PlayedPhase, ...]) -> Series:
        return Series(
            time_s=tuple(self.time_s),
            rss_bytes=tuple(self.rss),
            pss_bytes=tuple(self.pss),
            swap_bytes=tuple(
                round(size)
                for size in between_readings(
                    self.time_s, self.swap, self.swap_read, self.processes
                )
            ),
            pool_bytes=tuple(self.pool),
            used_bytes=tuple(self.used),
            wss_bytes=tuple(self.wss),
            cpu_s=busy_cpu_s(self.time_s, self.cpu_s, phases),
            major_faults=tuple(self.major_faults),
            work_done=accesses_at(self.time_s, phases) if phases else (),
        )


def memory_ends(
    time_s: Sequence[float], rss_bytes: Sequence[int], runtime_s: float
) -> tuple[int, float]:
    """Say until when a workload shows its memory.

    A process that ends shows none while the kernel frees it: in a micro-VM more than 1 s for each GiB.
    Counting that time as time without memory would make the means too low.

    Args:
        time_s: Times of the samples, in seconds.
        rss_bytes: Resident memory at these times.
        runtime_s: When the workload had ended, in seconds.

    Returns:
        How many samples there are until then, and its time in seconds.

    >>> memory_ends((0.0, 0.1, 0.2, 0.3), (5, 0, 6, 0), 0.4)
    (3, 0.3)
    >>> memory_ends((0.0, 0.1), (5, 5), 0.2)
    (2, 0.2)
    """
    held = len(rss_bytes)
    while held > 1 and not rss_bytes[held - 1]:
        held -= 1
    return held, runtime_s if held == len(rss_bytes) else time_s[held]


class Measuring:
    """Measures a workload that is ready, once.

    Args:
        running: The workload.
        processes: Its processes.
        system: The system's memory.
        free_before_bytes: Free memory before the workload was started: none of the system's was used.
        kdamond: The driver; with None only a baseline can be measured.
        on_sample: Called with the time of each sample, in seconds since the measured part began.
        reading_cost_s: CPU time of reading, before the run, what processes share, in seconds.
        pss_period_us: Time between two of these readings; None means that it follows from their cost.
        recorder: Makes a recording during the run.
        trace: Takes a few snapshots of DAMON's regions, unless there is a recorder.
    """

    def __init__(
        self,
        running: RunningWorkload,
        processes: Processes,
        system: SystemMemory,
        *,
        free_before_bytes: int,
        kdamond: Kdamond | None,
        on_sample: Callable[[float], None] = be_silent,
        reading_cost_s: float = 0.0,
        pss_period_us: int | None = None,
        recorder: Recorder | None = None,
        trace: TraceBuffer | None = None,
    ) -> None:
        self._running = running
        self._processes = processes
        self._procfs = processes.procfs
        self._system = system
        self._free_before_bytes = free_before_bytes
        self._kdamond = kdamond
        self._on_sample = on_sample
        self._reading_cost_s = reading_cost_s
        self._pss_period_us = pss_period_us
        self._recorder = recorder
        self._trace = trace if recorder is None else None
        self._samples = _Samples()
        self._used = UsageSeen(Usage(cpu_s=0.0, major_faults=0))
        self.stays: tuple[Stay, ...] = ()
        """Which process was DAMON's target of which number, and when, once it is measured."""

    def measure(self, experiment: Experiment, seed: int) -> Measurement:
        """Run the measured part to its end, and give what was measured.

        Raises:
            EndedEarlyError: If the run is slower than the experiment has patience for.
            TrialError: If the workload fails, does not end in time, or the kernel refuses a scheme.
            BackendUnavailableError: If DAMON can't be used here.
        """
        if self._running.measured.has_ended():
            raise self._ended_before()
        monitor = self._make_monitor(experiment)
        try:
            return self._measure(experiment, seed, monitor)
        finally:
            if monitor is not None:
                monitor.drop()

    def _ended_before(self) -> WorkloadError:
        measured = self._running.measured
        if measured.has_ended():
            self._processes.check_foreground(measured)
        # A process that is about to end may have no memory any more, and no status yet.
        how = f", with {measured.how_it_ended()}" if measured.has_ended() else ""
        remedy = "let it run longer, or mend 'ready'"
        if measured.status:
            remedy = measured.remedy(remedy)
        return WorkloadError(
            f"'{measured.title}' ended before it could be measured{how}: {remedy}"
        )

    def _make_monitor(self, experiment: Experiment) -> Monitor | None:
        if experiment.monitoring is None:
            return None
        if self._kdamond is None:
            raise ValueError("without a driver only baselines can be measured")
        pids = self._with_memory()
        if not pids:
            raise self._ended_before()
        if self._recorder is not None:
            self._recorder.watch(pids)
        try:
            return Monitor(
                self._kdamond, experiment, self._with_memory, self._procfs, trace=self._trace
            )
        except ValueError as error:
            if not self._with_memory():
                raise self._ended_before() from error
            raise TrialError(str(error)) from error

    def _with_memory(self) -> tuple[int, ...]:
        pids = self._processes.measured()
        return tuple(pid for pid in pids if self._procfs.has_memory(pid))

    def _measure(self, experiment: Experiment, seed: int, monitor: Monitor | None) -> Measurement:
        running = self._running
        shared = SharedMemory(
            self._procfs,
            cost_s=self._reading_cost_s,
            sampling_period_us=experiment.sampling_period_us,
            period_us=self._pss_period_us,
        )
        before = self._system.counters()
        used_before = self._processes.usage()
        self._used = UsageSeen(used_before)
        began_s = time.monotonic()
        if self._recorder is not None:
            self._recorder.begin(began_s)
        running.begin(seed)
        standstill = Standstill(running, self._processes, used_before.cpu_s)
        self._wait(experiment, monitor, shared, standstill, began_s)
        runtime_s = time.monotonic() - began_s
        # No process is reaped yet: an ended process still shows its figures, and DAMON keeps its target.
        used = self._processes.usage()
        after = self._system.counters()
        check_end(running, self._processes, after.oom_kills - before.oom_kills)
        if monitor is not None:
            monitor.finish()
            self.stays = monitor.stays
        if self._recorder is not None:
            self._recorder.finish()
        series = self._samples.series(running.phases())

        held, end_s = memory_ends(series.time_s, series.rss_bytes, runtime_s)

        def mean(samples: tuple[float, ...]) -> float:
            return time_weighted_mean(series.time_s[:held], samples[:held], end_s)

        used_mean = mean(series.used_bytes)
        return Measurement(
            runtime_s=runtime_s,
            work_done=running.work_done(),
            rss_mean_bytes=mean(series.rss_bytes),
            rss_peak_bytes=max(series.rss_bytes),
            pss_mean_bytes=mean(
                between_readings(
                    series.time_s, series.rss_bytes, series.pss_bytes, self._samples.processes
                )
            ),
            swap_pool_mean_bytes=mean(series.pool_bytes),
            system_used_mean_bytes=used_mean if used_mean >= 0.0 else None,
            kdamond_cpu=0.0 if monitor is None else monitor.cpu_s / runtime_s,
            # Time of reaped processes counts in ticks, so that the sum can seem to fall.
            workload_cpu_s=max(0.0, used.cpu_s - used_before.cpu_s),
            major_faults=used.major_faults - used_before.major_faults,
            swap_in_bytes=after.swap_in_bytes - before.swap_in_bytes,
            swap_out_bytes=after.swap_out_bytes - before.swap_out_bytes,
            memory_pressure_some_s=after.pressure_some_s - before.pressure_some_s,
            scheme_stats=None if monitor is None else monitor.stats,
            wss_mean_bytes=None if monitor is None else monitor.wss_mean_bytes,
            series=series,
            pss_periods_us=shared.periods_us,
            watched=None if monitor is None else monitor.watched,
            conditions=None if monitor is None else monitor.conditions,
            latency_max_s=running.latency_max_s(),
        )

    def _wait(
        self,
        experiment: Experiment,
        monitor: Monitor | None,
        shared: SharedMemory,
        standstill: Standstill,
        began_s: float,
    ) -> None:
        """Sample until the measured part ends."""
        running = self._running
        waiting = select.poll()
        for waker in running.wakers:
            waiting.register(waker, select.POLLIN)
        period_s = experiment.sampling_period_us / 1e6
        timeout_s = experiment.timeout_us / 1e6
        start_s = experiment.start_after_us / 1e6
        number = 0
        while True:
            now_s = time.monotonic() - began_s
            if monitor is not None and not monitor.is_on and now_s >= start_s:
                monitor.turn_on()
            if now_s >= number * period_s:
                number = int(now_s / period_s)  # skips samples whose time has passed
                self._sample(number, number * period_s, monitor, shared)
                number += 1
                self._be_patient(experiment.patience, now_s)
            stop_s = running.stop_if_due(now_s)
            if now_s >= timeout_s:
                raise standstill.no_end(experiment.timeout_us)
            standstill.look(now_s)
            next_s = min(number * period_s, stop_s)
            if monitor is not None and not monitor.is_on:
                next_s = min(next_s, start_s)
            left_s = max(0.0, next_s - (time.monotonic() - began_s))
            waiting.poll(left_s * 1000)
            if running.has_ended():
                return

    def _be_patient(self, patience: Patience | None, now_s: float) -> None:
        """End a run that is clearly beyond a limit."""
        if patience is None:
            return
        slower = patience.lost(cpu_s=self._samples.cpu_s[-1], time_s=now_s)
        if slower is not None:
            raise EndedEarlyError(slower)

    def _sample(
        self, number: int, time_s: float, monitor: Monitor | None, shared: SharedMemory
    ) -> None:
        pids = self._processes.measured()
        memory = self._procfs.memory(pids)
        proportional = shared.sample(number, pids, memory)
        if monitor is not None:
            monitor.see(pids, memory.rss_bytes)
        samples = self._samples
        samples.time_s.append(time_s)
        samples.rss.append(memory.rss_bytes)
        samples.pss.append(None if proportional is None else proportional.pss_bytes)
        samples.swap.append(memory.swap_bytes)
        samples.swap_read.append(None if proportional is None else proportional.swap_bytes)
        samples.processes.append((pids, memory.processes))
        free_bytes, pool_bytes = self._system.free_and_pool_bytes()
        samples.pool.append(pool_bytes)
        samples.used.append(self._free_before_bytes - free_bytes)
        wss = None if monitor is None else monitor.sample()
        samples.wss.append(None if wss is None else min(wss, memory.rss_bytes))
        used = self._used.since_begin(self._procfs.usage(pids))
        samples.cpu_s.append(used.cpu_s)
        samples.major_faults.append(used.major_faults)
        self._on_sample(time_s)
        if self._recorder is not None:
            self._recorder.sample(time_s, () if monitor is None else monitor.pids)

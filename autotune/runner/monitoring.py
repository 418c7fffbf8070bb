"""DAMON over a workload: turns it on, polls it, reads it for the last time, turns it off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from autotune.damon.damos import SchemeStats
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.driver.kdamond import Kdamond, KdamondEndedError
from autotune.driver.setup import Setup
from autotune.errors import AutotuneError, BackendUnavailableError, TrialError
from autotune.experiment.conditions import Conditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.watched import Watched
from autotune.runner.circumstances import Circumstances
from autotune.runner.coverage import Coverage
from autotune.runner.probes import Counts, probes
from autotune.runner.procfs import Procfs
from autotune.runner.snapshots import Snapshots
from autotune.runner.targets import Stay, Targets
from autotune.runner.tracing import TraceBuffer

_TRIES: Final = 5
"""How often DAMON is turned on anew, if a process ends just then."""
_LONGEST_COMMIT_S: Final = 5.0
"""A commit that takes longer than this, beyond an aggregation interval, waits for watermarks."""


class KdamondLostError(TrialError):
    """The kernel turned DAMON off while it took in a process that ended just then."""


class Monitor:
    """DAMON over the processes of a workload, also over those that come later.

    Args:
        kdamond: The driver.
        experiment: Its monitoring and schemes are used.
        look: Gives the processes to watch, at the time of the call.
        procfs: Where the processes' files are read.
        poll_s: Time between two polls of the statistics, in seconds.
        trace: Takes a few snapshots of DAMON's regions; with None there are none.

    Raises:
        ValueError: If a scheme has a number that the kernel can't express.
    """

    def __init__(
        self,
        kdamond: Kdamond,
        experiment: Experiment,
        look: Callable[[], tuple[int, ...]],
        procfs: Procfs,
        poll_s: float = 1.0,
        trace: TraceBuffer | None = None,
    ) -> None:
        self._monitoring = experiment.monitoring or Monitoring()
        self._operations = experiment.operations
        self._kdamond = kdamond
        self._look = look
        self._procfs = procfs
        self._poll_s = poll_s
        self._sizes: dict[int, int] = {}
        self._resident = 0
        self._is_of_processes = experiment.operations is not OperationsSet.PADDR
        self._targets = Targets(procfs, self._monitoring)
        self._coverage = Coverage(procfs)
        self._schemes = (*experiment.schemes, *probes(self._monitoring, experiment.schemes))
        self._is_gated = all(scheme.watermarks for scheme in self._schemes)
        self._circumstances = Circumstances(experiment, procfs, kdamond.tree.sysfs)
        self._snapshots = None if trace is None else Snapshots(trace, self._monitoring.intervals)
        self._began_s = self._ended_s = 0.0
        self._is_on = False
        self._thread_number = 0
        self._cpu_ns = self._cpu_before_ns = 0
        self._counts = Counts(len(experiment.schemes))
        self._restarts = 0
        self._failure: AutotuneError | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._first_setup(look())

    def _first_setup(self, pids: tuple[int, ...]) -> Setup:
        targets = self._targets.first(pids)
        if self._operations is OperationsSet.PADDR:
            targets = (Target(operations=self._operations, pid=None),)
        return self._setup(targets)

    def _setup(self, targets: tuple[Target, ...]) -> Setup:
        if self._operations is OperationsSet.FVADDR:
            targets = tuple(replace(target, operations=self._operations) for target in targets)
        return Setup(
            monitoring=self._targets.monitoring if self._is_of_processes else self._monitoring,
            targets=targets,
            schemes=self._schemes,
        )

    def turn_on(self) -> None:
        """Turn DAMON on, and poll it from now on.

        Raises:
            TrialError: If the kernel refuses, or all processes have ended.
            BackendUnavailableError: If DAMON's thread can't be seen from here.
        """
        began_s = time.monotonic()
        self._thread_number = thread = self._turn_on()
        self._targets.took(began_s, time.monotonic())
        self._monitored_bytes()
        self._resident_bytes()
        if not self._procfs.name(thread).startswith("kdamond"):
            raise BackendUnavailableError(
                f"DAMON's thread (process {thread}) can't be seen from here: run outside of "
                "containers, where process numbers are the kernel's own"
            )
        self._is_on = True
        self._began_s = self._ended_s = time.monotonic()
        self._circumstances.look(0.0, self._targets.pids)
        self._thread = threading.Thread(target=self._poll_on, name="poll", daemon=True)
        self._thread.start()

    def _turn_on(self) -> int:
        for left in reversed(range(_TRIES)):
            pids = self._look()
            if not pids:
                break
            try:
                return self._kdamond.turn_on(self._first_setup(pids))
            except KdamondEndedError:
                # A process has ended since it was looked up. The others are still there.
                if not left or self._look() == pids:
                    raise
        raise KdamondEndedError(
            "all processes to watch have ended before DAMON was turned on: let the workload run longer, "
            "or shorten 'start_after'"
        )

    def see(self, pids: tuple[int, ...], rss_bytes: int) -> None:
        """Note which processes the workload has now, and their resident memory, summed."""
        now_s = time.monotonic()
        self._targets.see(pids, now_s)
        if self._is_on:
            self._coverage.sample(pids, self._targets.pids, rss_bytes, now_s)

    @property
    def conditions(self) -> Conditions | None:
        """What the schemes met; None if DAMON was never turned on. DAMON must be off again."""
        if not self._is_on:
            return None
        return self._circumstances.conditions(
            self._ended_s - self._began_s,
            self._counts.aggregations,
            accessed=self._counts.any_accessed,
            seen=None if self._snapshots is None else self._snapshots.seen(),
        )

    @property
    def is_on(self) -> bool:
        """Whether DAMON was turned on."""
        return self._is_on

    def sample(self) -> int | None:
        """Read the kdamond's CPU time; give the working set of the last poll.

        Raises:
            TrialError: If polling failed.
            BackendUnavailableError: If DAMON can't be polled here any more.
        """
        if self._failure is not None:
            raise self._failure
        if self._is_on and (cpu_ns := self._kdamond.cpu_time_ns()) is not None:
            self._cpu_ns = self._cpu_before_ns + cpu_ns
        if self._is_on and self._snapshots is not None:
            self._snapshots.look(time.monotonic() - self._began_s)
        return self._counts.wss_bytes

    def _poll_on(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self.poll()
                self._take_in()
            except KdamondEndedError:
                return  # the workload has ended, too: the sampling loop sees that
            except AutotuneError as error:
                self._failure = error
                return

    def poll(self) -> None:
        """Read what DAMON has counted so far.

        Raises:
            TrialError: If DAMON has ended, or the kernel refuses.
            BackendUnavailableError: If DAMON can't be used here any more.
        """
        self._counts.take(
            self._kdamond.update_stats(),
            self._monitored_bytes(),
            # A region may span addresses without memory: of these, nothing was accessed.
            self._resident_bytes if self._is_of_processes else None,
        )
        self._look_around(self._counts.schemes)

    def _look_around(self, stats: tuple[SchemeStats, ...]) -> None:
        """Look at what limits the schemes."""
        seen = self._circumstances
        self._ended_s = time.monotonic()
        seen.look(self._ended_s - self._began_s, tuple(self._sizes), stats)
        if seen.asks_for_quotas:
            seen.note_quotas(self._kdamond.effective_quotas()[: len(stats)])

    def _monitored_bytes(self) -> int:
        # If a process has ended, DAMON goes on with the ranges that it last knew of the process.
        sizes = self._sizes
        self._sizes = {
            pid: self._procfs.monitored_bytes((pid,)) or sizes.get(pid, 0)
            for pid in self._targets.pids
        }
        return sum(self._sizes.values())

    def _resident_bytes(self) -> int:
        """Give the larger of the resident memory now and at the poll before."""
        before = self._resident
        self._resident = self._procfs.memory(tuple(self._sizes)).rss_bytes
        return max(before, self._resident)

    def _take_in(self) -> None:
        """Watch processes that came later, if it is time to.

        While watermarks hold all schemes back, DAMON watches nothing, and a commit would wait for them.
        """
        now_s = time.monotonic()
        if (
            self._operations is not OperationsSet.VADDR
            or (self._is_gated and not self._counts.is_growing)
            or not self._targets.is_due(now_s)
        ):
            return
        targets = self._targets.following(self._look(), now_s, self._thread_number)
        if targets is None:
            return
        began_s = time.monotonic()
        try:
            self._kdamond.commit(self._setup(targets), active=True)
        except KdamondEndedError as error:
            self._begin_anew(targets, error)
        self._targets.took(began_s, time.monotonic())

    def _begin_anew(self, targets: tuple[Target, ...], error: KdamondEndedError) -> None:
        """Turn DAMON on again after the kernel has turned it off; regions and ages begin anew.

        Raises:
            KdamondLostError: If the workload ends, too.
        """
        if self._stop.is_set():
            raise self._lost(targets) from error
        self._cpu_before_ns = self._cpu_ns
        self._counts.begin_anew()
        self._kdamond.turn_off()
        try:
            self._thread_number = self._turn_on()
        except KdamondEndedError as ended:
            raise self._lost(targets) from ended
        self._restarts += 1

    def _lost(self, targets: tuple[Target, ...]) -> KdamondLostError:
        there = set(self._look())
        pids = [target.pid for target in targets if target.pid != self._thread_number]
        gone = ", ".join(str(pid) for pid in pids if pid not in there)
        return KdamondLostError(
            f"DAMON: the kernel turned it off while it took in new processes, since "
            f"{f'process {gone}' if gone else 'one of them'} ended just then: measure again, or raise "
            "monitoring.update_interval, so that DAMON takes processes in less often"
        )

    def finish(self) -> None:
        """Poll for the last time, and turn DAMON off. The watched processes must not be reaped yet.

        If the workload ended while DAMON took in new processes, the poll just before that is the last.

        Raises:
            TrialError: If DAMON had ended before.
        """
        self._coverage.end(time.monotonic())
        has_stopped = self._stop_polling()
        if self._is_on and has_stopped and not isinstance(self._failure, KdamondLostError):
            self.sample()
            self.poll()
            if self._snapshots is not None:
                self._snapshots.take_last()
        self._turn_off()

    def drop(self) -> None:
        """Turn DAMON off. What it has counted since the last poll is lost. After `finish` it is off.

        Polling ends first: a later poll might ask another program's kdamond.
        """
        self._stop_polling()
        self._turn_off()

    def _turn_off(self) -> None:
        self._kdamond.turn_off()
        if self._thread is not None:
            self._thread.join()

    def _stop_polling(self) -> bool:
        """End polling; give False if a commit waits for watermarks: DAMON's end will end that."""
        self._stop.set()
        if self._thread is None:
            return True
        aggregation_s = self._monitoring.intervals.aggregation_us / 1e6
        self._thread.join(2 * aggregation_s + _LONGEST_COMMIT_S if self._is_gated else None)
        return not self._thread.is_alive()

    @property
    def stats(self) -> SchemeStats:
        """Statistics of the user's schemes at the last poll, summed."""
        return self._counts.stats

    @property
    def watched(self) -> Watched | None:
        """Which processes were watched; None if no process was to be watched, or DAMON never was on."""
        if not self._is_on or self._operations is OperationsSet.PADDR:
            return None
        ever = {stay.pid for stay in self._targets.stays}
        return Watched(
            processes=len(ever),
            unwatched_processes=self._coverage.unwatched_processes(ever),
            unwatched_share=self._coverage.unwatched_share,
            unwatched_names=self._coverage.unwatched_names,
            unwatched_life_s=self._coverage.unwatched_life_s,
            max_regions=self._targets.monitoring.max_regions,
            max_regions_asked=self._monitoring.max_regions,
            restarts=self._restarts,
        )

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are watched now."""
        return self._targets.pids

    @property
    def stays(self) -> tuple[Stay, ...]:
        """Which process was DAMON's target of which number, and when."""
        return self._targets.stays

    @property
    def cpu_s(self) -> float:
        """CPU time of the kdamond, in seconds."""
        return self._cpu_ns / 1e9

    @property
    def wss_mean_bytes(self) -> float | None:
        """Mean working set over all aggregations; None if no aggregation ended."""
        return self._counts.wss_mean_bytes

"""DAMON over a workload: turns it on, polls it, reads it for the last time, turns it off.

Behind the user's schemes stand two schemes of our own that only count (action `stat`): the first counts
regions with at least one access, the second all regions. Their sums give the mean working set of all
aggregations since the last poll; no file of the kernel gives it. They change no region's age, and use
no scheme's quota.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from autotune.damon.damos import AccessPattern, Action, Range, Scheme, SchemeStats
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.driver.kdamond import Kdamond, KdamondEndedError
from autotune.driver.setup import Setup
from autotune.errors import AutotuneError, BackendUnavailableError
from autotune.experiment.experiment import Experiment
from autotune.runner.procfs import Procfs

_PROBES = 2


def probes(monitoring: Monitoring, schemes: tuple[Scheme, ...]) -> tuple[Scheme, Scheme]:
    """Give the two schemes that only count: accessed regions, and all regions.

    If each of *schemes* has watermarks, the two schemes get the watermarks of the first of *schemes*.
    Without watermarks DAMON would go on monitoring while all of *schemes* are inactive.
    """
    once = 1 / monitoring.intervals.samples
    watermarks = [scheme.watermarks for scheme in schemes]
    gate = None if not watermarks or None in watermarks else watermarks[0]
    accessed = AccessPattern(access_rate=Range(once))
    return (
        Scheme(action=Action.STAT, pattern=accessed, watermarks=gate),
        Scheme(action=Action.STAT, watermarks=gate),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What DAMON counted since it was turned on.

    Attributes:
        stats: Statistics of the user's schemes, summed.
        accessed_bytes: Sizes of accessed regions, summed over aggregations.
        all_bytes: Sizes of all regions, summed over aggregations.
        wss_bytes: Mean working set since the poll before, at most the resident memory. If no aggregation
            ended since then, the value of the poll before; None if no aggregation has ended at all.
    """

    stats: SchemeStats
    accessed_bytes: int
    all_bytes: int
    wss_bytes: int | None


def _sum(stats: tuple[SchemeStats, ...]) -> SchemeStats:
    return SchemeStats(
        tried_regions=sum(one.tried_regions for one in stats),
        tried_bytes=sum(one.tried_bytes for one in stats),
        applied_regions=sum(one.applied_regions for one in stats),
        applied_bytes=sum(one.applied_bytes for one in stats),
        quota_exceeds=sum(one.quota_exceeds for one in stats),
    )


class Monitor:
    """DAMON over the processes of a workload.

    Args:
        kdamond: The driver.
        experiment: Its monitoring and schemes are used.
        pids: The processes to watch.
        procfs: Where the processes' files are read.
        poll_s: Time between two polls of the statistics, in seconds.
    """

    def __init__(
        self,
        kdamond: Kdamond,
        experiment: Experiment,
        pids: tuple[int, ...],
        procfs: Procfs,
        poll_s: float = 1.0,
    ) -> None:
        monitoring = experiment.monitoring or Monitoring()
        self._kdamond = kdamond
        self._pids = pids
        self._procfs = procfs
        self._poll_s = poll_s
        self._sizes: dict[int, int] = {}
        self._resident = 0
        self._is_of_processes = experiment.operations is not OperationsSet.PADDR
        self._is_on = False
        self._cpu_ns = 0
        self._weighed_bytes = 0.0
        self._aggregations = 0.0
        self._polled = Polled(stats=SchemeStats(), accessed_bytes=0, all_bytes=0, wss_bytes=None)
        self._failure: AutotuneError | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        operations = experiment.operations
        self._setup = Setup(
            monitoring=monitoring,
            targets=tuple(Target(operations=operations, pid=pid) for pid in pids)
            if operations is not OperationsSet.PADDR
            else (Target(operations=operations, pid=None),),
            schemes=(*experiment.schemes, *probes(monitoring, experiment.schemes)),
        )

    def turn_on(self) -> None:
        """Turn DAMON on, and poll it from now on.

        Raises:
            TrialError: If the kernel refuses.
            BackendUnavailableError: If DAMON's thread can't be seen from here.
        """
        self._monitored_bytes()
        self._resident_bytes()
        thread = self._kdamond.turn_on(self._setup)
        if not self._procfs.name(thread).startswith("kdamond"):
            raise BackendUnavailableError(
                f"DAMON's thread (process {thread}) can't be seen from here: run outside of "
                "containers, where process numbers are the kernel's own"
            )
        self._is_on = True
        self._thread = threading.Thread(target=self._poll_on, name="poll", daemon=True)
        self._thread.start()

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
        if self._is_on:
            self._cpu_ns = self._kdamond.cpu_time_ns() or self._cpu_ns
        return self._polled.wss_bytes

    def _poll_on(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self.poll()
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
        counted = self._kdamond.update_stats()
        accessed, everything = (stats.tried_bytes for stats in counted[-_PROBES:])
        before = self._polled
        wss = None
        size = self._monitored_bytes()
        if size and everything > before.all_bytes:
            aggregations = (everything - before.all_bytes) / size
            seen = float(accessed - before.accessed_bytes)
            if self._is_of_processes:
                # A region may span addresses without memory: of these, nothing was accessed.
                seen = min(seen, self._resident_bytes() * aggregations)
            wss = int(seen / aggregations)
            self._weighed_bytes += seen
            self._aggregations += aggregations
        self._polled = Polled(
            stats=_sum(counted[:-_PROBES]),
            accessed_bytes=accessed,
            all_bytes=everything,
            wss_bytes=wss if wss is not None else before.wss_bytes,
        )

    def _monitored_bytes(self) -> int:
        # If a process has ended, DAMON goes on with the ranges that it last knew of the process.
        for pid in self._pids:
            self._sizes[pid] = self._procfs.monitored_bytes((pid,)) or self._sizes.get(pid, 0)
        return sum(self._sizes.values())

    def _resident_bytes(self) -> int:
        """Give the larger of the resident memory now and at the poll before."""
        before = self._resident
        self._resident = self._procfs.memory(tuple(self._sizes)).rss_bytes
        return max(before, self._resident)

    def finish(self) -> None:
        """Poll for the last time, and turn DAMON off. The watched processes must not be reaped yet.

        Raises:
            TrialError: If DAMON had ended before.
        """
        self._stop_polling()
        if self._is_on:
            self.sample()
            self.poll()
        self._kdamond.turn_off()

    def drop(self) -> None:
        """Turn DAMON off. What it has counted since the last poll is lost. After `finish` it is off.

        Polling ends first: a later poll might ask another program's kdamond.
        """
        self._stop_polling()
        self._kdamond.turn_off()

    def _stop_polling(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def stats(self) -> SchemeStats:
        """Statistics of the user's schemes at the last poll, summed."""
        return self._polled.stats

    @property
    def cpu_s(self) -> float:
        """CPU time of the kdamond, in seconds."""
        return self._cpu_ns / 1e9

    @property
    def wss_mean_bytes(self) -> float | None:
        """Mean working set over all aggregations; None if no aggregation ended."""
        return self._weighed_bytes / self._aggregations if self._aggregations else None

"""DAMON over a workload: turned on, polled while it lives, read for the last time, turned off.

Behind the user's schemes stand two of our own that only count (action `stat`): one the regions with at
least one access, one all of them. Their sums tell the mean working set of every aggregation since the
last poll, which no other file does; they change no region's age and are charged to nobody.
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

POLL_S = 1.0
"""Between two polls of the statistics."""

_PROBES = 2


def probes(monitoring: Monitoring, schemes: tuple[Scheme, ...]) -> tuple[Scheme, Scheme]:
    """Give the two schemes that only count: accessed regions, and all.

    Where every one of *schemes* has watermarks, so have these: without, DAMON would go on
    monitoring while all the others are inactive.
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
        stats: Of the user's schemes, summed.
        accessed_bytes: Sizes of accessed regions, summed over aggregations.
        all_bytes: Sizes of all regions, summed over aggregations.
        wss_bytes: Mean working set since the poll before; None if no aggregation ended.
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
        procfs: Knows them.
    """

    def __init__(
        self, kdamond: Kdamond, experiment: Experiment, pids: tuple[int, ...], procfs: Procfs
    ) -> None:
        monitoring = experiment.monitoring or Monitoring()
        self._kdamond = kdamond
        self._pids = pids
        self._procfs = procfs
        self._sizes: dict[int, int] = {}
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
            BackendUnavailableError: If its thread can't be seen from here.
        """
        self._monitored_bytes()
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
        """Whether it was turned on."""
        return self._is_on

    def sample(self) -> int | None:
        """Note the kdamond's CPU time; give the working set as last polled.

        Raises:
            TrialError: If polling failed.
            BackendUnavailableError: If it can't be done here any more.
        """
        if self._failure is not None:
            raise self._failure
        if self._is_on:
            self._cpu_ns = self._kdamond.cpu_time_ns() or self._cpu_ns
        return self._polled.wss_bytes

    def _poll_on(self) -> None:
        while not self._stop.wait(POLL_S):
            try:
                self._poll()
            except KdamondEndedError:
                return  # with its target: whoever waits for that sees it too
            except AutotuneError as error:
                self._failure = error
                return

    def _poll(self) -> None:
        counted = self._kdamond.update_stats()
        accessed, everything = (stats.tried_bytes for stats in counted[-_PROBES:])
        before = self._polled
        wss = None
        size = self._monitored_bytes()
        if size and everything > before.all_bytes:
            aggregations = (everything - before.all_bytes) / size
            seen = accessed - before.accessed_bytes
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
        # DAMON goes on with what it last knew of a process that has ended.
        for pid in self._pids:
            self._sizes[pid] = self._procfs.monitored_bytes((pid,)) or self._sizes.get(pid, 0)
        return sum(self._sizes.values())

    def finish(self) -> None:
        """Read everything for the last time, while what is watched is there still; turn DAMON off.

        Raises:
            TrialError: If DAMON had ended before.
        """
        self._stop_polling()
        if self._is_on:
            self.sample()
            self._poll()
        self._kdamond.turn_off()

    def drop(self) -> None:
        """Turn DAMON off; whatever it has counted since the last poll is lost. After `finish` it is off.

        Polling ends first: what is asked later might be asked of somebody else's kdamond.
        """
        self._stop_polling()
        self._kdamond.turn_off()

    def _stop_polling(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def stats(self) -> SchemeStats:
        """Of the user's schemes, as last polled."""
        return self._polled.stats

    @property
    def cpu_s(self) -> float:
        """CPU time of the kdamond."""
        return self._cpu_ns / 1e9

    @property
    def wss_mean_bytes(self) -> float | None:
        """Mean working set over all aggregations; None if none ended."""
        return self._weighed_bytes / self._aggregations if self._aggregations else None

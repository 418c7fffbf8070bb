"""Two schemes of our own that only count, and what follows from their counts: the working set.

They stand behind the user's schemes, with the action `stat`: the first counts regions with at least one
access, the second all regions. Their sums give the mean working set of all aggregations since the last
poll; no file of the kernel gives it. They change no region's age, and use no scheme's quota.
"""

from __future__ import annotations

from collections.abc import Callable

from autotune.damon.damos import AccessPattern, Action, Range, Scheme, SchemeStats
from autotune.damon.monitoring import Monitoring

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


class Counts:
    """What DAMON counted since it was turned on for the first time.

    Args:
        schemes: How many schemes the user has.
    """

    def __init__(self, schemes: int) -> None:
        self._all = self._before = (SchemeStats(),) * (schemes + _PROBES)
        self._weighed_bytes = 0.0
        self.aggregations = 0.0
        """How many aggregations ended."""
        self.wss_bytes: int | None = None
        """Mean working set of the aggregations that ended last; None if none has ended."""
        self.is_growing = False
        """Whether an aggregation ended between the last two polls."""

    @property
    def schemes(self) -> tuple[SchemeStats, ...]:
        """Statistics of the user's schemes."""
        return self._all[:-_PROBES]

    @property
    def stats(self) -> SchemeStats:
        """Statistics of the user's schemes, summed."""
        return _sum(self.schemes)

    @property
    def any_accessed(self) -> bool:
        """Whether a region was ever found accessed."""
        return self._probed()[0] > 0

    @property
    def wss_mean_bytes(self) -> float | None:
        """Mean working set over all aggregations; None if no aggregation ended."""
        return self._weighed_bytes / self.aggregations if self.aggregations else None

    def _probed(self) -> tuple[int, int]:
        """Sizes of accessed regions and of all regions, each summed over aggregations."""
        accessed, everything = (stats.tried_bytes for stats in self._all[-_PROBES:])
        return accessed, everything

    def begin_anew(self) -> None:
        """Note that DAMON is turned on again, and counts from 0."""
        self._before = self._all

    def take(
        self,
        counted: tuple[SchemeStats, ...],
        watched_bytes: int,
        resident_bytes: Callable[[], int] | None,
    ) -> None:
        """Take what DAMON has counted since it was last turned on.

        Args:
            counted: Statistics of all schemes, those of `probes` last.
            watched_bytes: Size of the ranges that are watched.
            resident_bytes: Gives the memory in these ranges, which bounds the working set; None if they
                have memory everywhere.
        """
        accessed_before, everything_before = self._probed()
        self._all = tuple(map(_plus, self._before, counted))
        accessed, everything = self._probed()
        self.is_growing = everything > everything_before
        if not watched_bytes or not self.is_growing:
            return
        aggregations = (everything - everything_before) / watched_bytes
        seen = float(accessed - accessed_before)
        if resident_bytes is not None:
            seen = min(seen, resident_bytes() * aggregations)
        self.wss_bytes = int(seen / aggregations)
        self._weighed_bytes += seen
        self.aggregations += aggregations


def _plus(one: SchemeStats, other: SchemeStats) -> SchemeStats:
    return _sum((one, other))


def _sum(stats: tuple[SchemeStats, ...]) -> SchemeStats:
    return SchemeStats(
        tried_regions=sum(one.tried_regions for one in stats),
        tried_bytes=sum(one.tried_bytes for one in stats),
        applied_regions=sum(one.applied_regions for one in stats),
        applied_bytes=sum(one.applied_bytes for one in stats),
        quota_exceeds=sum(one.quota_exceeds for one in stats),
    )

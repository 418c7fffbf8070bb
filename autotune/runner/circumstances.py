"""What schemes met on a real kernel: free memory, swap, quotas, and memory that page-out leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from autotune.damon.damos import SchemeStats
from autotune.damon.monitoring import Monitoring
from autotune.damon.recording import RecordedRegion
from autotune.driver.sysfs_file import chosen_word
from autotune.experiment.conditions import (
    Conditions,
    SchemeConditions,
    active_shares,
    is_like,
    selects,
    swap_full_from,
)
from autotune.experiment.experiment import Experiment
from autotune.runner.procfs import Procfs
from autotune.runner.snapshots import Seen

_LEFT_IN_PLACE = (b"VmLck:", b"RssShmem:", b"RssFile:")


class Circumstances:
    """Looks at what limits schemes, as often as DAMON is polled.

    Args:
        experiment: Its schemes are on the kernel's grid.
        procfs: Where the processes' and the system's files are read.
        sysfs: Where sysfs is mounted.
    """

    def __init__(self, experiment: Experiment, procfs: Procfs, sysfs: Path) -> None:
        self._schemes = experiment.schemes
        self._intervals = (experiment.monitoring or Monitoring()).intervals
        self._start_s = experiment.start_after_us / 1e6
        self._procfs = procfs
        self._huge_pages = _huge_pages(sysfs)
        self._time_s: list[float] = []
        self._free: list[float] = []
        self._swap_used: list[int] = []
        self._swap_total: int | None = None
        self._left: dict[bytes, int] = {}
        self._stats: tuple[SchemeStats, ...] = (SchemeStats(),) * len(self._schemes)
        self._quotas: list[tuple[int, ...]] = []
        self._looks = 0

    @property
    def asks_for_quotas(self) -> bool:
        """Whether the effective quotas should be asked for now: at looks 1, 2, 4, 8 and so on."""
        limited = any(scheme.quota is not None for scheme in self._schemes)
        return limited and self._looks & (self._looks - 1) == 0

    def look(
        self, since_s: float, pids: tuple[int, ...], stats: tuple[SchemeStats, ...] | None = None
    ) -> None:
        """Look at free memory, swap and the processes.

        Args:
            since_s: Time since DAMON was turned on, in seconds.
            pids: The processes that DAMON watches.
            stats: Statistics of the schemes; None if they were not asked for.
        """
        self._looks += 1
        if stats is not None:
            self._stats = stats
        lines = (line.split() for line in (self._procfs.read("meminfo") or b"").splitlines())
        sizes = {fields[0]: int(fields[1]) << 10 for fields in lines if len(fields) > 1}
        if total := sizes.get(b"MemTotal:", 0):
            self._time_s.append(since_s)
            self._free.append(sizes.get(b"MemFree:", 0) / total)
            self._swap_total = sizes.get(b"SwapTotal:", 0)
            self._swap_used.append(self._swap_total - sizes.get(b"SwapFree:", 0))
        found = dict.fromkeys(_LEFT_IN_PLACE, 0)
        for pid in pids:
            for line in (self._procfs.read(f"{pid}/status") or b"").splitlines():
                name, _, rest = line.partition(b"\t")
                if name in found:
                    found[name] += int(rest.split()[0]) << 10
        for name, size in found.items():
            self._left[name] = max(size, self._left.get(name, 0))

    def note_quotas(self, effective_bytes: tuple[int, ...]) -> None:
        """Note the effective quota of each scheme; 0 means that none applies yet."""
        self._quotas.append(effective_bytes)

    def conditions(
        self,
        monitored_s: float,
        aggregations: float,
        *,
        accessed: bool = True,
        seen: Seen | None = None,
    ) -> Conditions:
        """Give what was seen.

        Args:
            monitored_s: For how long DAMON was on.
            aggregations: How many aggregation intervals ended.
            accessed: Whether DAMON found an access in one of them.
            seen: DAMON's regions in some of them.
        """
        regions, during = ((), ()) if seen is None else (seen.regions, seen.during)
        aggregated = round(aggregations) > 0
        unit_us = self._intervals.samples * self._intervals.sampling_us
        hottest = max((region.accesses for region in regions), default=0)
        accesses = sum(region.accesses * (region.end - region.start) for region in during)
        touched = sum(region.end - region.start for region in during if region.accesses)
        rate = min(1.0, hottest / self._intervals.samples) or None
        shares = active_shares(self._schemes, self._time_s, self._free, monitored_s)
        times = [since_s + self._start_s for since_s in self._time_s]
        locked, shared, files = (self._left.get(name) for name in _LEFT_IN_PLACE)
        return Conditions(
            monitored_s=monitored_s,
            aggregations=round(aggregations),
            oldest_age_us=_oldest(regions, unit_us),
            highest_access_rate=rate if accessed or not aggregated else 0.0,
            mean_access_rate=min(1.0, accesses / (touched * self._intervals.samples))
            if touched
            else None,
            largest_region_bytes=max(
                (region.end - region.start for region in regions), default=None
            ),
            looked_at=seen.aggregations if regions and seen is not None else None,
            free_period_s=_period(self._time_s),
            free_low=min(self._free, default=None),
            free_high=max(self._free, default=None),
            swap_total_bytes=self._swap_total,
            swap_full_from_s=swap_full_from(times, self._swap_used, self._swap_total or 0),
            locked_bytes=locked,
            shared_bytes=shared,
            file_bytes=files,
            huge_pages=self._huge_pages,
            schemes=tuple(
                self._of_scheme(number, share, monitored_s, regions, aggregated=aggregated)
                for number, share in enumerate(shares)
            ),
        )

    def _of_scheme(
        self,
        number: int,
        active_share: float | None,
        monitored_s: float,
        regions: Sequence[RecordedRegion],
        *,
        aggregated: bool,
    ) -> SchemeConditions:
        stats, quota = self._stats[number], self._schemes[number].quota
        pattern, samples = self._schemes[number].pattern, self._intervals.samples
        unit_us = samples * self._intervals.sampling_us
        alike = [region for region in regions if is_like(pattern, region, samples)]
        allowed = [sizes[number] for sizes in self._quotas if sizes[number] > 0]
        windows = full = None
        if allowed and quota is not None:
            pass_us = self._schemes[number].apply_interval_us or self._intervals.aggregation_us
            window_us = max(quota.reset_interval_us, pass_us)
            windows = 0 if math.isinf(window_us) else int(monitored_s * 1e6 / window_us)
            full = stats.quota_exceeds
        return SchemeConditions(
            stats=stats,
            matched=self._has_matched(
                number,
                active_share,
                seen=any(selects(pattern, region, samples, unit_us) for region in alike),
                aggregated=aggregated,
            ),
            oldest_age_us=_oldest(alike, unit_us) if regions else None,
            active_share=1.0 if active_share == 0.0 and stats.tried_regions else active_share,
            quota_low_bytes=min(allowed, default=None),
            quota_high_bytes=max(allowed, default=None),
            quota_windows=windows,
            full_windows=full,
        )

    def _has_matched(
        self, number: int, active_share: float | None, *, seen: bool, aggregated: bool
    ) -> bool | None:
        """Say whether a scheme matched.

        Args:
            number: The scheme's number, from 0.
            active_share: Share of the time in which its watermarks let it act.
            seen: Whether it matched a region that was looked at.
            aggregated: Whether an aggregation interval ended.
        """
        scheme = self._schemes[number]
        if seen or self._stats[number].tried_regions:
            return True
        # A scheme that nothing holds back tries all that it matches, in every aggregation interval.
        held_back = scheme.filters or scheme.quota or scheme.apply_interval_us
        return None if held_back or not aggregated or active_share == 0.0 else False


def _oldest(regions: Sequence[RecordedRegion], unit_us: int) -> int | None:
    """Give the highest age; None if no region says its age."""
    ages = [region.age for region in regions if region.age is not None]
    return max(ages) * unit_us if ages else None


def _period(times_s: Sequence[float]) -> float | None:
    """Give the mean time between two readings, in whole tenths of a second."""
    if len(times_s) < 2:
        return None
    return round((times_s[-1] - times_s[0]) / (len(times_s) - 1), 1)


def _huge_pages(sysfs: Path) -> str:
    """Read the setting of transparent huge pages. A kernel without huge pages never uses them."""
    try:
        text = (sysfs / "kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return "never"
    return chosen_word(text)

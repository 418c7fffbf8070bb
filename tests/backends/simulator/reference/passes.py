"""Reference of apply passes: schemes, quotas, filters over lists of regions and sets of pages.

Source: section "DAMOS" of the kernel's rules, paragraph by paragraph. Virtual addresses, actions
pageout and stat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from autotune.damon.damos import Action
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.kernel_rules import (
    UNMEASURED_BYTES_A_MS,
    goal_score,
    hot_score,
    next_allowance,
    priority,
)
from autotune.damon.monitoring import OperationsSet
from tests.backends.simulator.reference.regions import Region

Bounds: TypeAlias = tuple[int, int]


@dataclass
class Filter:
    """By addresses, or by the target's number."""

    matching: bool
    addresses: Bounds | None = None
    target: int = 0


@dataclass
class Scheme:
    """What a scheme is told, and what it keeps."""

    action: Literal["pageout", "stat"] = "pageout"
    sizes: Bounds = (0, 2**64)
    hits: Bounds = (0, 40)
    ages: Bounds = (0, 2**32 - 1)
    quota_ms: int = 0
    quota_bytes: int = 0
    goals: list[Bounds] = field(default_factory=list)  # target, current
    reset_us: int = 1_000_000
    weights: Bounds = (0, 0)  # of rate, of age
    filters: list[Filter] = field(default_factory=list)
    apply_ticks: int = 20
    next_apply: int = 0
    active: bool = True

    charged: int = 0
    window_us: float | None = None
    esz: int = 0
    esz_bp: int = 0
    total_bytes: int = 0
    total_ns: int = 0
    resume: int = 0
    min_score: int = 0
    tried: list[int] = field(default_factory=lambda: [0, 0])  # regions, bytes
    applied: list[int] = field(default_factory=lambda: [0, 0])
    exceeds: int = 0


@dataclass
class Memory:
    """Pages by number: mapped areas, what is resident, what was paged out; and the clock."""

    areas: Sequence[Bounds]
    resident: set[int]
    pageout_us: float
    scan_us: float
    jiffy_us: int
    out: set[int] = field(default_factory=set)
    now_us: float = 0.0

    def mapped(self) -> set[int]:
        """All pages of all areas."""
        return {page for low, high in self.areas for page in range(low, high)}


class Pass:
    """One pass over all regions at a tick."""

    def __init__(
        self,
        schemes: Sequence[Scheme],
        regions: list[Region],
        memory: Memory,
        *,
        samples: int,
        aggregation_us: int,
    ) -> None:
        self.schemes, self.regions, self.memory = schemes, regions, memory
        self.samples, self.aggregation_us = samples, aggregation_us

    def run(self, tick: int) -> None:
        """Do it."""
        due = [scheme for scheme in self.schemes if tick >= scheme.next_apply]
        working = [scheme for scheme in due if scheme.active]
        for scheme in working:
            self._begin_windows(scheme)
        if not working:
            return
        index = 0
        while index < len(self.regions):
            for scheme in working:
                self._offer(scheme, index)
            index += 1
        for scheme in due:
            scheme.next_apply = tick + scheme.apply_ticks

    def _matches(self, scheme: Scheme, region: Region) -> bool:
        values = (region.size, region.moving // 10_000, region.age)
        bounds = (scheme.sizes, scheme.hits, scheme.ages)
        return all(low <= v <= high for v, (low, high) in zip(values, bounds, strict=True))

    def _score(self, scheme: Scheme, region: Region) -> int:
        count = region.moving // 10_000
        hot = hot_score(count, region.age, self.samples, self.aggregation_us, *scheme.weights)
        return priority(Action(scheme.action), OperationsSet.VADDR, hot)

    def _begin_windows(self, scheme: Scheme) -> None:
        if not (scheme.quota_ms or scheme.quota_bytes or scheme.goals):
            return
        now_us = self.memory.now_us // self.memory.jiffy_us * self.memory.jiffy_us
        if scheme.window_us is None:
            scheme.window_us = now_us
        if now_us >= scheme.window_us + scheme.reset_us:
            scheme.exceeds += bool(scheme.esz and scheme.charged >= scheme.esz)
            scheme.total_bytes += scheme.charged
            scheme.window_us, scheme.charged = now_us, 0
            self._set_effective_size(scheme)
        if not scheme.esz:
            return
        by_score = [0] * 100
        for region in self.regions:
            if self._matches(scheme, region):
                by_score[self._score(scheme, region)] += region.size
        scheme.min_score = next(
            (k for k in range(99, 0, -1) if sum(by_score[k:]) >= scheme.esz), 0
        )

    def _set_effective_size(self, scheme: Scheme) -> None:
        limits = []
        if scheme.goals:
            score = max(goal_score(current, target) for target, current in scheme.goals)
            scheme.esz_bp = next_allowance(max(scheme.esz_bp, 10_000), score)
            limits.append(scheme.esz_bp // 10_000)
        if scheme.quota_ms:
            rate = UNMEASURED_BYTES_A_MS
            if scheme.total_ns:
                rate = scheme.total_bytes * 1_000_000 // scheme.total_ns
            limits = [max(PAGE, min([*limits, rate * scheme.quota_ms]))]
        if scheme.quota_bytes:
            limits.append(scheme.quota_bytes)
        scheme.esz = min(limits)

    def _offer(self, scheme: Scheme, index: int) -> None:
        region = self.regions[index]
        if scheme.esz and scheme.charged >= scheme.esz:
            return
        if scheme.resume and region.end <= scheme.resume:
            if region is self.regions[-1]:
                scheme.resume = 0
            return
        if region.start < scheme.resume:
            self._cut(index, scheme.resume - region.start)
            scheme.resume = 0
            return
        scheme.resume = 0
        if not self._matches(scheme, region):
            return
        if scheme.esz and self._score(scheme, region) < scheme.min_score:
            return
        self._apply(scheme, index)

    def _cut(self, index: int, size: int) -> None:
        left = self.regions[index]
        self.regions.insert(index + 1, replace(left, start=left.start + size))
        left.end = left.start + size

    def _apply(self, scheme: Scheme, index: int) -> None:
        region = self.regions[index]
        if scheme.esz and scheme.charged + region.size > scheme.esz:
            keep = (scheme.esz - scheme.charged) // PAGE * PAGE
            if keep == 0:
                scheme.tried[0] += 1
                return
            self._cut(index, keep)
        if any(self._is_excluded(item, index) for item in scheme.filters):
            return
        before = self.memory.now_us // self.memory.jiffy_us
        applied = 0 if scheme.action == "stat" else self._page_out(region)
        jiffies = self.memory.now_us // self.memory.jiffy_us - before
        scheme.total_ns += int(jiffies * self.memory.jiffy_us * 1000)
        scheme.charged += region.size
        if scheme.esz and scheme.charged >= scheme.esz:
            scheme.resume = region.end
        if scheme.action != "stat":
            region.age = 0
        scheme.tried[0] += 1
        scheme.tried[1] += region.size
        scheme.applied[0] += applied > 0
        scheme.applied[1] += applied

    def _is_excluded(self, item: Filter, index: int) -> bool:
        region = self.regions[index]
        if item.addresses is None:
            return (item.target == 0) == item.matching
        low, high = (bound // PAGE * PAGE for bound in item.addresses)
        if region.start < low < region.end:
            self._cut(index, low - region.start)
        elif low <= region.start < high < region.end:
            self._cut(index, high - region.start)
        return (low <= region.start and region.end <= high) == item.matching

    def _page_out(self, region: Region) -> int:
        memory = self.memory
        wanted = set(range(region.start // PAGE, region.end // PAGE))
        moved, mapped = wanted & memory.resident, wanted & memory.mapped()
        memory.resident -= moved
        memory.out |= moved
        left = len(mapped) - len(moved)
        memory.now_us += len(moved) * memory.pageout_us + left * memory.scan_us
        return region.size if mapped == wanted else 0

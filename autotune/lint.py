"""What is legal in schemes and monitoring, and does not do what it seems to: warnings with remedies.

Each warning is about something that Linux 6.12 is known to do. `docs/lint.md` has them all, with the
kernel's behaviour behind each.

Source: mm/damon/core.c, vaddr.c, paddr.c and reclaim.c of Linux 6.12.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from autotune.damon import Monitoring, OperationsSet
from autotune.damos import (
    EFFECTIVE_ACTIONS,
    MIGRATIONS,
    UNLIMITED,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    Scheme,
    check_meeting,
)
from autotune.kernel import PAGE_BYTES, KernelScheme, on_grid, to_kernel
from autotune.units import format_duration, format_share, format_size
from autotune.vm_settings import HugePages


class Code(enum.Enum):
    """What a warning is about; the values are stable. Those of ``quota-`` need a quota."""

    ACTION_INERT = "action-inert"
    AGE_UNALIGNED = "age-unaligned"
    AGE_ZERO = "age-zero"
    AGGREGATION_ROUNDS = "aggregation-rounds"
    APPLY_ROUNDS = "apply-rounds"
    APPLY_SHORT = "apply-short"
    FILTER_IGNORED = "filter-ignored"
    FIRES_LESS = "fires-less"
    HUGE_PAGES_COARSE = "huge-pages-coarse"
    HUGEPAGE_INERT = "hugepage-inert"
    MODULE_INERT = "module-inert"
    NEVER_FIRES = "never-fires"
    NEWER_KERNEL = "newer-kernel"
    PAGEOUT_ANY_RATE = "pageout-any-rate"
    PAGEOUT_LATE = "pageout-late"
    QUOTA_EVERY_PASS = "quota-every-pass"  # noqa: S105 - no password
    QUOTA_FIRST_WINDOW = "quota-first-window"
    QUOTA_GOAL_STATIC = "quota-goal-static"
    QUOTA_NEVER_RESETS = "quota-never-resets"
    QUOTA_NO_PRIORITY = "quota-no-priority"
    QUOTA_SIZE_WEIGHT = "quota-size-weight"
    QUOTA_UNALIGNED = "quota-unaligned"
    QUOTA_WEIGHTS_IGNORED = "quota-weights-ignored"
    QUOTA_WINDOW_ROUNDS = "quota-window-rounds"
    RATE_COLD_ONLY = "rate-cold-only"
    RATE_TO_ZERO = "rate-to-zero"
    RATE_UNALIGNED = "rate-unaligned"
    REGIONS_BLIND = "regions-blind"
    REGIONS_NEVER_SPLIT = "regions-never-split"
    SIZE_NOTHING = "size-nothing"
    SIZE_TOO_LARGE = "size-too-large"
    SIZE_UNALIGNED = "size-unaligned"
    UPDATE_SLOW = "update-slow"
    WATERMARKS_NEVER = "watermarks-never"
    WATERMARKS_UNALIGNED = "watermarks-unaligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintWarning:
    """Something unwise.

    Attributes:
        code: What it is about.
        scheme: Which scheme, counted from 1; None if it is about none of them in particular.
        text: One line, "what: remedy".
    """

    code: Code
    scheme: int | None
    text: str

    def at(self, place: object) -> str:
        """Write it with its place in front.

        >>> LintWarning(code=Code.AGE_ZERO, scheme=2, text="what: remedy").at("my.damos")
        'my.damos: scheme 2: what: remedy'
        """
        return f"{place}: " + (f"scheme {self.scheme}: " if self.scheme else "") + self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the workload, for warnings that depend on it.

    Attributes:
        size_bytes: Memory that is monitored; None if unknown.
        runtime_us: How long it is monitored; None if unknown.
        huge_pages: Transparent huge pages where it runs; None if unknown.
        maps_later: Whether it may map memory after the monitoring has begun.
    """

    size_bytes: int | None = None
    runtime_us: int | None = None
    huge_pages: HugePages | None = None
    maps_later: bool = True


RECLAIM_INERT: Final = LintWarning(
    code=Code.MODULE_INERT,
    scheme=None,
    text="DAMON_RECLAIM of Linux 6.12 throws its scheme away and does nothing: on that kernel, apply "
    "the scheme itself with damo",
)
"""For parameters of DAMON_RECLAIM.

Source: ``damon_reclaim_apply_parameters``, mm/damon/reclaim.c of Linux 6.12.
"""

_BLIND_BYTES = 1 << 32
"""Offsets of samples are drawn from 32 bits. Source: ``damon_rand``, include/linux/damon.h."""

_KERNEL_UPDATE_US = 60_000_000
"""The kernel's default: whoever has it probably didn't choose it."""

_SNAP = 1e-9
"""A rate this near to a whole number of samples is meant as it."""

_REGION_FILTERS = frozenset({FilterType.ADDR, FilterType.TARGET})
_FOR_HOT = frozenset({Action.HUGEPAGE, Action.LRU_PRIO, Action.MIGRATE_HOT})
_LASTING = frozenset({Action.PAGEOUT, Action.HUGEPAGE, Action.NOHUGEPAGE}) | MIGRATIONS
"""What these did at once is still done when the quota comes; places in lists go on changing."""

_OF_HUGE_PAGES = frozenset({Action.HUGEPAGE, Action.NOHUGEPAGE})
_COLDEST_FIRST = {
    OperationsSet.VADDR: frozenset({Action.PAGEOUT}),
    OperationsSet.FVADDR: frozenset({Action.PAGEOUT}),
    OperationsSet.PADDR: EFFECTIVE_ACTIONS[OperationsSet.PADDR] - {Action.STAT},
}
"""The actions that a quota orders; all regions are alike to the others.

Source: ``damon_va_scheme_score`` and ``damon_pa_scheme_score``.
"""
_FILTERS_SINCE = {
    FilterType.ACTIVE: "6.15",
    FilterType.HUGEPAGE_SIZE: "6.15",
    FilterType.UNMAPPED: "6.15",
}
_GOALS_SINCE = {
    GoalMetric.NODE_MEM_USED_BP: "6.16",
    GoalMetric.NODE_MEM_FREE_BP: "6.16",
    GoalMetric.NODE_MEMCG_USED_BP: "6.19",
    GoalMetric.NODE_MEMCG_FREE_BP: "6.19",
    GoalMetric.ACTIVE_MEM_BP: "7.0",
    GoalMetric.INACTIVE_MEM_BP: "7.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One scheme where it is used."""

    number: int
    scheme: Scheme
    grid: Scheme
    kernel: KernelScheme
    monitoring: Monitoring
    operations: OperationsSet
    known: Known

    @property
    def aggregation_us(self) -> int:
        """What an age counts: whole samples, whatever was asked for."""
        return self.monitoring.intervals.samples * self.monitoring.intervals.sampling_us

    @property
    def apply_us(self) -> int:
        """Between two passes: whole samples, at least one."""
        intervals = self.monitoring.intervals
        asked_us = self.scheme.apply_interval_us or intervals.aggregation_us
        return max(1, asked_us // intervals.sampling_us) * intervals.sampling_us

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of regions that match, in bytes; none is smaller than a page."""
        return max(self.kernel.sz[0], PAGE_BYTES), self.kernel.sz[1]

    @property
    def counts(self) -> tuple[int, int]:
        """Counts of accesses that match; none is above the number of samples."""
        samples = self.monitoring.intervals.samples
        return self.kernel.nr_accesses[0], min(self.kernel.nr_accesses[1], samples)

    @property
    def limited(self) -> Quota | None:
        """The quota, unless there is none that ever applies."""
        quota = self.grid.quota
        return None if quota is None or quota.reset_interval_us == UNLIMITED else quota


_Found: TypeAlias = Iterator[tuple[Code, str]]


def _sizes(case: _Case) -> _Found:
    asked, grid = case.scheme.pattern.size_bytes, case.grid.pattern.size_bytes
    if case.kernel.sz[1] == 0:
        yield (
            Code.SIZE_NOTHING,
            f"sizes up to {format_size(int(asked.max))} match nothing, since the smallest region is "
            f"a page ({format_size(PAGE_BYTES)}): write max",
        )
        return
    for name, wanted, taken in (("min", asked.min, grid.min), ("max", asked.max, grid.max)):
        if wanted != taken:
            yield (
                Code.SIZE_UNALIGNED,
                f"{name} size {format_size(int(wanted))} is no whole number of pages, as regions "
                f"are: write {format_size(int(taken))}, which is the same",
            )
    size_bytes, fewest = case.known.size_bytes, case.monitoring.min_regions
    # Initial regions may be nearly twice as large; afterwards none is merged beyond the share.
    if (
        size_bytes is not None
        and case.operations is OperationsSet.VADDR
        and case.kernel.sz[0] > 2 * (share := size_bytes // fewest)
    ):
        yield (
            Code.SIZE_TOO_LARGE,
            f"min size {format_size(case.kernel.sz[0])} matches nothing, since a region never grows "
            f"beyond the memory over min_regions (about {format_size(_pages(share))}): lower one",
        )


def _pages(size_bytes: int) -> int:
    return max(PAGE_BYTES, size_bytes // PAGE_BYTES * PAGE_BYTES)


def _rates(case: _Case) -> _Found:
    asked, samples = case.scheme.pattern.access_rate, case.monitoring.intervals.samples
    low, high = case.counts
    if abs(low / samples - asked.min) > _SNAP:
        yield (
            Code.RATE_UNALIGNED,
            f"min access rate {format_share(asked.min)} is no whole number of {samples} samples: "
            f"write {_percent(low, samples)}, which is the same",
        )
    if high == 0 and _SNAP < asked.max < UNLIMITED:
        yield (
            Code.RATE_TO_ZERO,
            f"max access rate {format_share(asked.max)} is less than one of {samples} samples, so "
            "that only what no sample found accessed matches: write 0%, or "
            f"{_percent(1, samples)} or more",
        )
    elif asked.max != UNLIMITED and abs(high / samples - asked.max) > _SNAP:
        yield (
            Code.RATE_UNALIGNED,
            f"max access rate {format_share(asked.max)} is no whole number of {samples} samples: "
            f"write {_percent(high, samples)}, which is the same",
        )
    action = case.scheme.action
    if high == 0 and action in _FOR_HOT:
        yield (
            Code.RATE_COLD_ONLY,
            f"{action.value} is for hot memory, and access rates of 0% to 0% match only what no "
            "sample found accessed: give min access rate 5% and max access rate max, or the like",
        )
    elif high == samples and action is Action.PAGEOUT and case.operations != OperationsSet.PADDR:
        yield (
            Code.PAGEOUT_ANY_RATE,
            "there is no max access rate, and page-out of virtual addresses does not spare pages "
            "that are in use: give max access rate 0%",
        )


def _percent(count: int, samples: int) -> str:
    return format_share(round(count / samples, 9))


def _ages(case: _Case) -> _Found:
    asked, grid = case.scheme.pattern.age_us, case.grid.pattern.age_us
    unit = format_duration(case.monitoring.intervals.aggregation_us)
    for name, wanted, taken in (("min", asked.min, grid.min), ("max", asked.max, grid.max)):
        if wanted != taken:
            yield (
                Code.AGE_UNALIGNED,
                f"{name} age {format_duration(int(wanted))} is no whole number of aggregation "
                f"intervals of {unit}, in which the kernel counts: write "
                f"{format_duration(int(taken))}, which is the same, or aggregate more often",
            )
    if case.kernel.age[1] == 0:
        yield (
            Code.AGE_ZERO,
            "a max age of 0 matches only memory whose accesses changed in the last aggregation "
            "interval: write max",
        )


def _quota_grid(case: _Case) -> _Found:
    asked, grid = case.scheme.quota, case.grid.quota
    if asked is None or grid is None:
        return
    if asked.size_bytes is not None and asked.size_bytes != grid.size_bytes:
        yield (
            Code.QUOTA_UNALIGNED,
            f"quota size {format_size(asked.size_bytes)} is no whole number of pages: the kernel "
            "would never see it used up and begin at the lowest address each time: write "
            f"{format_size(grid.size_bytes or 0)}, as this program does",
        )
    for name, wanted, taken in (
        ("time", asked.time_us, grid.time_us),
        ("reset interval", asked.reset_interval_us, grid.reset_interval_us),
    ):
        if wanted is not None and wanted != taken:
            yield (
                Code.QUOTA_UNALIGNED,
                f"quota {name} {format_duration(int(wanted))} is no whole number of milliseconds: "
                f"write {format_duration(int(taken or 0))}, which is the same",
            )


def _windows(case: _Case) -> _Found:
    quota, apply_us = case.grid.quota, case.apply_us
    if quota is None:
        return
    if quota.reset_interval_us == UNLIMITED:
        yield (
            Code.QUOTA_NEVER_RESETS,
            "the quota has no reset interval, and nothing is limited before the first one is over: "
            "give one, such as 1s",
        )
        return
    reset_us = int(quota.reset_interval_us)
    every = format_duration(apply_us)
    if reset_us == 0:
        yield (
            Code.QUOTA_EVERY_PASS,
            f"without a reset interval (0) the quota is for each pass, one every {every}: give the "
            "time that it is meant for, such as 1s",
        )
        return
    window_us = -(-reset_us // apply_us) * apply_us
    if window_us != reset_us:
        yield (
            Code.QUOTA_WINDOW_ROUNDS,
            f"quotas are reset only when the scheme is applied, every {every}: reset interval "
            f"{format_duration(reset_us)} lasts {format_duration(window_us)}: write that, or a "
            f"multiple of {every}",
        )
    if _first_window_decides(case, quota, window_us):
        age_us = case.kernel.age[0] * case.aggregation_us
        shorter = ", or give a reset interval shorter than min age" if age_us > apply_us else ""
        yield (
            Code.QUOTA_FIRST_WINDOW,
            f"the first {format_duration(window_us)} have no quota, and memory of min age "
            f"{format_duration(age_us)} already matches in them: raise min age above "
            f"{format_duration(window_us)}{shorter}",
        )


def _first_window_decides(case: _Case, quota: Quota, window_us: int) -> bool:
    """Whether the quota comes too late: what is limited has happened in the first window."""
    if case.scheme.action not in _LASTING:
        return False
    # The window begins with the first pass, and its last pass is one window after the start. No
    # region is older than the monitoring.
    if case.kernel.age[0] * case.aggregation_us > window_us:
        return False
    known = case.known
    if quota.size_bytes is None or quota.goals or not known.size_bytes or not known.runtime_us:
        return True
    windows = -(-known.runtime_us // window_us)
    return quota.size_bytes * windows < known.size_bytes


def _priorities(case: _Case) -> _Found:
    if (quota := case.limited) is None:
        return
    weights, action = quota.weights, case.scheme.action
    weighted = weights.access_rate or weights.age
    if weights.size:
        yield (
            Code.QUOTA_SIZE_WEIGHT,
            f"quota weight of size {weights.size} does nothing, since the kernel reads and ignores "
            "it: write 0",
        )
    if action not in _COLDEST_FIRST[case.operations]:
        if weighted:
            yield (
                Code.QUOTA_WEIGHTS_IGNORED,
                f"quota weights do nothing for {action.value} under {case.operations.value}, which "
                "takes regions in the order of addresses: write 0",
            )
    elif not _tells_apart(case, quota):
        why = "give all regions the same priority" if weighted else "are 0"
        yield (
            Code.QUOTA_NO_PRIORITY,
            f"quota weights of access rate and age {why}, so that low addresses go first where the "
            "quota is too small for all: give age a weight, such as 1",
        )


def _tells_apart(case: _Case, quota: Quota) -> bool:
    """Whether two regions that match can have different scores."""
    # Scores between the ends of both ranges lie between those of the ends.
    samples = case.monitoring.intervals.samples
    ages = [age * case.monitoring.intervals.aggregation_us // 1_000_000 for age in case.kernel.age]
    weights = quota.weights
    scores = {
        _heat(count * 100 // samples, seconds, weights.access_rate, weights.age)
        for count, seconds in itertools.product(case.counts, ages)
    }
    return len(scores) > 1


def _heat(rate: int, seconds: int, rate_weight: int, age_weight: int) -> int:
    """Score of a region, 0 to 99, of which cold and hot orders are mirror images.

    Source: ``damon_hot_score``, mm/damon/ops-common.c of Linux 6.12.
    """
    doublings = min(32, seconds.bit_length()) * (1 if rate else -1)
    steady = (doublings + 32) * 100 // 32 // 2
    heat = rate_weight * rate + age_weight * steady
    return heat // max(1, rate_weight + age_weight) * 99 // 100


def _goals(case: _Case) -> _Found:
    quota = case.limited
    goals = quota.goals if quota is not None else ()
    if goals and all(goal.metric is GoalMetric.USER_INPUT for goal in goals):
        short = all(goal.current_value * 10_000 // goal.target_value < 10_000 for goal in goals)
        yield (
            Code.QUOTA_GOAL_STATIC,
            f"goal user_input keeps its current value of {goals[0].current_value} until something "
            f"writes another, and the quota {'grows to no limit' if short else 'falls to nothing'}: "
            "write it every reset interval, or use a metric that the kernel reads",
        )


def _meeting(case: _Case) -> _Found:
    scheme, operations = case.scheme, case.operations
    # `check_meeting` stops at the first thing, and it has the words.
    filters = [item for item in scheme.filters if item.type not in _REGION_FILTERS]
    for code, part in (
        (Code.ACTION_INERT, replace(scheme, filters=())),
        *((Code.FILTER_IGNORED, Scheme(action=Action.STAT, filters=(f,))) for f in filters),
    ):
        try:
            check_meeting(part, operations)
        except ValueError as error:
            yield code, str(error)
    if (
        scheme.action is Action.PAGEOUT
        and operations is OperationsSet.PADDR
        and case.kernel.age[0] > 0
        and not any(_lets_young_through(item) for item in scheme.filters)
    ):
        twice = format_duration(2 * case.kernel.age[0] * case.monitoring.intervals.aggregation_us)
        yield (
            Code.PAGEOUT_LATE,
            "page-out of physical addresses spares most pages at the first try and takes them at "
            f"the next, which is after about {twice}: give half of the min age that is meant",
        )


def _lets_young_through(item: Filter) -> bool:
    # Any filter on young pages stands in for the one that spares them.
    return item.type is FilterType.YOUNG and item.matching is item.allow


def _newer(case: _Case) -> _Found:
    needs = [
        (f"filter {item.type.value}", since)
        for item in case.scheme.filters
        if (since := _FILTERS_SINCE.get(item.type)) is not None
    ]
    needs += [("a filter that allows", "6.14") for item in case.scheme.filters if item.allow]
    needs += [
        (f"goal {goal.metric.value}", since)
        for goal in (case.scheme.quota.goals if case.scheme.quota is not None else ())
        if (since := _GOALS_SINCE.get(goal.metric)) is not None
    ]
    for what, since in dict.fromkeys(needs):
        yield (
            Code.NEWER_KERNEL,
            f"{what} needs Linux {since}, and 6.12 has none: leave it out there",
        )


def _passes(case: _Case) -> _Found:
    asked_us, intervals = case.scheme.apply_interval_us, case.monitoring.intervals
    if asked_us and asked_us != case.apply_us:
        yield (
            Code.APPLY_ROUNDS,
            f"apply interval {format_duration(asked_us)} is no whole number of samples "
            f"({format_duration(intervals.sampling_us)}): it lasts "
            f"{format_duration(case.apply_us)}, write that",
        )
    if 0 < asked_us < intervals.aggregation_us:
        yield (
            Code.APPLY_SHORT,
            f"apply interval {format_duration(asked_us)} is shorter than the aggregation interval "
            f"({format_duration(intervals.aggregation_us)}), within which ages stand still and "
            "counts are guesses: give 0 or a multiple of that",
        )


def _watermarks(case: _Case) -> _Found:
    asked, grid, kernel = case.scheme.watermarks, case.grid.watermarks, case.kernel.watermarks
    if asked is None or grid is None or kernel is None:
        return
    for name in ("high", "mid", "low"):
        wanted, taken = getattr(asked, name), getattr(grid, name)
        if abs(wanted - taken) > _SNAP:
            yield (
                Code.WATERMARKS_UNALIGNED,
                f"watermark {name} {format_share(wanted)} is no whole permille: write "
                f"{format_share(taken)}, which is the same",
            )
    _, high, _, low = kernel
    if high == 0 or low == 1000:
        yield (
            Code.WATERMARKS_NEVER,
            f"free memory is never between watermarks low {format_share(grid.low)} and high "
            f"{format_share(grid.high)}, where alone the scheme is active: raise high, or lower low",
        )


def _huge_pages(case: _Case) -> _Found:
    action, setting = case.scheme.action, case.known.huge_pages
    if setting == "never" and action in _OF_HUGE_PAGES:
        yield (
            Code.HUGEPAGE_INERT,
            f"{action.value} does nothing where huge pages are off: set vm.huge_pages to madvise"
            + ("" if action is Action.HUGEPAGE else ", or to always"),
        )
    elif setting == "always" and action is Action.HUGEPAGE:
        yield (
            Code.HUGEPAGE_INERT,
            "hugepage does nothing where all memory may have huge pages: set vm.huge_pages to "
            "madvise",
        )


_RULES: tuple[Callable[[_Case], _Found], ...] = (
    _meeting,
    _newer,
    _huge_pages,
    _sizes,
    _rates,
    _ages,
    _quota_grid,
    _windows,
    _priorities,
    _goals,
    _passes,
    _watermarks,
)


def _covers(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _meets(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def _keeps_young(actor: _Case, other: _Case) -> bool:
    """Whether memory that *actor* takes never becomes old enough for *other*.

    Every action but stat sets the age to 0, whatever came of it. A scheme that is held back now and
    then, by a quota, watermarks or addresses, leaves memory that grows old.
    """
    scheme = actor.scheme
    if scheme.action is Action.STAT or actor.limited is not None:
        return False
    if scheme.watermarks is not None and scheme.watermarks != other.scheme.watermarks:
        return False
    spared = [item for item in scheme.filters if item.type in _REGION_FILTERS]
    if spared and spared != [i for i in other.scheme.filters if i.type in _REGION_FILTERS]:
        return False
    # In one pass the schemes take turns on each region, in their order.
    last_age = other.kernel.age[0] - (0 if actor.number < other.number else 1)
    ages = min(actor.kernel.age[1], last_age) - max(actor.kernel.age[0], 1) + 1
    return ages >= -(-actor.apply_us // actor.aggregation_us)


def _interplay(cases: Sequence[_Case]) -> Iterator[LintWarning]:
    for other in cases:
        actors = [
            actor
            for actor in cases
            if actor is not other
            and _meets(actor.sizes, other.sizes)
            and _meets(actor.counts, other.counts)
            and _keeps_young(actor, other)
        ]
        whole = [
            actor
            for actor in actors
            if _covers(actor.sizes, other.sizes) and _covers(actor.counts, other.counts)
        ]
        for actor in (whole or actors)[:1]:
            age = format_duration(actor.grid.pattern.age_us.min)
            never = "never fires" if whole else f"fires only on what scheme {actor.number} leaves"
            where = "the same memory" if whole else "the rest of it"
            yield LintWarning(
                code=Code.NEVER_FIRES if whole else Code.FIRES_LESS,
                scheme=other.number,
                text=f"{never}: scheme {actor.number} acts on {where} from age {age} on, which sets "
                f"the age back to 0: give scheme {actor.number} the higher min age, or keep their "
                "sizes or access rates apart",
            )


def _monitoring(
    schemes: Sequence[Scheme], monitoring: Monitoring, operations: OperationsSet, known: Known
) -> _Found:
    intervals = monitoring.intervals
    lasts_us = intervals.samples * intervals.sampling_us
    if lasts_us != intervals.aggregation_us:
        yield (
            Code.AGGREGATION_ROUNDS,
            f"aggregation interval {format_duration(intervals.aggregation_us)} is no whole number of "
            f"samples ({format_duration(intervals.sampling_us)}): it lasts "
            f"{format_duration(lasts_us)}, and so does what an age counts: write that",
        )
    if monitoring.min_regions > monitoring.max_regions // 2:
        yield (
            Code.REGIONS_NEVER_SPLIT,
            f"min_regions {monitoring.min_regions} is more than half of max_regions "
            f"{monitoring.max_regions}, above which no region is split any more: raise max_regions "
            f"to {2 * monitoring.min_regions} or more",
        )
    size_bytes = known.size_bytes or 0
    if size_bytes > monitoring.min_regions * _BLIND_BYTES:
        yield (
            Code.REGIONS_BLIND,
            f"a region may hold {format_size(_pages(size_bytes // monitoring.min_regions))}, and only "
            f"the first {format_size(_BLIND_BYTES)} of it are ever sampled: raise min_regions to "
            f"{-(-size_bytes // _BLIND_BYTES)} or more",
        )
    if (
        operations is OperationsSet.VADDR
        and known.maps_later
        and intervals.update_us >= _KERNEL_UPDATE_US
    ):
        yield (
            Code.UPDATE_SLOW,
            "memory mapped later is not seen for up to an update interval "
            f"({format_duration(intervals.update_us)}), and may then pass for old: give 1s, or how "
            "often the workload maps memory",
        )
    if known.huge_pages == "always" and not any(s.action in _OF_HUGE_PAGES for s in schemes):
        yield (
            Code.HUGE_PAGES_COARSE,
            "with huge pages always, one access makes 2M look accessed: set vm.huge_pages to never, "
            "unless the machine that counts has them",
        )


def lint(
    schemes: Sequence[Scheme],
    monitoring: Monitoring,
    operations: OperationsSet,
    known: Known | None = None,
) -> tuple[LintWarning, ...]:
    """Say what Linux 6.12 will not do as *schemes* and *monitoring* seem to ask.

    Args:
        schemes: All schemes of the context, in their order.
        monitoring: DAMON's attributes.
        operations: The address space.
        known: Of the workload; None is nothing.

    Returns:
        What is about the monitoring, then what is about single schemes, then how they stand in each
        other's way.

    Raises:
        ValueError: As `autotune.kernel.to_kernel`: such schemes are wrong, not unwise.

    >>> from autotune.testing import prcl
    >>> [found.code.value for found in lint([prcl()], Monitoring(), OperationsSet.VADDR)]
    []
    """
    facts = known or Known()
    cases = [
        _Case(
            number=number,
            scheme=scheme,
            grid=on_grid(scheme, monitoring.intervals),
            kernel=to_kernel(scheme, monitoring.intervals),
            monitoring=monitoring,
            operations=operations,
            known=facts,
        )
        for number, scheme in enumerate(schemes, start=1)
    ]
    about_all = [
        LintWarning(code=code, scheme=None, text=text)
        for code, text in _monitoring(schemes, monitoring, operations, facts)
    ]
    about_each = [
        LintWarning(code=code, scheme=case.number, text=text)
        for case in cases
        for rule in _RULES
        for code, text in rule(case)
    ]
    return (*about_all, *about_each, *_interplay(cases))

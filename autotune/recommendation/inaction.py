"""Why schemes did nothing, or less than they could: one sentence from what they met in a run."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autotune.damon.damos import UNLIMITED, Action, Scheme, Watermarks
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals, OperationsSet
from autotune.experiment.conditions import Conditions, SchemeConditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.recommendation.machine_setting import machine_setting
from autotune.units import format_duration, format_size, megabytes


class Cause(enum.Enum):
    """What kept a scheme from acting."""

    COUNTS_ONLY = "counts only"
    NOT_MONITORED = "not monitored"
    NEVER_APPLIED = "never applied"
    NEVER_ACTIVE = "never active"
    SAW_NOTHING = "saw nothing"
    TOO_YOUNG = "too young"
    TOO_COLD = "too cold"
    SELDOM_HOT = "seldom hot"
    TOO_SMALL = "too small"
    NOT_TOGETHER = "not together"
    FILTERED = "filtered"
    QUOTA_TOO_SMALL = "quota too small"
    NO_SWAP = "no swap"
    NOTHING_SWAPPED = "nothing swapped"
    HUGE_PAGES = "huge pages"
    ONLY_ORDERS = "only orders"
    SPARED_AT_FIRST = "spared at first"
    NOT_SWAPPABLE = "not swappable"
    EMPTY = "empty"
    SWAP_FULL = "swap full"
    QUOTA_LIMITS = "quota limits"
    ACTIVE_AT_TIMES = "active at times"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a scheme did nothing or little.

    Attributes:
        cause: What kept it from acting.
        text: One sentence without its full stop; where there is a remedy, it stands behind a colon.
    """

    cause: Cause
    text: str


_MOST_REASONS = 2
"""How many reasons are said of one scheme: the decisive one, then the next."""

_MOSTLY = 0.5
"""A quota limits a scheme if so many of its charge windows were used up."""

_ALWAYS = 0.99
"""A scheme with a larger share of active time counts as always active."""

_NOTHING = 0.001
"""Swapping out less than this share of what was resident counts as having swapped out nothing."""

_WORTH_NAMING = 0.01
"""A kind of memory with a smaller share of what was resident is not named."""

_LITTLE_MOVED = 0.05
"""Swapping out less than this share of what was resident counts as having left nearly all in place."""

_DROPPED = 0.02
"""Resident memory that is less than the baseline's by more than this share was dropped."""

_LISTS_ONLY = frozenset({Action.COLD, Action.LRU_PRIO, Action.LRU_DEPRIO})

_SAME_CPU = 0.01
"""CPU times that differ by less than this share count as equal; monitoring alone costs about as much."""

_LITTLE = 0.05
"""Trying less than this share of the accessed memory counts as trying little of it."""

_CPU_SHARE = 0.01
"""A workload that uses less CPU time than this may well access nothing that a sample can see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One scheme, and what it met."""

    scheme: Scheme
    met: SchemeConditions
    all: Conditions
    measured: Measurement
    baseline: Measurement | None
    backend: str | None
    of_pattern: bool
    intervals: Intervals
    operations: OperationsSet


_Rule = Callable[[_Case], Iterator[Reason]]


def reasons(
    experiment: Experiment,
    measured: Measurement,
    *,
    baseline: Measurement | None = None,
    backend: str | None = None,
) -> tuple[Reason, ...]:
    """Say why the schemes of a run did nothing, or less than they could.

    Args:
        experiment: What was run; its schemes are on the kernel's grid.
        measured: What the run showed.
        baseline: The same with DAMON off; without it nobody knows whether huge pages changed anything.
        backend: The name of the backend that measured, so that remedies name its settings.

    Returns:
        Of each scheme the decisive reason, then the next one; none if nothing kept the scheme from
        acting, or if it isn't known.
    """
    met = measured.conditions
    if met is None or experiment.monitoring is None or len(met.schemes) != len(experiment.schemes):
        return ()
    several = len(experiment.schemes) > 1
    found = []
    for number, (scheme, its) in enumerate(
        zip(experiment.schemes, met.schemes, strict=True), start=1
    ):
        case = _Case(
            scheme=scheme,
            met=its,
            all=met,
            measured=measured,
            baseline=baseline,
            backend=backend,
            of_pattern=isinstance(experiment.workload, Pattern),
            intervals=experiment.monitoring.intervals,
            operations=experiment.operations,
        )
        name = f"scheme {number}: " if several else ""
        found += [Reason(one.cause, name + one.text) for one in _of_scheme(case)]
    return tuple(found)


def sentence(found: Iterable[Reason]) -> str | None:
    """Join reasons to one sentence without its full stop; None if there is no reason."""
    return "; ".join(dict.fromkeys(reason.text for reason in found)) or None


def shared(by_trial: Mapping[int, Sequence[Reason]]) -> str | None:
    """Give the one reason that held back all trials, as a sentence without its full stop.

    Args:
        by_trial: The reasons of each measured trial, by its number. The first one is decisive.

    Returns:
        None if a trial has no reason, or another than the rest.
    """
    decisive = [next(iter(found), None) for found in by_trial.values()]
    causes = {None if one is None else one.cause for one in decisive}
    texts = dict.fromkeys(one.text for one in decisive if one is not None)
    if len(causes) != 1 or not texts:
        return None
    how_many = f"in all {len(decisive)} trials" if len(decisive) > 1 else "in the only trial"
    example = "" if len(texts) == 1 else ", for example"
    return f"the schemes were held back {how_many}{example}: {next(iter(texts))}"


def _of_scheme(case: _Case) -> list[Reason]:
    rules: tuple[_Rule, ...]
    if case.scheme.action is Action.STAT:
        return [Reason(Cause.COUNTS_ONLY, "its action is stat, which counts and changes nothing")]
    if case.met.stats.tried_bytes == 0:
        rules = (_not_monitored, _never_applied, _never_active, _unmatched, _held_back)
    else:
        rules = (_saw_nothing, _powerless, _seldom_hot, _limited)
    found = [reason for rule in rules for reason in rule(case)]
    return found[:_MOST_REASONS] or list(_nothing_moved(case))


def _not_monitored(case: _Case) -> Iterator[Reason]:
    if case.all.monitored_s == 0.0:
        yield Reason(
            Cause.NOT_MONITORED,
            "the measured part ended before DAMON was turned on: lower monitoring.start_after, or let "
            "the workload run longer",
        )
    elif case.all.aggregations == 0 and case.met.active_share != 0.0:
        yield Reason(
            Cause.NOT_MONITORED,
            f"DAMON watched for {case.all.monitored_s:.2g} s, in which no aggregation interval "
            f"({format_duration(case.intervals.aggregation_us)}) ended: let the workload run longer, or "
            "shorten the aggregation interval",
        )


def _is_never_applied(case: _Case) -> bool:
    return 0 < case.all.monitored_s * 1e6 < case.scheme.apply_interval_us


def _never_applied(case: _Case) -> Iterator[Reason]:
    if _is_never_applied(case):
        yield Reason(
            Cause.NEVER_APPLIED,
            f"never applied: it is applied every {_seconds(case.scheme.apply_interval_us)}, and DAMON "
            f"watched for {case.all.monitored_s:.3g} s: let the workload run longer, or shorten the "
            "apply interval",
        )


def _never_active(case: _Case) -> Iterator[Reason]:
    if case.met.active_share == 0.0 and case.scheme.watermarks is not None:
        yield Reason(
            Cause.NEVER_ACTIVE, f"never active: {_free(case.all, case.scheme.watermarks)}"
        )


def _free(met: Conditions, marks: Watermarks) -> str:
    """Say where free memory was, and where the watermarks are."""
    low, high = met.free_low or 0.0, met.free_high or 0.0
    seen = _shares(low, high)
    if low > marks.high:
        where = f"stayed above the high watermark ({_share(marks.high)})"
        remedy = "raise the high and the mid watermark"
    elif high < marks.low:
        where = f"stayed below the low watermark ({_share(marks.low)})"
        remedy = "lower the low watermark"
    else:
        where = (
            f"was not between the low ({_share(marks.low)}) and the mid watermark "
            f"({_share(marks.mid)})"
        )
        remedy = "widen the watermarks"
    return f"free memory ({seen} of all) {where}: {remedy}, or leave the watermarks out"


def _unmatched(case: _Case) -> Iterator[Reason]:
    """Say what of the access pattern no region had."""
    met, pattern = case.all, case.scheme.pattern
    if case.met.matched or case.met.active_share == 0.0 or _is_never_applied(case):
        return
    short = met.monitored_s * 1e6 < pattern.age_us.min
    if met.oldest_age_us is not None and met.oldest_age_us < pattern.age_us.min:
        wanted = _seconds(int(pattern.age_us.min))
        yield Reason(
            Cause.TOO_YOUNG,
            f"matched nothing: no region got older than {_seconds(met.oldest_age_us)} in the "
            f"{met.monitored_s:.3g} s of this run{_looked(met)}, and the min age is {wanted}: "
            f"{'let the workload run longer, or lower' if short else 'lower'} the min age",
        )
    elif met.oldest_age_us is None and met.aggregations and short:
        yield Reason(
            Cause.TOO_YOUNG,
            f"matched nothing: DAMON watched for {met.monitored_s:.3g} s, and the min age is "
            f"{_seconds(int(pattern.age_us.min))}: let the workload run longer, or lower the min age",
        )
    rate = met.highest_access_rate
    if rate is not None and rate == 0.0 and pattern.access_rate.min > 0.0:
        yield from _saw_nothing(case)
    elif rate is not None and rate < pattern.access_rate.min:
        yield Reason(
            Cause.TOO_COLD,
            "matched nothing: no region was seen accessed in more than "
            f"{_share(rate)} of the samples{_looked(met)}, and the min access rate is "
            f"{_share(pattern.access_rate.min)}: lower the min access rate, or give longer sampling and "
            "aggregation intervals, in which more accesses are seen",
        )
    largest = met.largest_region_bytes
    if largest is not None and largest < pattern.size_bytes.min:
        yield Reason(
            Cause.TOO_SMALL,
            f"matched nothing: the largest region had {megabytes(largest)}{_looked(met)}, and the min "
            f"size is {format_size(int(pattern.size_bytes.min))}: lower the min size",
        )
    elsewhere = met.oldest_age_us is None
    if elsewhere and case.met.stats.tried_regions == 0 and met.aggregations and not short:
        # A kernel tells of a region only what a scheme tried on it.
        yield Reason(
            Cause.NOT_TOGETHER,
            "matched nothing: no region had the sizes, the access rates and the ages of the scheme at "
            f"once in {met.monitored_s:.3g} s: widen them"
            f"{', or change the filters' if case.scheme.filters else ''}",
        )
    if case.met.matched is False and not _misses_alone(met, case.scheme):
        yield from _not_together(case)


def _misses_alone(met: Conditions, scheme: Scheme) -> bool:
    """Whether one range of the access pattern alone is out of reach of all regions."""
    pattern = scheme.pattern
    return any(
        seen is not None and seen < least
        for seen, least in (
            (met.oldest_age_us, pattern.age_us.min),
            (met.highest_access_rate, pattern.access_rate.min),
            (met.largest_region_bytes, pattern.size_bytes.min),
        )
    )


def _not_together(case: _Case) -> Iterator[Reason]:
    pattern, oldest = case.scheme.pattern, case.met.oldest_age_us
    rates = f"{_share(pattern.access_rate.min)} to " + (
        "any" if pattern.access_rate.max == UNLIMITED else _share(pattern.access_rate.max)
    )
    if oldest is not None and 0 < oldest < pattern.age_us.min:
        yield Reason(
            Cause.NOT_TOGETHER,
            f"matched nothing: no region with an access rate of {rates} got older than "
            f"{_seconds(oldest)}{_looked(case.all)}, and the min age is "
            f"{_seconds(int(pattern.age_us.min))}: lower the min age, or widen the access rates",
        )
    else:
        yield Reason(
            Cause.NOT_TOGETHER,
            f"matched nothing: no region had the sizes, the access rates ({rates}) and the ages at "
            "once: widen them",
        )


def _held_back(case: _Case) -> Iterator[Reason]:
    """Say what kept a scheme that matched from trying."""
    if case.met.matched is False or case.met.active_share == 0.0:
        return
    small = list(_quota_too_small(case))
    if small:
        yield from small
    elif case.met.matched and case.scheme.filters:
        yield Reason(
            Cause.FILTERED,
            "its filters left out every region that it matched: change the filters",
        )


def _quota_too_small(case: _Case) -> Iterator[Reason]:
    """Say that no charge window with a limit had room for a page."""
    allowed, quota = case.met.quota_high_bytes, case.scheme.quota
    if allowed is None or quota is None or allowed >= PAGE_BYTES:
        return
    remedy = f"raise the quota to {format_size(PAGE_BYTES)} or more"
    if quota.goals:
        remedy = (
            "a goal raises it step by step from 1 byte on; let the workload run longer, or give a limit "
            "in bytes instead of the goal"
        )
    yield Reason(
        Cause.QUOTA_TOO_SMALL,
        f"the quota was still at {_size(allowed)}, less than a page ({PAGE_BYTES} bytes): {remedy}",
    )


def _saw_nothing(case: _Case) -> Iterator[Reason]:
    met, measured = case.all, case.measured
    busy = measured.workload_cpu_s > _CPU_SHARE * measured.runtime_s
    if met.highest_access_rate == 0.0 and met.aggregations and busy:
        yield Reason(
            Cause.SAW_NOTHING,
            f"DAMON saw no access in {met.aggregations} aggregation intervals, though the workload used "
            f"{measured.workload_cpu_s:.2g} s of CPU time, so that all memory looks idle: give longer "
            "sampling and aggregation intervals, or more regions (monitoring.min_regions)",
        )


def _powerless(case: _Case) -> Iterator[Reason]:
    """Say why a scheme that tried changed nothing."""
    action, met, measured = case.scheme.action, case.all, case.measured
    if action in _LISTS_ONLY and not measured.swap_out_bytes:
        free = "" if met.free_low is None else f" ({_share(met.free_low)} or more was free)"
        yield Reason(
            Cause.ONLY_ORDERS,
            f"{action.value} only tells the kernel which memory to reclaim first, and no memory ran "
            f"short{free}: use pageout to save memory",
        )
    elif action is Action.WILLNEED and not any(measured.series.swap_bytes):
        yield Reason(
            Cause.NOTHING_SWAPPED,
            "willneed brings swapped memory back, and nothing was swapped out",
        )
    elif action in (Action.HUGEPAGE, Action.NOHUGEPAGE):
        yield from _huge_pages(case)
    elif action is Action.PAGEOUT:
        yield from _no_page_out(case)


def _huge_pages(case: _Case) -> Iterator[Reason]:
    action, setting = case.scheme.action, case.all.huge_pages
    place = machine_setting(case.backend, "huge_pages")
    if setting == "never":
        yield Reason(
            Cause.HUGE_PAGES,
            f"huge pages are off (never) on this machine, so that {action.value} does nothing: set "
            f"{place} to madvise",
        )
    elif setting == "always" and action is Action.HUGEPAGE:
        yield Reason(
            Cause.HUGE_PAGES,
            "all memory gets huge pages (always) on this machine, so that hugepage adds nothing: set "
            f"{place} to madvise",
        )
    elif setting == "madvise" and action is Action.NOHUGEPAGE:
        yield Reason(
            Cause.HUGE_PAGES,
            "no memory gets huge pages unasked (madvise) on this machine, so that nohugepage does "
            f"nothing: set {place} to always",
        )
    elif _is_unchanged(case) and action is Action.NOHUGEPAGE:
        yield Reason(
            Cause.HUGE_PAGES,
            "nohugepage changed nothing: a huge page stays one, and only memory that is touched for the "
            f"first time afterwards gets small pages: set {place} to madvise for fewer huge pages",
        )
    elif _is_unchanged(case):
        yield Reason(Cause.HUGE_PAGES, f"hugepage changed nothing: {_why_no_bloat(case)}")


def _is_unchanged(case: _Case) -> bool:
    """Whether the workload holds the memory, and uses the CPU time, that it does without DAMON."""
    if case.baseline is None:
        return False
    pairs = (
        (case.measured.pss_mean_bytes, case.baseline.pss_mean_bytes, _NOTHING),
        (case.measured.workload_cpu_s, case.baseline.workload_cpu_s, _SAME_CPU),
    )
    return all(abs(now - before) <= share * before for now, before, share in pairs)


def _why_no_bloat(case: _Case) -> str:
    """Say why huge pages added no memory, and no speed."""
    if case.of_pattern:
        resident = (
            "a pattern touches all of its memory before it is measured, so that huge pages add "
            "none"
        )
    else:
        resident = (
            "either the memory around what it matched was resident before, so that huge pages add none, "
            "or the kernel did not come by (it looks every 10 s, and puts 16 MiB at a time in huge "
            "pages): let the workload run longer"
        )
    if case.backend == "host":
        return resident
    speed = {
        "vm": "in the micro-VM huge pages make nothing faster",
        "simulator": "in the simulator huge pages make only a pattern's random accesses faster",
    }.get(case.backend or "", "huge pages make accesses faster only on a real CPU")
    return f"{resident}; {speed}: measure speed with backend: host"


def _no_page_out(case: _Case) -> Iterator[Reason]:
    met, measured, moved = case.all, case.measured, _moved_share(case)
    if met.swap_total_bytes == 0 and moved <= _NOTHING:
        yield Reason(
            Cause.NO_SWAP,
            "there is no swap, to which alone page-out moves a program's memory: "
            f"raise {machine_setting(case.backend, 'swap')}",
        )
        return
    if met.swap_full_from_s is not None or moved > _LITTLE_MOVED:
        return
    between_processes = int(measured.rss_mean_bytes - measured.pss_mean_bytes)
    in_tmpfs = "lies in tmpfs" if met.files_in_memory_bytes is None else "belongs to files"
    parts = {
        "is locked (mlock)": met.locked_bytes,
        f"is shared or {in_tmpfs}": max(met.shared_bytes or 0, between_processes),
        "belongs to files": met.file_bytes,
    }
    least = _WORTH_NAMING * measured.rss_peak_bytes
    known = {what: size for what, size in parts.items() if size and size >= least}
    if sum(known.values()) > measured.rss_peak_bytes / 2:
        listed = ", ".join(f"{megabytes(size)} {what}" for what, size in known.items())
        left = "the memory" if moved <= _NOTHING else "nearly all memory"
        yield Reason(
            Cause.NOT_SWAPPABLE,
            f"page-out left {left} in place: of {megabytes(measured.rss_peak_bytes)} resident "
            f"{listed}: page-out leaves what is locked, and what more than one process maps",
        )
    elif case.operations is OperationsSet.PADDR and moved <= _NOTHING:
        yield Reason(
            Cause.SPARED_AT_FIRST,
            "page-out of physical memory spares every page at the first try, and takes it one min age "
            "later: let the workload run longer, or lower the min age",
        )


def _moved_share(case: _Case) -> float:
    """Give how much was paged out, as a share of what was resident.

    It went to swap, or, as files on a disk do, nowhere; this can only be told against a baseline.
    """
    measured, baseline = case.measured, case.baseline
    swapped = measured.swap_out_bytes / (measured.rss_peak_bytes or 1)
    if baseline is None or not baseline.rss_mean_bytes:
        return swapped
    dropped = 1.0 - measured.rss_mean_bytes / baseline.rss_mean_bytes
    return max(swapped, dropped if dropped > _DROPPED else 0.0)


def _nothing_moved(case: _Case) -> Iterator[Reason]:
    """Say that a scheme which tried, and which nothing held back, found nothing to page out."""
    tried = case.met.stats.tried_bytes > 0
    if tried and case.scheme.action is Action.PAGEOUT and _moved_share(case) <= _NOTHING:
        yield Reason(
            Cause.EMPTY,
            "what it matched was not resident, so that page-out had nothing to move",
        )


def _seldom_hot(case: _Case) -> Iterator[Reason]:
    """Say that most of what is accessed was too seldom seen accessed."""
    met, wss_bytes = case.all, case.measured.wss_mean_bytes
    least, mean = case.scheme.pattern.access_rate.min, met.mean_access_rate
    if not wss_bytes or not met.aggregations or mean is None or mean >= least:
        return
    share = case.met.stats.tried_bytes / (wss_bytes * met.aggregations)
    if share < _LITTLE:
        yield Reason(
            Cause.SELDOM_HOT,
            f"matched little: {_share(share)} of the accessed memory, which was seen accessed in "
            f"{_share(mean)} of the samples on average, and the min access rate is {_share(least)}: "
            "lower the min access rate, or give longer sampling and aggregation intervals, in which "
            "more accesses are seen",
        )


def _limited(case: _Case) -> Iterator[Reason]:
    """Say what limited a scheme that worked."""
    met, its = case.all, case.met
    if case.scheme.action is Action.PAGEOUT and met.swap_full_from_s is not None:
        yield Reason(
            Cause.SWAP_FULL,
            f"swap ({megabytes(met.swap_total_bytes or 0)}) was full from "
            f"{met.swap_full_from_s:.1f} s on, and page-out ended there: "
            f"raise {machine_setting(case.backend, 'swap')}",
        )
    if its.active_share is not None and its.active_share < _ALWAYS and case.scheme.watermarks:
        yield Reason(
            Cause.ACTIVE_AT_TIMES,
            f"active for {_share(its.active_share)} of the time{_read_every(met)}: free memory was at "
            f"{_shares(met.free_low or 0.0, met.free_high or 0.0)} of all, and the watermarks are "
            f"high {_share(case.scheme.watermarks.high)}, mid {_share(case.scheme.watermarks.mid)}, low "
            f"{_share(case.scheme.watermarks.low)}",
        )
    small = list(_quota_too_small(case))
    yield from small
    windows, full = its.quota_windows, its.full_windows
    if (
        not small
        and windows
        and full is not None
        and full >= _MOSTLY * windows
        and its.quota_high_bytes
    ):
        sizes = dict.fromkeys(
            _size(size) for size in (its.quota_low_bytes or 0, its.quota_high_bytes)
        )
        yield Reason(
            Cause.QUOTA_LIMITS,
            f"the quota was used up in {full} of {windows} charge windows, of {' to '.join(sizes)} "
            "each: raise it for more",
        )


def _read_every(met: Conditions) -> str:
    """Say how far apart the readings of free memory were, if it was long."""
    period_s = met.free_period_s
    return "" if period_s is None else f", by readings {period_s:g} s apart"


def _looked(met: Conditions) -> str:
    """Say how often regions were looked at, if that was not always."""
    if met.looked_at is None or met.aggregations is None:
        return ""
    return (
        f" (regions were looked at in {met.looked_at} of {met.aggregations} aggregation intervals)"
    )


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"


def _shares(low: float, high: float) -> str:
    """Write a range of shares; more digits than elsewhere tell it from a watermark near by."""
    return " to ".join(dict.fromkeys(f"{100 * share:.4g} %" for share in (low, high)))


def _seconds(duration_us: int) -> str:
    return f"{duration_us / 1e6:.4g} s"


def _size(size: int) -> str:
    return megabytes(size) if size >= 1 << 20 else f"{size} byte{'s' * (size != 1)}"

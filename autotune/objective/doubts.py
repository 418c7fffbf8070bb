"""Figures that are not to be believed as they stand, each told in a sentence with what helps."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from autotune.damon.damos import Action, Scheme
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.units import format_duration, megabytes

FASTER = 0.02
"""A gain of speed up to this fraction is taken for noise where one seed shows none."""
LEAST_GAIN = 0.005
"""A gain of speed up to this fraction is of no interest, however sure it is."""
_HASTENING = frozenset({Action.HUGEPAGE, Action.WILLNEED, Action.LRU_PRIO})
"""Actions that can make a workload faster."""
_GROWING = frozenset({Action.HUGEPAGE, Action.WILLNEED})
"""Actions that can make a workload hold more memory."""
UNLIKE = 0.05
"""Memory that a trial holds more or less than its baseline, as a fraction of it, for no cause."""
NOT_GIVEN_BACK = 0.1
"""A saving of the workload's memory may exceed the whole machine's by this; programs whose processes
stay differ by up to half of it."""
OF_FILES = 0.05
"""Files in memory may hold this fraction of the baseline's memory in the swap pool without a word."""
OUT_UNASKED = 0.01
"""A baseline that swaps out more than this fraction of its memory holds less than it would."""
LEAST_SAMPLES = 20
"""With fewer samples of memory, one sample is over 5 % of a mean."""
LEAST_AGGREGATIONS = 20
"""DAMON begins with few large regions, and splits them once an aggregation interval: with fewer
aggregations it has not found out yet what is hot."""


def too_fast(
    figures: Mapping[str, float],
    pairs: Sequence[tuple[Measurement, Measurement]],
    schemes: tuple[Scheme, ...] = (),
    *,
    slowdown: str,
    more_than_noise: bool | None = None,
) -> str | None:
    """Say that a workload was faster than its baseline by more than noise; None if it was not.

    Huge pages and memory that is brought in early can make a workload faster. So a gain of *schemes*
    with such an action is not in doubt.

    Where the work is counted, less work is no cause. But the CPU time of a server depends on how many
    requests it finds at a time: those that come in the kdamond's turn on the one CPU are served together
    after it, with fewer wake-ups.

    Args:
        figures: Metrics by name, of which ``slowdown`` counts.
        pairs: Measurements with their baselines, one of each seed.
        schemes: What the kernel did.
        slowdown: The metric that the backend takes for ``slowdown``.
        more_than_noise: Whether the slowdown of several seeds differs from 0 by more than their spread
            (`autotune.objective.spread.Spread`); None with one seed, of which a gain up to `FASTER` is
            taken for noise.

    >>> from autotune.testing import measurement
    >>> pairs = [(measurement(), measurement())]
    >>> too_fast({"slowdown": -0.01}, pairs, slowdown="own_cpu_slowdown")
    >>> print(too_fast({"slowdown": -0.1325}, pairs, slowdown="own_cpu_slowdown"))
    a slowdown of -13.25% is no gain that paging out memory can bring: the trial did less work, or \
other work, than its baseline: count it with workload.work, or compare more seeds
    """
    gain = figures.get("slowdown")
    bound = FASTER if more_than_noise is None else LEAST_GAIN
    if gain is None or gain >= -bound or more_than_noise is False:
        return None
    if {one.action for one in schemes} & _HASTENING:
        return None
    told = f"a slowdown of {gain:.2%} is no gain that paging out memory can bring: "
    if any(one.work_done is None for pair in pairs for one in pair):
        return (
            f"{told}the trial did less work, or other work, than its baseline: count it with "
            "workload.work, or compare more seeds"
        )
    if slowdown != "own_cpu_slowdown":
        return f"{told}the machine, or the work, differs from run to run: compare more seeds"
    together = (
        f"{told}what waits for the kdamond's turn on the one CPU is done together after it, which takes "
        "less CPU time: "
    )
    if not schemes:
        return f"{together}take this off the slowdown of a scheme"
    return f"{together}measure without a scheme, and go by the difference"


def too_short(baseline: Measurement, experiment: Experiment) -> str | None:
    """Say that a measured part is too short to tell anything; None if it is long enough.

    Args:
        baseline: Its run time counts.
        experiment: Its sampling period and monitoring count.
    """
    periods = {"samples of memory": (experiment.sampling_period_us, LEAST_SAMPLES)}
    if experiment.monitoring is not None:
        aggregation_us = experiment.monitoring.intervals.aggregation_us
        periods["aggregations"] = (aggregation_us, LEAST_AGGREGATIONS)
    lacks = {
        name: (int(baseline.runtime_s * 1e6 / period_us), least)
        for name, (period_us, least) in periods.items()
    }
    lacks = {name: (count, least) for name, (count, least) in lacks.items() if count < least}
    if not lacks:
        return None
    least_us = max(periods[name][0] * periods[name][1] for name in lacks)
    has = " and ".join(f"{count} {name}" for name, (count, _) in lacks.items())
    return (
        f"the measured part of {baseline.runtime_s:.2f} s is too short to tell: it holds {has}, and "
        f"takes at least {LEAST_SAMPLES}: let it run {format_duration(int(least_us))} or longer"
    )


def unlike(
    pairs: Sequence[tuple[Measurement, Measurement]], schemes: tuple[Scheme, ...]
) -> str | None:
    """Say that trials hold more or less memory than their baselines for no cause; None if not.

    Resident memory that a scheme moved out is at most what it tried. (What it applied its action to is
    no bound: of a region with a gap between mappings, Linux pages all out and reports nothing.) Whatever
    else is gone, or has come, is the workload's own doing: processes that live at other times, other
    work.

    Args:
        pairs: Trials with their baselines, one of each seed.
        schemes: What the kernel did in the trials.
    """
    stats = [trial.scheme_stats for trial, _ in pairs if trial.scheme_stats is not None]
    if not stats or len(stats) < len(pairs):
        return None
    acts = any(scheme.action is not Action.STAT for scheme in schemes)
    tried = statistics.fmean(one.tried_bytes for one in stats) if acts else 0.0
    grows = bool({scheme.action for scheme in schemes} & _GROWING)
    for name, what in (("pss_mean_bytes", "memory"), ("rss_mean_bytes", "resident memory")):
        before = statistics.fmean(getattr(baseline, name) for _, baseline in pairs)
        gone = before - statistics.fmean(getattr(trial, name) for trial, _ in pairs)
        if gone - tried > UNLIKE * before:
            less, why = "less", f"and the schemes tried to move {megabytes(tried)}"
        elif -gone > UNLIKE * before and not grows:
            less, why = "more", "which no scheme brings about"
        else:
            continue
        return (
            f"the trial held {megabytes(abs(gone))} of {what} {less} than its baseline, {why}: "
            f"{_why_unlike(pairs)}"
        )
    return None


def _why_unlike(pairs: Sequence[tuple[Measurement, Measurement]]) -> str:
    """Say why memory differs that no scheme moved, and what helps."""
    before_s = statistics.fmean(baseline.runtime_s for _, baseline in pairs)
    took_s = statistics.fmean(trial.runtime_s for trial, _ in pairs)
    if before_s and took_s > (1.0 + UNLIKE) * before_s:
        return (
            f"the run took {took_s / before_s - 1.0:.0%} longer, and memory that changes over a run has "
            "another mean then, so that the savings say nothing: let the measured part begin when the "
            "workload holds its memory (ready), or make it longer"
        )
    return (
        "the workload itself differs from run to run, and the savings say nothing: make the measured "
        "part longer, or compare more seeds (measure --seeds 5)"
    )


def not_given_back(
    figures: Mapping[str, float], pairs: Sequence[tuple[Measurement, Measurement]]
) -> str | None:
    """Say that the machine has not got back what the workload saved; None if it has, or it is not known.

    What a process reads back from swap, and leaves behind when it ends, stays in memory and is in no
    process any more. Where nothing else runs, the machine's figure shows it. It is at most what was
    swapped out. What the machine uses beyond that is memory of DAMON, of the kernel or of a client,
    which is much beside a small workload.

    Args:
        figures: Metrics by name, of which ``memory_saving`` and ``system_memory_saving`` count.
        pairs: Measurements with their baselines, one of each seed.

    >>> from autotune.testing import measurement
    >>> pairs = [(measurement(swap_out_bytes=90 << 20), measurement())]
    >>> not_given_back({"memory_saving": 0.32, "system_memory_saving": 0.27}, pairs)
    >>> print(not_given_back({"memory_saving": 0.1913, "system_memory_saving": 0.0083}, pairs))
    memory_saving is 19.13%, and system_memory_saving 0.83%: the machine did not get back all that the \
processes no longer hold, as where processes end that had memory in swap: go by system_memory_saving
    """
    saved, given_back = figures.get("memory_saving"), figures.get("system_memory_saving")
    if saved is None or given_back is None or saved - given_back <= NOT_GIVEN_BACK:
        return None
    differ = f"memory_saving is {saved:.2%}, and system_memory_saving {given_back:.2%}: "
    beyond = statistics.fmean(
        _machines_own(*measured_and_baseline) for measured_and_baseline in pairs
    )
    moved = statistics.fmean(measured.swap_out_bytes for measured, _ in pairs)
    if moved < beyond:
        return (
            f"{differ}beside the workload's memory the machine uses {megabytes(beyond)} more than in "
            f"the baseline, and only {megabytes(moved)} were paged out: the rest is memory of DAMON, of "
            "the kernel or of a client, much beside so small a workload: go by memory_saving"
        )
    return (
        f"{differ}the machine did not get back all that the processes no longer hold, as where "
        "processes end that had memory in swap: go by system_memory_saving"
    )


def _machines_own(measured: Measurement, baseline: Measurement) -> float:
    """Give the memory, in bytes, that the machine uses more, less what the workload holds more."""
    return (
        (measured.system_used_mean_bytes or 0.0)
        - (baseline.system_used_mean_bytes or 0.0)
        - (measured.pss_mean_bytes + measured.swap_pool_mean_bytes)
        + (baseline.pss_mean_bytes + baseline.swap_pool_mean_bytes)
    )


def files_in_swap(
    figures: Mapping[str, float], pairs: Sequence[tuple[Measurement, Measurement]]
) -> str | None:
    """Say that files which lie in memory were paged out to swap; None if that is little, or not known.

    From a disk they would be dropped, and read again. How much of the swap pool is theirs is not known:
    each page is taken to be as likely there as any other.

    Args:
        figures: Metrics by name, of which ``memory_saving`` and ``rss_saving`` count.
        pairs: Measurements with their baselines, one of each seed.
    """
    saved = figures.get("memory_saving")
    if saved is None or "rss_saving" not in figures:
        return None
    known = [
        (measured.conditions.files_in_memory_bytes or 0, measured, baseline)
        for measured, baseline in pairs
        if measured.conditions is not None
    ]
    if not known:
        return None
    files = statistics.fmean(size for size, _, _ in known)
    pool = statistics.fmean(measured.swap_pool_mean_bytes for _, measured, _ in known)
    before = statistics.fmean(baseline.pss_mean_bytes for _, _, baseline in known)
    if not before or min(1.0, files / before) * pool <= OF_FILES * before:
        return None
    at_most = saved + min(pool, files) / before
    return (
        f"memory_saving is {saved:.2%}, and rss_saving {figures['rss_saving']:.2%}: "
        f"{megabytes(files)} of the workload's {megabytes(before)} are of files (programs, libraries, "
        "mapped files), which lie in memory here and were paged out to swap; where they lie on a disk "
        "they are dropped, and read again when they are needed: there memory_saving is from "
        f"{saved:.2%} to {at_most:.2%}: measure with backend: host"
    )


def swapped_unasked(baseline: Measurement) -> str | None:
    """Say that a baseline has swapped out memory without DAMON; None if hardly any."""
    if baseline.swap_out_bytes <= OUT_UNASKED * baseline.rss_peak_bytes:
        return None
    return (
        f"the baseline swapped out {megabytes(baseline.swap_out_bytes)} without DAMON, so that savings "
        "look smaller than they are: give the machine more memory (vm.memory); if it does so still, "
        "the workload pages itself out, and the savings are those beyond that"
    )

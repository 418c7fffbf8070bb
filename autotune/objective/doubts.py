"""Figures that are not to be believed as they stand, each told in a sentence with what helps."""

from __future__ import annotations

from collections.abc import Mapping

from autotune.damon.damos import Action, Scheme
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.units import format_duration

FASTER = 0.02
"""A gain of speed up to this fraction is taken for noise where one seed shows none."""
LEAST_GAIN = 0.005
"""A gain of speed up to this fraction is of no interest, however sure it is."""
_HASTENING = frozenset({Action.HUGEPAGE, Action.WILLNEED, Action.LRU_PRIO})
"""Actions that can make a workload faster."""
LEAST_SAMPLES = 20
"""With fewer samples of memory, one sample is over 5 % of a mean."""
LEAST_AGGREGATIONS = 20
"""DAMON begins with few large regions, and splits them once an aggregation interval: with fewer
aggregations it has not found out yet what is hot."""


def too_fast(
    figures: Mapping[str, float],
    schemes: tuple[Scheme, ...] = (),
    *,
    more_than_noise: bool | None = None,
) -> str | None:
    """Say that a workload was faster than its baseline by more than noise; None if it was not.

    Huge pages and memory that is brought in early can make a workload faster. So a gain of *schemes*
    with such an action is not in doubt.

    Args:
        figures: Metrics by name, of which ``slowdown`` counts.
        schemes: What the kernel did.
        more_than_noise: Whether the slowdown of several seeds differs from 0 by more than their spread
            (`autotune.objective.spread.Spread`); None with one seed, of which a gain up to `FASTER` is
            taken for noise.

    >>> too_fast({"slowdown": -0.01})
    >>> print(too_fast({"slowdown": -0.1325}))
    a slowdown of -13.25% is no gain that paging out memory can bring: the trial did less work, or \
other work, than its baseline: count it with workload.work, or compare more seeds
    """
    slowdown = figures.get("slowdown")
    bound = FASTER if more_than_noise is None else LEAST_GAIN
    if slowdown is None or slowdown >= -bound or more_than_noise is False:
        return None
    if {one.action for one in schemes} & _HASTENING:
        return None
    return (
        f"a slowdown of {slowdown:.2%} is no gain that paging out memory can bring: the trial did "
        "less work, or other work, than its baseline: count it with workload.work, or compare more "
        "seeds"
    )


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

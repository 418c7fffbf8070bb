"""Whether limits hold well enough for a scheme to be recommended, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import ndtr, stdtr

from autotune.objective.figures import Figures, broken, format_figure
from autotune.objective.objective import Objectives
from autotune.recommendation.belief import Belief

LEAST_LIKELY = 0.05
"""A scheme that keeps the limits less probably is not worth a word."""

LIKELY = 0.5
"""A scheme that keeps the limits more probably than this is worth more runs."""

NOT_SURE = "not sure: "
"""How the note of a scheme begins that is shown though it is not recommended."""

HOLDS = "holds in"
"""What stands between the limits and the share of runs that keep them."""

_MOST_MORE = 1000


def limits(objectives: Objectives) -> str:
    """Name the limits, to be followed by a verb that ends in s.

    >>> from pathlib import Path
    >>> from autotune.objective.objective import load_objectives
    >>> limits(load_objectives(Path("objectives/memory.yaml")))
    'slowdown <= 5%'
    """
    texts = [str(constraint) for constraint in objectives.constraints]
    return texts[0] if len(texts) == 1 else f"each of {', '.join(texts)}"


def share_of_runs(within: float) -> str:
    """Write a probability, rounded down; nobody knows that something always holds.

    >>> share_of_runs(0.949), share_of_runs(1.0), share_of_runs(0.003)
    ('94 %', 'more than 99 %', 'less than 1 %')
    """
    if within > 0.99:
        return "more than 99 %"
    whole = math.floor(100.0 * within + 1e-9)
    return "less than 1 %" if whole < 1 else f"{whole} %"


def why_not_sure(
    belief: Belief | None,
    figures: Figures,
    confirmations: Sequence[Figures],
    objectives: Objectives,
) -> str | None:
    """Say why the limits do not hold well enough; None if they do.

    Args:
        belief: What is believed of the scheme; without it the rule for the mean counts.
        figures: The mean of the scheme's runs.
        confirmations: The runs with seeds that were new to the search.
        objectives: The limits, and how they must hold.
    """
    if not objectives.constraints:
        return None
    rule = objectives.hold
    if rule.worst_of is not None:
        return _why_not_worst(rule.worst_of, confirmations, objectives)
    if rule.share is not None and belief is not None:
        if belief.within >= rule.share:
            return None
        held, wanted = share_of_runs(belief.within), share_of_runs(rule.share)
        told = f"{limits(objectives)} {HOLDS} {held} of runs, not in {wanted}"
        return told if confirmations else f"{told}, so far as one run tells"
    if breaks := broken(figures, objectives):
        name = breaks[0].name
        figure = format_figure(name, figures[name], digits=6)
        return f"confirmed {name} {figure} breaks {breaks[0]}"
    return None


def _why_not_worst(
    wanted: int, confirmations: Sequence[Figures], objectives: Objectives
) -> str | None:
    if len(confirmations) < wanted:
        times = "once" if len(confirmations) == 1 else f"{len(confirmations)} times"
        return f"measured {times}, and worst of {wanted} takes {wanted}"
    if broke := sum(bool(broken(one, objectives)) for one in confirmations):
        return f"{broke} of {len(confirmations)} runs broke {limits(objectives)}"
    return None


def more_runs(belief: Belief, measured: int, objectives: Objectives) -> int | None:
    """Say how many more runs, if they are like those before, would make a scheme sure.

    Args:
        belief: What is believed now.
        measured: How many runs were made.
        objectives: The limits, and how they must hold.

    Returns:
        1 or more; None if a scheme like this breaks the limits too often, however surely that is known.
    """
    rule = objectives.hold
    if rule.worst_of is not None:
        return rule.worst_of - measured if measured < rule.worst_of else None
    wanted = 0.5 if rule.share is None else rule.share
    if _foretold(belief, math.inf, objectives) < wanted:
        return None
    low, high = 0, 1
    while _foretold(belief, high, objectives) < wanted:
        low, high = high, 2 * high
        if high > _MOST_MORE:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _foretold(belief, middle, objectives) < wanted:
            low = middle
        else:
            high = middle
    return high


def _foretold(belief: Belief, more: float, objectives: Objectives) -> float:
    """Give the probability that all limits hold, after so many more runs that are like the others."""
    probability = 1.0
    for constraint in objectives.constraints:
        spread = belief.spread.get(constraint.name, 0.0)
        room = constraint.bound - belief.mean[constraint.name]
        room = room if constraint.upper else -room
        if spread == 0.0:
            probability *= float(room >= 0.0)
            continue
        error = belief.error[constraint.name]
        worth = (spread / error) ** 2 if error > 0.0 else math.inf
        away = room / (spread * math.sqrt(1.0 + 1.0 / (worth + more)))
        freedom = belief.freedom + more
        probability *= float(ndtr(away) if math.isinf(freedom) else stdtr(freedom, away))
    return probability


def not_sure(belief: Belief, measured: int, objectives: Objectives) -> str:
    """Say how probably a scheme keeps the limits that is not sure to, and what would settle it."""
    held = f"{limits(objectives)} holds in {share_of_runs(belief.within)} of runs"
    more = more_runs(belief, measured, objectives)
    if more is None:
        return f"{NOT_SURE}{held}; more runs would not change that"
    runs = "1 more run" if more == 1 else f"{more} more runs"
    return f"{NOT_SURE}{held}; {runs} would settle it"


def not_known(belief: Belief | None, confirmations: Sequence[Figures]) -> str | None:
    """Say that nothing is known about how much the figures differ from run to run; None if it is."""
    if len(confirmations) > 1 or belief is None or belief.is_known:
        return None
    return "measured once: how much its figures differ from run to run is not known"

"""Figures that fall into two groups: a scheme with two outcomes, of which chance takes one.

On Linux a time quota can do that: what its first window pages out decides the rate of all windows that
follow. A mean over the runs of such a scheme is an outcome that hardly any run has.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

from autotune.objective.figures import Figures, format_figure
from autotune.objective.metrics import METRICS
from autotune.objective.objective import Objectives

LEAST_RUNS = 4
"""Fewer runs can't show two groups."""

_LEAST_IN_A_GROUP = 2
_ASIDE_FROM = 8
"""With so many runs, one may lie between the groups."""

_GAPS: Mapping[int, float] = MappingProxyType(
    {
        4: 22.5,
        5: 14.5,
        6: 10.7,
        7: 9.0,
        8: 13.9,
        9: 11.9,
        10: 10.9,
        12: 9.0,
        14: 8.1,
        16: 7.4,
        20: 6.5,
        25: 5.9,
        30: 5.4,
        40: 4.8,
    }
)
"""How wide a gap must be, in standard deviations within the groups, by the number of runs. In 99 % of
samples of one group, normal, exponential, log-normal with a sigma of 0.5 or uniform, none is as wide.
Source: 150,000 samples or more of each kind and number."""

_LEAST_POINTS = 0.02
_LEAST_SHARE = 0.1
"""Groups whose means are closer together, by a share of the larger, or, of fractions, in absolute terms,
make no difference to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Figures in two groups.

    Attributes:
        low: The smaller figures, ascending, at least two.
        high: The larger figures, ascending, at least two.
        between: A figure that is in neither group; None if there is none.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    between: float | None = None


def two_groups(figures: Sequence[float]) -> Groups | None:
    """Find two groups in the figures of several runs; None if it may well be one group.

    Two groups have a gap between them that is wide beside the standard deviation within the groups. Each
    has at least two runs. From eight runs on, one run may lie in the gap. One normal or skewed group is
    taken for two with a probability of at most 1 %.

    Args:
        figures: One a run. Fewer than `LEAST_RUNS` are one group.

    >>> two_groups([0.37, 0.09, 0.372, 0.091])
    Groups(low=(0.09, 0.091), high=(0.37, 0.372), between=None)
    >>> two_groups([0.37, 0.36, 0.34, 0.35])
    """
    if len(figures) < LEAST_RUNS:
        return None
    gap, groups = max(_splits(sorted(figures)), key=lambda one: one[0])
    return groups if gap > _least_gap(len(figures)) else None


def _splits(ordered: Sequence[float]) -> Iterator[tuple[float, Groups]]:
    """Give every split into two groups, with its gap in standard deviations."""
    count = len(ordered)
    middle = ordered[count // 2]
    sums = [0.0, *accumulate(figure - middle for figure in ordered)]
    squares = [0.0, *accumulate((figure - middle) ** 2 for figure in ordered)]

    def within(begin: int, end: int) -> float:
        """Give the sum of squared distances of some figures from their mean."""
        total = sums[end] - sums[begin]
        return max(squares[end] - squares[begin] - total * total / (end - begin), 0.0)

    for aside in (0, 1) if count >= _ASIDE_FROM else (0,):
        for cut in range(_LEAST_IN_A_GROUP, count - aside - _LEAST_IN_A_GROUP + 1):
            spread = within(0, cut) + within(cut + aside, count)
            deviation = math.sqrt(spread / (count - aside - 2))
            width = ordered[cut + aside] - ordered[cut - 1]
            # Without any spread, every gap is wide.
            gap = width / deviation if deviation > 0.0 else math.inf if width > 0.0 else 0.0
            groups = Groups(
                low=tuple(ordered[:cut]),
                high=tuple(ordered[cut + aside :]),
                between=ordered[cut] if aside else None,
            )
            yield gap, groups


def _least_gap(count: int) -> float:
    """Give the gap for a number of runs; between two rows of the table, that of the row above."""
    return _GAPS[max(known for known in _GAPS if known <= count)]


def two_outcomes(runs: Sequence[Figures], objectives: Objectives) -> str | None:
    """Say that a scheme has two outcomes; None if its runs don't show it.

    Args:
        runs: The figures of each run of the scheme.
        objectives: Only figures of objectives and constraints count, the first of them first.

    Returns:
        A part of a sentence for people.
    """
    sought = [one.name for one in objectives.objectives]
    limited = [one.name for one in objectives.constraints]
    for name in dict.fromkeys((*sought, *limited)):
        values = [run[name] for run in runs if name in run]
        groups = two_groups(values)
        if groups is not None and _matters(name, groups):
            return _sentence(name, groups, len(values))
    return None


def _matters(name: str, groups: Groups) -> bool:
    means = statistics.mean(groups.low), statistics.mean(groups.high)
    apart = means[1] - means[0]
    of_fractions = name not in METRICS or METRICS[name].unit == "fraction"
    least = _LEAST_POINTS if of_fractions else 0.0
    return apart >= max(least, _LEAST_SHARE * max(abs(mean) for mean in means))


def _sentence(name: str, groups: Groups, count: int) -> str:
    larger, smaller = sorted((groups.high, groups.low), key=len, reverse=True)
    usual, other = (
        format_figure(name, statistics.mean(group), digits=3) for group in (larger, smaller)
    )
    text = (
        f"two outcomes: {name} {usual} in {len(larger)} of {count} runs, {other} in {len(smaller)}"
    )
    if groups.between is not None:
        text += f", {format_figure(name, groups.between, digits=3)} in 1"
    return text

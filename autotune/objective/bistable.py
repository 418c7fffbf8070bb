"""Figures that fall into groups: a scheme with two or three outcomes, of which chance takes one.

On Linux a time quota can do that: what its first window pages out decides the rate of all windows that
follow. A mean over the runs of such a scheme is an outcome that hardly any run has.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from autotune.objective.figures import Figures, format_figure
from autotune.objective.metrics import METRICS
from autotune.objective.objective import Objectives

_NUMBERS = {2: "two", 3: "three"}

LEAST_RUNS = 4
"""Fewer runs can't show groups."""

MOST_RUNS_OF_THREE = 200
"""With so many runs, there are 20,000 ways to split them into three groups."""

_LEAST_IN_A_GROUP = 2
_ASIDE_FROM = 8
"""With so many runs, one may lie between two groups."""

_GAPS: Mapping[int, Mapping[int, float]] = MappingProxyType(
    {
        2: {
            4: 22.5,
            5: 14.5,
            6: 10.7,
            7: 9.0,
            8: 13.9,
            9: 11.9,
            10: 10.9,
            12: 10.6,
            14: 9.4,
            16: 8.5,
            20: 7.5,
            25: 6.6,
            30: 6.1,
            40: 5.5,
        },
        3: {12: 4.5, 14: 3.9, 16: 3.5, 20: 3.1, 25: 2.7, 30: 2.4, 40: 2.1},
    }
)
"""By the number of groups, how wide each gap must be, in standard deviations within the groups, by the
number of runs. In 99 % of samples of one group, normal, exponential, log-normal with a sigma of 0.5 or
uniform, no gap is as wide; in 99.5 % from 12 runs on, where two and three groups are looked for.
Source: 40,000 samples or more of each kind and number."""

_LEAST_POINTS = 0.02
_LEAST_SHARE = 0.1
"""Groups whose means are closer together, by a share of the larger, or, of fractions, in absolute terms,
make no difference to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Figures in groups.

    Attributes:
        groups: The figures of each group, ascending, at least two; the groups ascend, too.
        between: A figure that is in no group; None if there is none.
    """

    groups: tuple[tuple[float, ...], ...]
    between: float | None = None


def groupings(figures: Sequence[float]) -> list[Groups]:
    """Find three or two groups in the figures of several runs; nothing if they may well be one group.

    Groups have gaps between them that are wide beside the standard deviation within the groups. Each
    has at least two runs. If there aren't two groups otherwise, one run of eight or more may lie in the
    gap. One normal or skewed group is taken for several with a probability of at most 1 %.

    Args:
        figures: One a run. Fewer than `LEAST_RUNS` are one group; more than `MOST_RUNS_OF_THREE` are two
            groups at most.

    >>> groupings([0.37, 0.09, 0.372, 0.091])
    [Groups(groups=((0.09, 0.091), (0.37, 0.372)), between=None)]
    >>> groupings([0.37, 0.36, 0.34, 0.35])
    []
    """
    ordered = np.sort(np.array(figures, dtype=np.float64))
    found = []
    for number, gaps in sorted(_GAPS.items(), reverse=True):
        if len(ordered) < min(gaps) or (number > 2 and len(ordered) > MOST_RUNS_OF_THREE):
            continue
        least = gaps[max(known for known in gaps if known <= len(ordered))]
        for aside in (0, 1) if number == 2 and len(ordered) >= _ASIDE_FROM else (0,):
            gap, ends = _widest(ordered, number, aside)
            if gap > least:
                found.append(_split(ordered, ends, aside))
                break
    return found


def _widest(
    ordered: NDArray[np.float64], number: int, aside: int
) -> tuple[float, tuple[int, ...]]:
    """Split figures into groups so that the smallest gap is as wide as can be.

    Args:
        ordered: The figures, ascending.
        number: How many groups: 2 or 3.
        aside: How many figures are left aside behind the first group.

    Returns:
        The smallest gap, in standard deviations within the groups, and where each group but the last
        ends.
    """
    count = len(ordered)
    # Figures around 0 keep what the squares below lose otherwise.
    centred = ordered - ordered[count // 2]
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])

    def within(begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the sums of squared distances of figures from their means."""
        total = sums[end] - sums[begin]
        spread = squares[end] - squares[begin] - total**2 / (end - begin)
        positive: NDArray[np.float64] = np.maximum(spread, 0.0)
        return positive

    cuts = np.arange(_LEAST_IN_A_GROUP, count - _LEAST_IN_A_GROUP - aside + 1)
    ends = np.array([[cut] for cut in cuts])
    if number > 2:
        first, second = np.meshgrid(cuts, cuts, indexing="ij")
        apart = second - first >= _LEAST_IN_A_GROUP
        ends = np.column_stack([first[apart], second[apart]])
    begins = np.column_stack([np.zeros(len(ends), np.int64), ends + aside])
    last = np.column_stack([ends, np.full(len(ends), count)])
    deviations = np.sqrt(within(begins, last).sum(axis=1) / (count - aside - number))
    widths = (ordered[ends + aside] - ordered[ends - 1]).min(axis=1)
    # Without any spread, every gap is wide.
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = np.where(widths > 0.0, widths / deviations, 0.0)
    best = int(np.argmax(gaps))
    return float(gaps[best]), tuple(int(end) for end in ends[best])


def _split(ordered: NDArray[np.float64], ends: tuple[int, ...], aside: int) -> Groups:
    figures = ordered.tolist()
    begins = (0, *(end + aside for end in ends))
    return Groups(
        groups=tuple(
            tuple(figures[begin:end])
            for begin, end in zip(begins, (*ends, len(figures)), strict=True)
        ),
        between=figures[ends[0]] if aside else None,
    )


def several_outcomes(runs: Sequence[Figures], objectives: Objectives) -> str | None:
    """Say that a scheme has two or three outcomes; None if its runs don't show it.

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
        for found in groupings(values):
            if _matters(name, found):
                return _sentence(name, found, len(values))
    return None


def _matters(name: str, found: Groups) -> bool:
    means = [statistics.mean(group) for group in found.groups]
    of_fractions = name not in METRICS or METRICS[name].unit == "fraction"
    least = _LEAST_POINTS if of_fractions else 0.0
    return all(
        higher - lower >= max(least, _LEAST_SHARE * max(abs(lower), abs(higher)))
        for lower, higher in pairwise(means)
    )


def _sentence(name: str, found: Groups, count: int) -> str:
    """Tell of the groups, the largest first."""
    by_size = sorted(found.groups, key=len, reverse=True)
    shares = [
        f"{format_figure(name, statistics.mean(group), digits=3)} in {len(group)}"
        for group in by_size
    ]
    shares[0] += f" of {count} runs"
    if found.between is not None:
        shares.append(f"{format_figure(name, found.between, digits=3)} in 1")
    return f"{_NUMBERS[len(found.groups)]} outcomes: {name} {', '.join(shares)}"

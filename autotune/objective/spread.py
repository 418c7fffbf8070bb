"""The spread of a figure over seeds, and whether the figure is more than noise.

Each seed gives one figure: a measurement against the baseline of the same seed. The noise of both is in
it, so the figures of several seeds show how far chance alone moves the figure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

CONFIDENCE = 0.95
"""How sure it must be that a figure is not 0 before the figure counts as more than noise."""

_NEGLIGIBLE = 1e-9
"""Two means of equal memory over time may differ by so much: they round differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One figure, measured with several seeds.

    Attributes:
        mean: Over the seeds.
        low: The smallest figure.
        high: The largest figure.
        more_than_noise: Whether 0, which is no difference from the baseline, lies outside the confidence
            interval of the mean. None with one seed, which shows no noise, and of a figure whose 0 does
            not mean that.
    """

    mean: float
    low: float
    high: float
    more_than_noise: bool | None

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Compute the spread of one or more figures.

        The confidence interval is Student's: the mean, and on each side t times the standard deviation
        over the root of the number of figures.

        Raises:
            ValueError: If there is no figure.

        >>> Spread.of([0.0026, 0.055, 0.111]).more_than_noise
        False
        >>> Spread.of([0.584, 0.585, 0.585]).more_than_noise
        True
        """
        if not figures:
            raise ValueError("a spread needs a figure: there is none")
        mean, count = statistics.mean(figures), len(figures)
        more: bool | None = None
        if count > 1:
            half = student_t(count - 1) * statistics.stdev(figures) / math.sqrt(count)
            more = abs(mean) > max(half, _NEGLIGIBLE)
        return cls(mean=mean, low=min(figures), high=max(figures), more_than_noise=more)


def spreads(
    several: Sequence[Mapping[str, float | None]], *, without_zero: Container[str] = ()
) -> dict[str, Spread | None]:
    """Give the spread of each figure.

    Args:
        several: One entry a seed, all with the names of the first entry.
        without_zero: The figures whose 0 does not mean that there is no difference.

    Returns:
        By name, in the order of the first entry. None if the figure has no value with some seed: a mean
        over the other seeds would hide that.
    """
    found: dict[str, Spread | None] = {}
    for name in several[0]:
        values = [one[name] for one in several]
        known = [value for value in values if value is not None]
        found[name] = Spread.of(known) if len(known) == len(values) else None
        if (spread := found[name]) is not None and name in without_zero:
            found[name] = replace(spread, more_than_noise=None)
    return found


def student_t(freedom: int) -> float:
    """Give the t so that Student's t distribution has a share of `CONFIDENCE` between -t and t.

    Args:
        freedom: Degrees of freedom, 1 or more.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.

    >>> [round(student_t(freedom), 3) for freedom in (1, 2, 9)]
    [12.706, 4.303, 2.262]
    """
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        if _between(middle, freedom) < CONFIDENCE:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(middle)


def _between(angle: float, freedom: int) -> float:
    """The share between -t and t, where t is the root of *freedom* times the tangent of *angle*."""
    odd = freedom % 2
    cos, sin = math.cos(angle), math.sin(angle)
    term, total = (cos if odd else 1.0), 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cos * cos * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sin * total) if odd else sin * total

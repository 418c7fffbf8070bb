"""How much runs of one scheme differ, where nothing but such runs tells it.

Each scheme has a variance of its own: near a cliff runs differ by much, and far from it by next to
nothing. The variances follow a scaled inverse chi-squared distribution, which begins from what is usual
and is learned from the schemes that were run several times. A run of a scheme then follows Student's t,
with the more degrees of freedom, the more often the scheme was run.

Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments", 2004.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, polygamma, stdtrit

from autotune.surrogate.log_variance import inverse_trigamma, too_low

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WORTH = 2.0
"""What is usual counts as so many repeats."""
UNALIKE = 4.0
"""The variance of the logarithm of schemes' variances that is expected beforehand,"""
_UNALIKE_WORTH = 4.0
"""and the number of schemes that this counts as."""
_FREEDOM = (1.0, 20.0)
"""The least and the most degrees of freedom that other schemes' variances are worth."""
_LEAST = 1e-3
"""The least deviation, as a share of the usual one: equal figures are no proof of none."""


class Repeats:
    """What repeated runs show of the deviations of runs.

    Args:
        rows: What was run, shape ``(n,)``; a row may come several times.
        seen: What the runs showed, shape ``(n, f)``; NaN where a figure is not known.
        usual: The usual standard deviation of each figure's runs, shape ``(f,)``.
        unalike: How unlike schemes are beforehand: the variance of the logarithm of their variances.
    """

    def __init__(
        self, rows: Ints, seen: Floats, usual: Floats, *, unalike: float = UNALIKE
    ) -> None:
        # A deviation of none is no deviation to take a share or the logarithm of.
        usual = np.maximum(usual, 1e-12)
        several = [
            (row, values)
            for row in dict.fromkeys(rows.tolist())
            if len(values := _known(seen[rows == row])) > 1
        ]
        self._place = {row: at for at, (row, _) in enumerate(several)}
        figures = seen.shape[1]
        self._repeats = np.array([len(values) - 1.0 for _, values in several])
        shape = (len(several), figures)
        variances = np.array([values.var(axis=0, ddof=1) for _, values in several]).reshape(shape)
        self._sums = variances * self._repeats[:, None]
        floored = np.maximum(variances, (_LEAST * usual) ** 2)
        logs = np.log(floored) - too_low(self._repeats)[:, None]
        weights = self._repeats[:, None]
        expected, worth = unalike, _UNALIKE_WORTH
        # The logarithms are of single variances; what is usual is what stands for all of them.
        usual_logs = np.log(usual**2) - too_low(_freedom(np.array(expected)))
        centre = (_WORTH * usual_logs + (weights * logs).sum(axis=0)) / (_WORTH + weights.sum())
        by_chance = polygamma(1, self._repeats / 2.0).sum()
        scatter = np.maximum(((logs - centre) ** 2).sum(axis=0) - by_chance, 0.0)
        self._freedom = _freedom((expected * worth + scatter) / (worth + len(several)))
        self._before = np.exp(centre + too_low(self._freedom))
        self._floor = (_LEAST * usual) ** 2

    def deviations(self, rows: Ints) -> Floats:
        """Give the standard deviation of one run of each row, whether it was run or not, ``(m, f)``."""
        own, repeats = self.of(rows)
        total = self._freedom * self._before + own
        return np.asarray(np.sqrt(np.maximum(total / (self._freedom + repeats), self._floor)))

    def likely(self, rows: Ints) -> Floats:
        """Give how far runs are off that are off by a deviation, if they are normal: ``(m, f)``."""
        return np.asarray(self.deviations(rows) * stdtrit(self.freedom(rows), ndtr(1.0)))

    def freedom(self, rows: Ints) -> Floats:
        """Give the degrees of freedom of these deviations, shape ``(m, f)``."""
        return np.asarray(self._freedom + self.of(rows)[1])

    def of(self, rows: Ints) -> tuple[Floats, Floats]:
        """Give each row's own sum of squares, ``(m, f)``, and its number of repeats, ``(m, 1)``."""
        own, repeats = np.zeros((len(rows), len(self._before))), np.zeros((len(rows), 1))
        for at, row in enumerate(rows.tolist()):
            place = self._place.get(row)
            if place is not None:
                own[at], repeats[at] = self._sums[place], self._repeats[place]
        return own, repeats


def _known(values: Floats) -> Floats:
    """Give the runs of which all is known."""
    return np.asarray(values[np.isfinite(values).all(axis=1)])


def _freedom(unalike: Floats) -> Floats:
    """Give the degrees of freedom with which logarithms of variances vary so much."""
    return np.asarray(np.clip(2.0 * inverse_trigamma(unalike), *_FREEDOM))

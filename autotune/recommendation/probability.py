"""How sure a scheme is to keep the limits in the next run, from figures that were measured repeatedly.

Few runs say little about how much runs differ. So the variance that a scheme's runs show is shrunk
towards the variances of schemes with similar figures: variances are taken to follow a scaled inverse
chi-squared distribution, which is fitted to these schemes. The next run then follows Student's t.

A figure with a bound is looked at as ``asinh(figure / bound)``: a slowdown that is far beyond its limit
is as likely to be twice as far as to be half as far, and one within the limit varies evenly. Where many
runs were made, how many of them kept all limits counts beside what Student's t foretells: noise may have
two clusters.

Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments", 2004, for the variances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtr, polygamma, stdtr
from scipy.stats import qmc

from autotune.objective.figures import Figures, broken, columns
from autotune.objective.objective import Constraint, Objectives
from autotune.recommendation.belief import Belief
from autotune.surrogate.log_variance import inverse_trigamma

Floats = NDArray[np.float64]

_SIMILAR = 16
"""The number of schemes with the nearest figures, from which the variance beforehand is taken."""
_UNALIKE = (1.0, 4.0)
"""The variance of the logarithm of variances among similar schemes that is expected beforehand, and the
number of schemes that this counts as."""
_LEAST_UNALIKE = 0.02
_FLOOR = 1e-8
"""The least variance that counts, as a share of the median of all variances; with it, schemes that show
none by chance don't rule those that do."""
_FORETOLD = 10.0
"""The number of runs that Student's t counts as, beside the share of runs that kept all limits."""
_MANY = 20.0
"""With so many runs half of them count by their share; with few runs nearly none."""
_DRAWS = 4096


def beliefs(
    measured: Mapping[int, Sequence[Figures]], objectives: Objectives
) -> dict[int, Belief]:
    """Give what is believed of each trial's figures.

    Where no trial was measured twice, nothing is known about how much runs differ: then the deviations
    are 0, the freedom is infinite, and `Belief.within` is 1 or 0, by the one run alone.

    Args:
        measured: By the number of the trial, the figures of its runs, each with a seed of its own. A
            trial without runs has no belief.
        objectives: Their constraints are the limits, whose figures every run must have.

    Returns:
        By the number of the trial, of each metric and each figure of the objectives and constraints that
        all runs of the trial have. Equal figures give equal beliefs.
    """
    runs = {number: several for number, several in measured.items() if several}
    if not runs:
        return {}
    order = sorted(runs)
    estimates = {}
    for name in columns(objectives):
        having = [n for n in order if all(name in one for one in runs[n])]
        if having:
            values = [np.array([one[name] for one in runs[n]]) for n in having]
            estimates[name] = dict(zip(having, _estimated(values), strict=True))
    within = _within([runs[number] for number in order], objectives)
    asked = {*(o.name for o in objectives.objectives), *(c.name for c in objectives.constraints)}
    made = {}
    for number, probability in zip(order, within.tolist(), strict=True):
        known = {name: by[number] for name, by in estimates.items() if number in by}
        made[number] = Belief(
            mean={name: one.mean for name, one in known.items()},
            error={name: one.error for name, one in known.items()},
            spread={name: one.spread for name, one in known.items()},
            freedom=min((one.freedom for n, one in known.items() if n in asked), default=math.inf),
            within=probability,
        )
    return made


@dataclass(frozen=True, slots=True)
class _Estimate:
    """What is believed of one figure of one trial."""

    mean: float
    spread: float
    freedom: float
    runs: int

    @property
    def error(self) -> float:
        return self.spread / math.sqrt(self.runs)

    def below(self, bound: float) -> float:
        """The probability that the next run is at most *bound*."""
        scale = math.hypot(self.spread, self.error)
        if scale == 0.0:
            return float(self.mean <= bound)
        away = (bound - self.mean) / scale
        return float(ndtr(away) if math.isinf(self.freedom) else stdtr(self.freedom, away))


def _estimated(values: Sequence[Floats]) -> list[_Estimate]:
    """Estimate the mean and the spread of one figure for each of several trials."""
    counts = np.array([len(one) for one in values])
    means = np.array([one.mean() for one in values])
    variances = np.array([one.var(ddof=1) if len(one) > 1 else 0.0 for one in values])
    before, worth = _beforehand(means, variances, counts - 1)
    freedom = worth + counts - 1
    with np.errstate(invalid="ignore"):
        shrunk = (worth * before + (counts - 1) * variances) / freedom
    known = freedom > 0.0
    return [
        _Estimate(mean, math.sqrt(variance), free, count)
        for mean, variance, free, count in zip(
            means.tolist(),
            np.where(known, shrunk, 0.0).tolist(),
            np.where(known, freedom, np.inf).tolist(),
            counts.tolist(),
            strict=True,
        )
    ]


def _beforehand(
    means: Floats, variances: Floats, freedom: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Give what other trials with near means say of each trial's variance.

    Returns:
        The variance, and the degrees of freedom that it is worth; both are 0 where nothing is known.
    """
    nothing = np.zeros(len(means))
    again = np.flatnonzero(freedom > 0)
    above = variances[again][variances[again] > 0.0]
    if not len(above):
        others = freedom[again].sum() - np.maximum(freedom, 0)
        return nothing, others.astype(np.float64)
    again = again[np.argsort(means[again], kind="stable")]
    half = freedom[again] / 2.0
    floored = np.maximum(variances[again], _FLOOR * float(np.median(above)))
    logs = np.log(floored) - digamma(half) + np.log(half)
    parts = np.array([np.ones(len(again)), logs, logs**2, polygamma(1, half), 2.0 * half])
    count, total, squares, by_chance, most = _of_others(parts, again, means)
    there = count > 0
    number = np.maximum(count, 1.0)
    centre = total / number
    scatter = np.maximum(squares - number * centre**2, 0.0) - by_chance * (number - 1) / number
    expected, weight = _UNALIKE
    unalike = (expected * weight + scatter) / (weight + number - 1)
    worth = 2.0 * inverse_trigamma(np.maximum(unalike, _LEAST_UNALIKE))
    worth = np.where(there, np.minimum(worth, most), 1.0)
    before = np.exp(centre + digamma(worth / 2.0) - np.log(worth / 2.0))
    return np.where(there, before, 0.0), np.where(there, worth, 0.0)


def _of_others(columns: Floats, again: NDArray[np.int64], means: Floats) -> Floats:
    """Sum *columns* over the trials whose means are nearest to each trial's mean, without itself.

    Args:
        columns: What is summed, of m trials in the order of their means, shape ``(c, m)``.
        again: The numbers of these trials among all.
        means: Of all n trials.

    Returns:
        Shape ``(c, n)``.
    """
    length = min(_SIMILAR, len(again))
    totals = np.concatenate((np.zeros((len(columns), 1)), np.cumsum(columns, axis=1)), axis=1)
    start = _nearest(means[again], means, length)
    place = np.full(len(means), -1)
    place[again] = np.arange(len(again))
    itself = (place >= start) & (place < start + length)
    sums = totals[:, start + length] - totals[:, start]
    return np.asarray(sums - np.where(itself, columns[:, np.maximum(place, 0)], 0.0))


def _nearest(ordered: Floats, wanted: Floats, length: int) -> NDArray[np.int64]:
    """Give where the *length* values begin that are nearest to each wanted value."""
    behind = np.searchsorted(ordered, wanted)[:, None] - np.arange(length + 1)
    starts = np.clip(behind, 0, len(ordered) - length)
    below = wanted[:, None] - ordered[starts]
    above = ordered[starts + length - 1] - wanted[:, None]
    best = np.argmin(np.maximum(below, above), axis=1)
    return np.asarray(np.take_along_axis(starts, best[:, None], axis=1)[:, 0])


def _within(runs: Sequence[Sequence[Figures]], objectives: Objectives) -> Floats:
    """Give for each trial the probability that its next run keeps all limits."""
    if not objectives.constraints:
        return np.ones(len(runs))
    by_figure: dict[str, list[Constraint]] = {}
    for constraint in objectives.constraints:
        by_figure.setdefault(constraint.name, []).append(constraint)
    foretold, away = [], []
    for name, bounds in by_figure.items():
        unit = max(abs(bound.bound) for bound in bounds)
        seen = [np.array([_stretched(one[name], unit) for one in several]) for several in runs]
        found = _estimated(seen)
        foretold.append([_kept(one, bounds, unit) for one in found])
        away.append(np.concatenate([values - values.mean() for values in seen]))
    joint = _joint(np.array(foretold), np.array(away))
    counts = np.array([len(several) for several in runs])
    kept = np.array([np.mean([not broken(one, objectives) for one in s]) for s in runs])
    worth = np.where(counts > 1, counts**2 / (counts + _MANY), 0.0)
    return np.asarray((_FORETOLD * joint + worth * kept) / (_FORETOLD + worth))


def _stretched(value: float, unit: float) -> float:
    return math.asinh(value / unit) if unit > 0.0 else value


def _kept(found: _Estimate, bounds: Sequence[Constraint], unit: float) -> float:
    """Give the probability that the next run keeps the bounds of one figure."""
    most, least = 1.0, 0.0
    for bound in bounds:
        below = found.below(_stretched(bound.bound, unit))
        if bound.upper:
            most = below
        elif found.spread == 0.0:
            least = float(found.mean < _stretched(bound.bound, unit))
        else:
            least = below
    return max(most - least, 0.0)


def _joint(each: Floats, away: Floats) -> Floats:
    """Give the probability that all happens, where runs that are off in one figure are so in another.

    Args:
        each: The probability of each of k figures, shape ``(k, n)`` for n trials.
        away: How far each of m runs is from its trial's mean, shape ``(k, m)``.

    Source: a normal copula with the correlation of what *away* shows.
    """
    if len(each) == 1:
        return np.asarray(each[0])
    spread = np.sqrt((away**2).mean(axis=1))
    scaled = away / np.where(spread > 0.0, spread, 1.0)[:, None]
    correlation = scaled @ scaled.T / max(away.shape[1], 1)
    np.fill_diagonal(correlation, 1.0)
    root = np.linalg.cholesky(0.999 * correlation + 0.001 * np.eye(len(each)))
    sobol = qmc.MultivariateNormalQMC(np.zeros(len(each)), seed=0)
    shares = ndtr(sobol.random(_DRAWS) @ root.T)
    return np.array([(shares <= chances).all(axis=1).mean() for chances in each.T])

"""What a real kernel will show, from what it has shown and from what a prior says.

Several models of each figure compete. In the first two, the kernel shows what the prior says, but for an
offset, a factor, and a Gaussian process over the parameters; all three are small in the first model and
may be large in the second. The last model knows nothing of the prior. Each has the weight with which it
foretold what the kernel has shown. So a prior that is right is trusted from the first runs on, a prior
that is off by a factor is put right, and a prior that is wrong fades away.

Source: Kennedy and O'Hagan, "Bayesian calibration of computer models", 2001; the weights are the models'
posterior probabilities, as in Hoeting et al., "Bayesian model averaging", 1999.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, stdtrit

from autotune.surrogate.covering import bounds, cut
from autotune.surrogate.gaussian_process import GaussianProcess, Layout, Normal
from autotune.surrogate.prior import Surface
from autotune.surrogate.repeats import Repeats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far a prior may be from what the kernel shows, in standard deviations of what it says.

    Attributes:
        weight: How probable this is before the kernel has shown anything.
        offset: The likely size of an offset.
        scale: The likely share by which the prior's differences are too large or too small; None if
            the prior says nothing at all.
        error: The likely size of other differences.
    """

    weight: float
    offset: float
    scale: float | None
    error: float


_TRUSTS = (
    Trust(weight=0.7, offset=0.3, scale=0.3, error=0.15),
    Trust(weight=0.2, offset=1.5, scale=1.5, error=0.5),
    Trust(weight=0.1, offset=1.0, scale=None, error=1.0),
)


_GUESSES = (
    Trust(weight=0.5, offset=1.0, scale=0.7, error=0.5),
    Trust(weight=0.5, offset=1.0, scale=None, error=1.0),
)
"""Of a prior that knows no more than what is usual."""
_MOST_SIZE = 1.0
"""The most that the usual difference counts of a figure whose scale is logarithmic: a factor of e."""
_SHAKEN = 0.5
_UNALIKE = 1.5
"""The variance of the logarithm of by how much variances are larger than what a prior says of them. It
is 3 on three workloads of `benchmarks/kernel_tables.py` with the simulator as prior, schemes with two
outcomes included, and the mean of that logarithm is about 0."""
_NO_SPREAD = 1e-9
_EXCLUDED = 1e-3
_UNRELATED = 2.0
"""How many runs in which figures are not related are thought of beside those that were made."""
_SURELY, _UNEVEN = 0.95, 0.06
"""Where a scheme covers another, a figure may still be less: by what noise keeps to with this
probability, and by so small a share of the usual differences."""


class Corrected:
    """Models of all figures, on their scales.

    Args:
        surface: What the prior says.
        rows: What the kernel ran: rows of *surface*, shape ``(n,)``; a row may come several times.
        seen: What the kernel showed, on the figures' scales, shape ``(n, f)``; NaN where a figure is not
            known. Without a prior, each figure is known of one run at least.
        before: The models of fewer runs, if there are any: to learn from there is faster.
        like: The surface whose figures say how large figures are, and how large their noise is at least;
            None takes *surface*, and its noise as it is. Models with the same surface here can be
            compared by their evidence.
    """

    def __init__(
        self,
        surface: Surface,
        rows: Ints,
        seen: Floats,
        *,
        before: Corrected | None = None,
        like: Surface | None = None,
    ) -> None:
        self._surface = surface
        self._ran, self._seen = rows, seen
        self._grows = surface.grows
        # With a prior, these count as they were at first: else they would change with every set that
        # the prior is asked about.
        if surface.has_prior and before is not None:
            self._level: Floats = before._level
            self._size: Floats = before._size
        else:
            usual = (like or surface).mean if surface.has_prior else self._with_off(seen)
            self._level, self._size = np.nanmean(usual, axis=0), np.nanstd(usual, axis=0)
            # A figure that differs by rounding alone is constant.
            self._size[self._size < 1e-9 * np.abs(self._level)] = 0.0
            if surface.tells_noise:
                # Most of a space may be far beyond a limit: how far says nothing of a prior's errors.
                bent = surface.bent
                self._size[bent] = np.minimum(self._size[bent], _MOST_SIZE)
        self._least_noise = np.zeros(seen.shape[1])
        if like is not None:
            self._least_noise = np.sqrt(np.mean(like.spread**2, axis=0))
        trusts = _GUESSES if surface.guessed else _TRUSTS
        self._trusts = trusts if surface.has_prior else _TRUSTS[-1:]
        self._repeats = self._repeated()
        self._processes: list[list[GaussianProcess]] = []
        tells = self._tells()
        for figure in range(seen.shape[1]):
            known = tells[:, figure]
            old = [None] * len(self._trusts) if before is None else before._processes[figure]
            self._processes.append(
                [
                    self._process(figure, trust, rows[known], seen[known, figure], begin)
                    for trust, begin in zip(self._trusts, old, strict=True)
                ]
            )
        self._weights, self._evidence = _judged(self._trusts, self._processes)
        # What is as good as excluded costs time, and changes nothing.
        self._weights[self._weights < _EXCLUDED] = 0.0
        self._weights /= self._weights.sum(axis=1, keepdims=True)

    def _tells(self) -> NDArray[np.bool_]:
        """Say which figures are learned from, shape ``(n, f)``.

        Beyond a limit a workload thrashes: how good an objective is there tells nothing of schemes that
        keep the limits, unless it grows with what they reach. Where the prior tells more, that is left
        to the models.
        """
        tells = np.isfinite(self._seen)
        if self._surface.tells_noise:
            return tells
        free = self._surface.free & ~np.array(self._grows)
        within = self._surface.excess(self._seen) <= 0.0
        for figure in np.flatnonzero(free):
            if np.count_nonzero(tells[:, figure] & within) > 1:
                tells[:, figure] &= within
        return tells

    def _with_off(self, seen: Floats) -> Floats:
        """Add what DAMON off shows, so far as that is known: no saving, no slowdown."""
        return np.vstack((seen, np.where(self._grows, 0.0, np.nan)))

    def _process(
        self,
        figure: int,
        trust: Trust,
        rows: Ints,
        seen: Floats,
        before: GaussianProcess | None,
    ) -> GaussianProcess:
        surface = self._surface
        likely = (self._spread(rows) * self._repeats.likely(rows))[:, figure]
        variances = np.maximum(likely, self._least_noise[figure]) ** 2
        variances = variances + self._blur(figure, trust, rows) ** 2
        return GaussianProcess(
            self._layout(figure, trust, rows),
            seen - self._said(figure, trust, rows),
            variances,
            expected=trust.error * float(self._size[figure]),
            told=True,
            likely=None if surface.tells_noise else surface.length_scales,
            before=before if surface.tells_noise else None,
        )

    def _blur(self, figure: int, trust: Trust, rows: Ints) -> Floats:
        """Give how far what the prior says is off by its own noise; of a guess, errors count alone."""
        if trust.scale is None or self._surface.guessed:
            return np.zeros(len(rows))
        return np.asarray(self._surface.blur[rows, figure])

    def _said(self, figure: int, trust: Trust, rows: Ints) -> Floats:
        """Give what the kernel shows if nothing of the prior needs to be corrected."""
        if trust.scale is None:
            return np.full(len(rows), self._level[figure])
        return np.asarray(self._surface.mean[rows, figure])

    def _layout(self, figure: int, trust: Trust, rows: Ints) -> Layout:
        size = float(self._size[figure])
        trend = np.full((len(rows), 1), trust.offset * size)
        if trust.scale is not None:
            away = self._surface.mean[rows, figure] - self._level[figure]
            trend = np.column_stack((trend, trust.scale * away))
        return self._surface.layout(rows, trend)

    @property
    def evidence(self) -> float:
        """The logarithm of the density of all that was seen; more is better."""
        return float(self._evidence.sum())

    @property
    def shaken(self) -> bool:
        """Whether the first model, in which the prior is nearly right, is unlikely for some figure."""
        return bool(self._weights[:, 0].min() < _SHAKEN)

    @property
    def trust(self) -> Floats:
        """The weight of the models that go by the prior, for each figure, shape ``(f,)``."""
        knows = [trust.scale is not None for trust in self._trusts]
        return np.asarray(self._weights[:, knows].sum(axis=1))

    def _repeated(self) -> Repeats:
        """Give what repeats tell of noise: with a prior, as multiples of what it says of each scheme."""
        if not self._surface.tells_noise:
            usual = self._surface.usual_noise(self._size)
            return Repeats(self._ran, self._seen, usual)
        seen = self._seen / self._spread(self._ran)
        return Repeats(self._ran, seen, np.ones(seen.shape[1]), unalike=_UNALIKE)

    def _spread(self, rows: Ints) -> Floats:
        """Give the deviation of a run by which that of the kernel is counted, shape ``(m, f)``."""
        if not self._surface.tells_noise:
            return np.ones((len(rows), self._seen.shape[1]))
        return np.maximum(self._surface.spread[rows], _NO_SPREAD)

    def noise(self, rows: Ints) -> Floats:
        """Give the standard deviation of one run of the kernel, on the figures' scales: ``(m, f)``.

        Repeats of schemes tell it (`autotune.surrogate.repeats`). With a prior they tell by how much it
        is larger than what the prior shows, of all schemes and of each.
        """
        return self._spread(rows) * self._repeats.deviations(rows)

    def freedom(self, rows: Ints) -> Floats:
        """Give the degrees of freedom of that noise, shape ``(m, f)``."""
        return self._repeats.freedom(rows)

    @property
    def correlation(self) -> Floats:
        """How what is not known of the figures goes together, shape ``(f, f)``.

        What nobody knows of a scheme is related as the figures of schemes that were run: what saves more
        slows down more. What is known by a prior may be wrong in one figure alone.
        """
        seen = self._seen[np.isfinite(self._seen).all(axis=1)]
        count, figures = seen.shape
        away = seen - seen.mean(axis=0) if count else seen
        size = np.sqrt((away**2).sum(axis=0))
        size = np.where(size > 0.0, size, np.inf)
        related = (away / size).T @ (away / size) * count / (count + _UNRELATED)
        free = 1.0 - self.trust
        related *= np.minimum(free[:, None], free[None, :])
        return np.asarray(np.where(np.eye(figures, dtype=np.bool_), 1.0, related))

    def each(self, rows: Ints) -> tuple[Floats, Floats]:
        """Give mean and standard deviation of each figure's mean, on its scale: both ``(m, f)``."""
        found = [self._each(figure, rows) for figure in range(len(self._processes))]
        means, deviations = zip(*found, strict=True)
        return np.column_stack(means), np.column_stack(deviations)

    def _each(self, figure: int, rows: Ints) -> tuple[Floats, Floats]:
        means, variances = [], []
        for trust, process in self._left(figure):
            mean, deviation = process.each(self._layout(figure, trust, rows))
            blur = self._blur(figure, trust, rows)
            mean = mean + self._said(figure, trust, rows)
            if self._may_cut(trust):
                mean, deviation = self._cut(figure, rows, mean, deviation)
            means.append(mean)
            variances.append(deviation**2 + blur**2)
        weights = self._weights[figure]
        weights = weights[weights > 0.0][:, None]
        middle = (weights * means).sum(axis=0)
        variance = (weights * (variances + (np.array(means) - middle) ** 2)).sum(axis=0)
        return np.asarray(middle), np.sqrt(variance)

    def _left(self, figure: int) -> list[tuple[Trust, GaussianProcess]]:
        """Give the models of a figure that are not excluded."""
        weights = self._weights[figure].tolist()
        models = zip(self._trusts, self._processes[figure], weights, strict=True)
        return [(trust, process) for trust, process, weight in models if weight > 0.0]

    def _may_cut(self, trust: Trust) -> bool:
        """Whether a model knows too little of a prior to know better than schemes that were run."""
        return trust.scale is None or self._surface.guessed

    def _cut(
        self, figure: int, rows: Ints, means: Floats, deviations: Floats
    ) -> tuple[Floats, Floats]:
        """Cut beliefs to what schemes allow that were run, and cover these or are covered by them."""
        seen = np.isfinite(self._seen[:, figure])
        ran, back = np.unique(self._ran[seen], return_inverse=True)
        runs = np.bincount(back, minlength=len(ran))
        values = np.bincount(back, self._seen[seen, figure], minlength=len(ran)) / runs
        reaches, known = self._surface.reaches(rows), self._surface.reaches(ran)
        if reaches is None or known is None or not self._grows[figure]:
            return means, deviations
        freedom = self._repeats.freedom(ran)[:, figure]
        error = self._repeats.deviations(ran)[:, figure] / np.sqrt(runs)
        tolerance = np.hypot(stdtrit(freedom, _SURELY) * error, _UNEVEN * self._size[figure])
        low, high = bounds(reaches, known, values, tolerance)
        middle, width = cut(means, deviations, low, high)
        # What a scheme has shown itself counts more than what others allow.
        new = ~np.isin(rows, ran)
        return np.where(new, middle, means), np.where(new, width, deviations)

    def together(self, rows: Ints) -> list[Normal]:
        """Give what is believed of the means of each figure, on its scale, with covariances."""
        return [self._together(figure, rows) for figure in range(len(self._processes))]

    def _together(self, figure: int, rows: Ints) -> Normal:
        means, covariances = [], []
        for trust, process in self._left(figure):
            normal = process.at(self._layout(figure, trust, rows))
            blur = self._blur(figure, trust, rows)
            mean, covariance = normal.mean + self._said(figure, trust, rows), normal.covariance
            if self._may_cut(trust):
                mean, deviation = self._cut(figure, rows, mean, normal.deviation)
                less = deviation / np.maximum(normal.deviation, 1e-300)
                covariance = covariance * np.outer(less, less)
            means.append(mean)
            covariances.append(covariance + np.diag(blur**2))
        weights = self._weights[figure]
        weights = weights[weights > 0.0]
        middle = np.asarray(weights @ np.array(means))
        covariance = np.zeros((len(rows), len(rows)))
        for weight, mean, own in zip(weights, means, covariances, strict=True):
            covariance += weight * (own + np.outer(mean - middle, mean - middle))
        return Normal(mean=middle, covariance=covariance)


def _judged(
    trusts: Sequence[Trust], processes: Sequence[Sequence[GaussianProcess]]
) -> tuple[Floats, Floats]:
    """Give the models' probabilities, ``(f, t)``, and the logarithms of their evidence, ``(f,)``."""
    before = np.log([trust.weight for trust in trusts])
    joint = before + np.array([[one.evidence for one in several] for several in processes])
    evidence = logsumexp(joint, axis=1)
    return np.exp(joint - evidence[:, None]), np.asarray(evidence)

"""A backend that answers from stored runs of the real kernel, and between them from a model.

Schemes that are stored get what was measured with that seed; with other seeds, the mean of what was
measured and noise. Schemes that are not stored get what the simulator says, corrected by a Gaussian
process over the parameters, and noise. A process without the simulator is off by twice as much on
schemes that it was not told of, and the best of thousands of schemes lies where it is off.

Far from what is stored the correction fades to an offset and a factor, so the simulator looks better
there than it is. A correction that is drawn from what the process holds possible does not fade, but the
best of thousands of schemes then lies where the draw is luckiest: programs ran faster with DAMON than
without. So `live` problems of `autotune.evaluation.tuner_problems` check what is found here.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autotune.damon.damos import Scheme
from autotune.evaluation.kernel_table import Measured, Schemes
from autotune.objective.figures import Figures
from autotune.surrogate.covering import bounds, reach
from autotune.surrogate.gaussian_process import GaussianProcess, Layout

Floats = NDArray[np.float64]

_NEIGHBOURS = 6
"""How many stored schemes decide the noise of a scheme that is not stored."""
_OF_PARAMETERS = 0.25
_OF_FIGURES = np.array([100.0, 1.0])
"""What a squared distance counts by which noise is taken over: of parameters, of saving and slowdown."""
_LEAST_SPREAD = 0.01
"""A simulated spread of the slowdown, bent, that is as good as none."""
_ENOUGH = 4
"""With so many seeds a scheme's own differences are all of its noise."""
_BYTES = 2.0**20
_ABSENT = 0.5
_OFFSET, _SCALE, _ERROR = 0.3, 0.3, 0.15
"""How far the simulator is likely off, in standard deviations of what it says: as
`autotune.surrogate.corrected` trusts it at first."""


class _Quantity(NamedTuple):
    """A figure that is modelled: its name, and the unit in which it turns from linear to logarithmic."""

    name: str
    unit: float

    def bent(self, value: float) -> float:
        return float(np.arcsinh(value / self.unit))

    def straight(self, value: float) -> float:
        return float(np.sinh(value) * self.unit)


QUANTITIES = (
    _Quantity("memory_saving", 1.0),
    _Quantity("slowdown", 0.02),
    _Quantity("kdamond_cpu", 0.1),
    _Quantity("swap_out_bytes", _BYTES),
    _Quantity("swap_in_bytes", _BYTES),
)
"""What is modelled of a run. A slowdown counts linearly up to about 2 %, and its logarithm beyond."""

_SAVING, _SLOWDOWN = 0, 1
_TOLERANCE, _UNEVEN = 2.0, 0.01
"""What covers another scheme may still save less than it, and slow down less: by so many deviations of a
mean, and so small a share of all differences."""

Simulated: TypeAlias = Callable[[Schemes], Sequence[Figures]]
"""Gives the simulator's figures of schemes with several seeds, at least two."""


def features(schemes: Schemes) -> list[float]:
    """Give the coordinates of a scheme: logarithms of age and size, and the parts of a quota.

    Raises:
        ValueError: If there is more than one scheme, or none.
    """
    if len(schemes) != 1:
        raise ValueError(f"{len(schemes)} schemes: the model knows one scheme at a time")
    [scheme] = schemes
    return [
        _log_share(scheme.pattern.age_us.min, 1e5, 3e6),
        _log_share(scheme.pattern.size_bytes.min, 4096, 4 << 20),
        *_quota_features(scheme),
    ]


def _quota_features(scheme: Scheme) -> list[float]:
    quota = scheme.quota
    if quota is None:
        return [0.0] * 7
    weights = quota.weights
    total = max(weights.size + weights.access_rate + weights.age, 1)
    return [
        _ABSENT * (quota.time_us is not None),
        0.0 if quota.time_us is None else _log_share(quota.time_us, 1e3, 1e5) - 0.5,
        _ABSENT * (quota.size_bytes is not None),
        0.0
        if quota.size_bytes is None
        else _log_share(quota.size_bytes, 256 << 10, 64 << 20) - 0.5,
        _log_share(quota.reset_interval_us, 2e5, 1e6) - 0.5,
        weights.access_rate / total,
        weights.age / total,
    ]


_OWNERS = np.array([0, 1, 2, 2, 3, 3, 4, 5, 6])
"""The parameter of each coordinate."""


def _log_share(value: float, low: float, high: float) -> float:
    return float(np.log(max(value, low / 4.0) / low) / np.log(high / low))


def _bent(several: Sequence[Figures]) -> Floats:
    """Give the quantities of several runs, shape ``(runs, quantities)``."""
    return np.array([[q.bent(one[q.name]) for q in QUANTITIES] for one in several])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of n schemes before the kernel runs them.

    Attributes:
        coordinates: Shape ``(n, e)``.
        means: Of the simulator's runs, bent, shape ``(n, quantities)``.
        spread: The logarithm of how far the simulator's slowdown spreads, shape ``(n,)``.
    """

    coordinates: Floats
    means: Floats
    spread: Floats

    def rows(self, which: NDArray[np.int64]) -> _Known:
        return _Known(
            coordinates=self.coordinates[which], means=self.means[which], spread=self.spread[which]
        )


def _known(several: Sequence[Schemes], simulated: Simulated) -> _Known:
    runs = [_bent(simulated(schemes)) for schemes in several]
    spreads = np.array([one[:, _SLOWDOWN].std(ddof=1) for one in runs])
    return _Known(
        coordinates=np.array([features(schemes) for schemes in several]),
        means=np.array([one.mean(axis=0) for one in runs]),
        spread=np.log10(np.maximum(spreads, _LEAST_SPREAD)),
    )


class _Difference:
    """What the kernel shows of one quantity, less what the simulator says of it.

    Args:
        known: The stored schemes, n of them.
        quantity: A position in `QUANTITIES`.
        means: Of each scheme's seeds, shape ``(n,)``.
        variances: Of each mean, shape ``(n,)``.
    """

    def __init__(self, known: _Known, quantity: int, means: Floats, variances: Floats) -> None:
        self._quantity = quantity
        said = known.means[:, quantity]
        self._middle, self._size = float(said.mean()), float(said.std())
        self._process = GaussianProcess(
            self._place(known), means - said, variances, expected=_ERROR * self._size
        )

    def _place(self, known: _Known) -> Layout:
        away = known.means[:, self._quantity] - self._middle
        trend = np.column_stack((np.full(len(away), _OFFSET * self._size), _SCALE * away))
        return Layout(coordinates=known.coordinates, parameter=_OWNERS, trend=trend)

    def expected(self, known: _Known) -> Floats:
        """Give what the kernel is expected to show of m schemes, shape ``(m,)``."""
        return known.means[:, self._quantity] + self._process.each(self._place(known))[0]


class KernelModel:
    """What a real kernel would show, by stored runs and a model of them.

    The noise of a run is what a seed of a similar scheme differed from that scheme's mean, in all
    quantities together. So a scheme that is sometimes lucky, as many are here, stays so. Schemes are
    similar whose parameters are, whose saving and slowdown are, and whose slowdown spreads as much in
    the simulator.

    Args:
        stored: What was measured, by schemes; at least a dozen, and some with more than one seed.
        simulated: What the simulator says.
    """

    def __init__(self, stored: Mapping[Schemes, Measured], simulated: Simulated) -> None:
        self._stored = stored
        self._simulated = simulated
        self._place = {schemes: number for number, schemes in enumerate(stored)}
        bent = [_bent(list(of.figures.values())) for of in stored.values()]
        self._means = np.array([values.mean(axis=0) for values in bent])
        # A mean of few takes a part of their differences with it.
        self._differences = [
            (values - values.mean(axis=0)) * np.sqrt(len(values) / max(len(values) - 1, 1))
            for values in bent
        ]
        self._known = _known(list(stored), simulated)
        counts = np.array([len(values) for values in bent])
        self._variances = self._spread() / counts[:, None]
        self._models = [
            _Difference(self._known, k, self._means[:, k], self._variances[:, k])
            for k in range(len(QUANTITIES))
        ]
        self._seen: dict[Schemes, tuple[Floats, Floats]] = {}

    def expected(self, schemes: Schemes) -> Floats:
        """Give the quantities, bent, that the model expects, whether the schemes are stored or not."""
        known = _known([schemes], self._simulated)
        return np.array([model.expected(known)[0] for model in self._models])

    def values(self, schemes: Schemes, seed: int) -> dict[str, float]:
        """Give the quantities of a run by name. Equal arguments give equal values.

        Raises:
            ValueError: If the model can't place the schemes.
        """
        measured = self._stored.get(schemes)
        if measured is not None and seed in measured.figures:
            return {q.name: measured.figures[seed][q.name] for q in QUANTITIES}
        if schemes not in self._seen:
            self._seen[schemes] = self._mean_and_differences(schemes)
        mean, differences = self._seen[schemes]
        digest = hashlib.sha256(f"{schemes!r} {seed}".encode()).digest()
        drawn = int(np.random.default_rng(list(digest)).integers(len(differences)))
        bent = mean + differences[drawn]
        return {q.name: q.straight(value) for q, value in zip(QUANTITIES, bent, strict=True)}

    def _mean_and_differences(self, schemes: Schemes) -> tuple[Floats, Floats]:
        """Give the mean, and what a run may differ from it.

        A stored scheme's own differences count for a half; for all, if there are enough.
        """
        place = self._place.get(schemes)
        if place is None:
            known = _known([schemes], self._simulated)
            mean = np.array([model.expected(known)[0] for model in self._models])
            mean = self._within_bounds(schemes, mean)
            near = self._near(known, mean)
            return mean, np.concatenate([self._differences[n] for n in near])
        own = self._differences[place]
        if len(own) >= _ENOUGH:
            return self._means[place], own
        near = self._near(self._known.rows(np.array([place])), self._means[place])
        others = np.concatenate([self._differences[n] for n in near if n != place])
        if len(own) == 1:
            return self._means[place], others
        repeated = np.tile(own, (-(-len(others) // len(own)), 1))
        return self._means[place], np.concatenate([repeated, others])

    def _within_bounds(self, schemes: Schemes, mean: Floats) -> Floats:
        """Cut saving and slowdown to what stored schemes allow that cover this one, or are covered."""
        reaches = [reach(schemes), *(reach(stored) for stored in self._stored)]
        known = [one for one in reaches if one is not None]
        if len(known) < len(reaches):
            return mean
        mean = mean.copy()
        for figure in (_SAVING, _SLOWDOWN):
            values = self._means[:, figure]
            tolerance = _TOLERANCE * np.sqrt(self._variances[:, figure]) + _UNEVEN * np.ptp(values)
            low, high = bounds(np.array(known[:1]), np.array(known[1:]), values, tolerance)
            mean[figure] = np.clip(mean[figure], low[0], high[0])
        return mean

    def _near(self, known: _Known, mean: Floats) -> list[int]:
        """Give the stored schemes that are most similar and have more than one seed."""
        apart = _OF_PARAMETERS * ((self._known.coordinates - known.coordinates) ** 2).sum(axis=1)
        apart += (_OF_FIGURES * (self._means[:, :2] - mean[:2]) ** 2).sum(axis=1)
        apart += (self._known.spread - known.spread) ** 2
        order: list[int] = np.argsort(apart, kind="stable").tolist()
        return [n for n in order if len(self._differences[n]) > 1][:_NEIGHBOURS]

    def _spread(self) -> Floats:
        """Give the variance of a run of each stored scheme, shape ``(n, quantities)``."""
        rows = []
        for place, mean in enumerate(self._means):
            near = self._near(self._known.rows(np.array([place])), mean)
            rows.append(np.concatenate([self._differences[n] for n in near]).var(axis=0))
        return np.array(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidated:
    """How well a model foretells schemes that it was not told of.

    Attributes:
        name: The figure.
        error: Median of the absolute error, in the figure's unit.
        mean_error: Mean of the same.
        simulated: The mean error of the simulator alone.
        noise: Median of the difference between two runs of one scheme that would be expected of noise
            alone, in the same unit: no model can have a smaller error than about half of this.
        rank: Spearman's correlation between what is foretold and what was measured.
        schemes: The number of schemes.
    """

    name: str
    error: float
    mean_error: float
    simulated: float
    noise: float
    rank: float
    schemes: int


def cross_validated(
    stored: Mapping[Schemes, Measured], simulated: Simulated, *, folds: int = 5
) -> tuple[CrossValidated, ...]:
    """Leave out each of *folds* parts of the stored schemes in turn, and foretell it from the others."""
    from scipy.stats import spearmanr

    names = list(stored)
    foretold: dict[Schemes, Floats] = {}
    for fold in range(folds):
        left_out = set(names[fold::folds])
        model = KernelModel(
            {name: stored[name] for name in names if name not in left_out}, simulated
        )
        foretold |= {schemes: model.expected(schemes) for schemes in left_out}
    known = _known(names, simulated)
    found = []
    for number, quantity in enumerate(QUANTITIES[:2]):
        measured = np.array(
            [
                statistics.fmean(one[quantity.name] for one in stored[schemes].figures.values())
                for schemes in names
            ]
        )
        expected = np.array([quantity.straight(foretold[schemes][number]) for schemes in names])
        said = np.array([quantity.straight(value) for value in known.means[:, number]])
        differences = [
            abs(first[quantity.name] - second[quantity.name])
            for first, second, *_ in (
                list(of.figures.values()) for of in stored.values() if len(of.figures) > 1
            )
        ]
        errors = np.abs(expected - measured)
        found.append(
            CrossValidated(
                name=quantity.name,
                error=float(np.median(errors)),
                mean_error=float(errors.mean()),
                simulated=float(np.abs(said - measured).mean()),
                noise=statistics.median(differences) if differences else float("nan"),
                rank=float(spearmanr(expected, measured).statistic),
                schemes=len(names),
            )
        )
    return tuple(found)

"""A backend that answers from stored runs of the real kernel, and between them from a model.

Schemes that are stored get what was measured with that seed; with other seeds, the mean of what was
measured and noise. Schemes that are not stored get what a Gaussian process expects, and noise. The
simulator has no part in it, so that no method that uses the simulator can be flattered.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotune.backends.starts import Starts
from autotune.damon.damos import Scheme
from autotune.errors import TrialError
from autotune.evaluation.kernel_table import Measured, Schemes
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.surrogate.gaussian_process import GaussianProcess, Layout
from autotune.testing import measurement

Floats = NDArray[np.float64]

_NEIGHBOURS = 6
"""How many stored schemes decide the noise of a scheme that is not stored."""
_OF_PARAMETERS = 0.25
_OF_FIGURES = np.array([100.0, 1.0])
"""What a squared distance counts by which noise is taken over: of parameters, of saving and slowdown."""
_BYTES = 2.0**20
_SAME = 1e-9
"""Figures that differ by less over all schemes are one figure."""
_ABSENT = 0.5


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


def layout(several: Sequence[Schemes]) -> Layout:
    """Lay schemes out for a Gaussian process."""
    return Layout(
        coordinates=np.array([features(schemes) for schemes in several]),
        parameter=_OWNERS,
        trend=np.ones((len(several), 1)),
    )


class _Modelled:
    """One quantity, bent, as a Gaussian process over the stored schemes.

    Args:
        where: Where the schemes lie, n of them.
        means: Of each scheme's seeds, shape ``(n,)``.
        variances: Of each mean, shape ``(n,)``.
    """

    def __init__(self, where: Layout, means: Floats, variances: Floats) -> None:
        self._centre = float(means.mean())
        self._process = (
            GaussianProcess(where, means - self._centre, variances)
            if np.ptp(means) > _SAME
            else None
        )

    def expected(self, where: Layout) -> Floats:
        """Give the means of m schemes that are expected, shape ``(m,)``."""
        foretold = 0.0 if self._process is None else self._process.at(where).mean
        return np.asarray(np.zeros(len(where.coordinates)) + foretold + self._centre)


class KernelModel:
    """What a real kernel would show, by stored runs and a model of them.

    The noise of a run is what a seed of a similar scheme differed from that scheme's mean, in all
    quantities together. So a scheme that is sometimes lucky, as many are here, stays so. Schemes are
    similar whose parameters are, and whose saving and slowdown are.

    Args:
        stored: What was measured, by schemes; at least a dozen, and some with more than one seed.
    """

    def __init__(self, stored: Mapping[Schemes, Measured]) -> None:
        self._stored = stored
        self._place = {schemes: number for number, schemes in enumerate(stored)}
        bent = [
            np.array([[q.bent(one[q.name]) for q in QUANTITIES] for one in of.figures.values()])
            for of in stored.values()
        ]
        self._means = np.array([values.mean(axis=0) for values in bent])
        # A mean of few takes a part of their differences with it.
        self._differences = [
            (values - values.mean(axis=0)) * np.sqrt(len(values) / max(len(values) - 1, 1))
            for values in bent
        ]
        self._layout = layout(list(stored))
        spread = self._spread()
        counts = np.array([len(values) for values in bent])
        self._models = [
            _Modelled(self._layout, self._means[:, k], spread[:, k] / counts)
            for k in range(len(QUANTITIES))
        ]
        self._known: dict[Schemes, tuple[Floats, Floats]] = {}

    def expected(self, schemes: Schemes) -> Floats:
        """Give the quantities, bent, that the process expects, whether the schemes are stored or not."""
        where = layout([schemes])
        return np.array([model.expected(where)[0] for model in self._models])

    def values(self, schemes: Schemes, seed: int) -> dict[str, float]:
        """Give the quantities of a run by name. Equal arguments give equal values.

        Raises:
            ValueError: If the model can't place the schemes.
        """
        measured = self._stored.get(schemes)
        if measured is not None and seed in measured.figures:
            return {q.name: measured.figures[seed][q.name] for q in QUANTITIES}
        if schemes not in self._known:
            self._known[schemes] = self._mean_and_differences(schemes)
        mean, differences = self._known[schemes]
        digest = hashlib.sha256(f"{schemes!r} {seed}".encode()).digest()
        drawn = int(np.random.default_rng(list(digest)).integers(len(differences)))
        bent = mean + differences[drawn]
        return {q.name: q.straight(value) for q, value in zip(QUANTITIES, bent, strict=True)}

    def _mean_and_differences(self, schemes: Schemes) -> tuple[Floats, Floats]:
        """Give the mean, and what a run may differ from it: its own differences count for a half."""
        place = self._place.get(schemes)
        if place is None:
            mean = self.expected(schemes)
            near = self._near(np.array(features(schemes)), mean)
            return mean, np.concatenate([self._differences[n] for n in near])
        near = self._near(self._layout.coordinates[place], self._means[place])
        others = np.concatenate([self._differences[n] for n in near if n != place])
        own = self._differences[place]
        if len(own) == 1:
            return self._means[place], others
        repeated = np.tile(own, (-(-len(others) // len(own)), 1))
        return self._means[place], np.concatenate([repeated, others])

    def _near(self, point: Floats, mean: Floats) -> list[int]:
        """Give the stored schemes that are most similar and have more than one seed."""
        apart = _OF_PARAMETERS * ((self._layout.coordinates - point) ** 2).sum(axis=1)
        apart += (_OF_FIGURES * (self._means[:, :2] - mean[:2]) ** 2).sum(axis=1)
        order: list[int] = np.argsort(apart, kind="stable").tolist()
        return [n for n in order if len(self._differences[n]) > 1][:_NEIGHBOURS]

    def _spread(self) -> Floats:
        """Give the variance of a run of each stored scheme, shape ``(n, quantities)``."""
        rows = []
        for point, mean in zip(self._layout.coordinates, self._means, strict=True):
            near = self._near(point, mean)
            rows.append(np.concatenate([self._differences[n] for n in near]).var(axis=0))
        return np.array(rows)


class StoredKernel:
    """A backend under the micro-VM's name that answers from a model of stored runs.

    Args:
        model: Answers for schemes.
        baseline: Answers for every baseline: the figures of schemes are relative to it.
        machine: The machine that was measured.
    """

    name = "vm"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, model: KernelModel, baseline: Measurement, machine: str) -> None:
        self._model = model
        self._baseline = baseline
        self.machine = machine
        self._starts = Starts()

    @property
    def starts(self) -> int:
        """How often a workload was started."""
        return self._starts.count

    def check(self, experiment: Experiment) -> None:
        """Accept everything."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Answer with a measurement whose figures are the model's.

        Raises:
            TrialError: If the model can't place the schemes.
        """
        self._starts.one_more()
        if experiment.monitoring is None:
            return self._baseline
        try:
            values = self._model.values(experiment.schemes, seed)
        except ValueError as error:
            raise TrialError(str(error)) from error
        base = self._baseline
        held = (1.0 - values["memory_saving"]) * (base.pss_mean_bytes + base.swap_pool_mean_bytes)
        swapped_in = max(values["swap_in_bytes"], 0.0)
        return measurement(
            runtime_s=base.runtime_s,
            work_done=base.work_done,
            rss_mean_bytes=held,
            pss_mean_bytes=held,
            system_used_mean_bytes=base.system_used_mean_bytes,
            workload_cpu_s=(1.0 + values["slowdown"]) * base.workload_cpu_s,
            kdamond_cpu=min(max(values["kdamond_cpu"], 0.0), 1.0),
            major_faults=int(swapped_in) // 4096,
            swap_in_bytes=int(swapped_in),
            swap_out_bytes=int(max(values["swap_out_bytes"], 0.0)),
        )

    def stop(self) -> None:
        """Nothing runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidated:
    """How well a model foretells schemes that it was not told of.

    Attributes:
        name: The figure.
        error: Median of the absolute error, in the figure's unit.
        noise: Median of the difference between two runs of one scheme that would be expected of noise
            alone, in the same unit: no model can have a smaller error than about half of this.
        rank: Spearman's correlation between what is foretold and what was measured.
        schemes: The number of schemes.
    """

    name: str
    error: float
    noise: float
    rank: float
    schemes: int


def cross_validated(
    stored: Mapping[Schemes, Measured], *, folds: int = 5
) -> tuple[CrossValidated, ...]:
    """Leave out each of *folds* parts of the stored schemes in turn, and foretell it from the others."""
    from scipy.stats import spearmanr

    names = list(stored)
    foretold: dict[Schemes, Floats] = {}
    for fold in range(folds):
        left_out = set(names[fold::folds])
        model = KernelModel({name: stored[name] for name in names if name not in left_out})
        foretold |= {schemes: model.expected(schemes) for schemes in left_out}
    found = []
    for number, quantity in enumerate(QUANTITIES[:2]):
        measured = [
            statistics.fmean(one[quantity.name] for one in stored[schemes].figures.values())
            for schemes in names
        ]
        expected = [quantity.straight(foretold[schemes][number]) for schemes in names]
        differences = [
            abs(first[quantity.name] - second[quantity.name])
            for first, second, *_ in (
                list(of.figures.values()) for of in stored.values() if len(of.figures) > 1
            )
        ]
        found.append(
            CrossValidated(
                name=quantity.name,
                error=statistics.median(
                    abs(one - other) for one, other in zip(expected, measured, strict=True)
                ),
                noise=statistics.median(differences) if differences else float("nan"),
                rank=float(spearmanr(expected, measured).statistic),
                schemes=len(names),
            )
        )
    return tuple(found)

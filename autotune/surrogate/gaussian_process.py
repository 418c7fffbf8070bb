"""A Gaussian process over the parameter sets of a search space, with noise that differs by point.

The kernel is Matern 5/2 with a length scale for each parameter. Parameter sets are laid out in a
Euclidean space first, so that the kernel is positive definite whatever exists in them: a choice without
an order has a coordinate for each of its values, and a parameter that may be missing has a second
coordinate that says whether it is there.

Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2, 4 and 5.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, eigh, solve_triangular
from scipy.optimize import minimize

Floats = NDArray[np.float64]

_SCALES = (0.03, 10.0)
"""Bounds of length scales, in shares of a parameter's range."""
_LIKELY_SCALE = (0.5, 1.0)
"""Median of a length scale beforehand, and the standard deviation of its logarithm."""
_SIGNALS = (1e-3, 1e2)
"""Bounds of the standard deviation of the process, in standard deviations of what was seen."""
_NOISES = (1e-4, 1.0)
"""Bounds of the learned noise, in the same unit."""
_LIKELY_NOISE = (0.1, 1.5)
"""Median of the learned noise beforehand, and the standard deviation of its logarithm."""
_WORTH = 2.0
"""How many values an expectation of their size is worth."""
_STEPS, _STEPS_AFTER = 100, 6
"""Steps of the search for the likeliest parameters, without and with a process to begin from."""
_JITTER = 1e-9
_STEEPEST = 1e6
"""A trend of more variance than this, in variances of the values, says no more, and costs digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where n parameter sets lie.

    Attributes:
        coordinates: Euclidean coordinates, shape ``(n, e)``.
        parameter: The parameter that each coordinate belongs to, from 0, shape ``(e,)``.
        trend: Features that the values depend on linearly, shape ``(n, q)``. Each has a coefficient
            that is normal with mean 0 and variance 1 beforehand; so its size is in the features.
    """

    coordinates: Floats
    parameter: NDArray[np.int64]
    trend: Floats

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return int(self.parameter.max()) + 1

    def rows(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Layout:
        """Give some of the parameter sets."""
        return Layout(
            coordinates=self.coordinates[which], parameter=self.parameter, trend=self.trend[which]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """What is believed of the values at m points.

    Attributes:
        mean: Shape ``(m,)``.
        covariance: Of the process, without the noise of an observation, shape ``(m, m)``.
    """

    mean: Floats
    covariance: Floats

    @property
    def deviation(self) -> Floats:
        """The standard deviation at each point, shape ``(m,)``."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))

    def draw(self, count: int, random: np.random.Generator) -> Floats:
        """Give *count* joint draws, shape ``(count, m)``."""
        return self.from_standard(random.standard_normal((count, len(self.mean))))

    def from_standard(self, drawn: Floats) -> Floats:
        """Make draws of independent standard normal numbers, of the same shape ``(count, m)``."""
        return np.asarray(self.mean + drawn @ self._root().T)

    def _root(self) -> Floats:
        """Give a root of the covariance, which rounding may have made a little less than positive."""
        size = len(self.mean)
        scale = max(float(np.diag(self.covariance).mean()), 1e-300)
        for jitter in (1e-8, 1e-6, 1e-4):
            with contextlib.suppress(LinAlgError):
                root = cholesky(
                    self.covariance + jitter * scale * np.eye(size), lower=True, check_finite=False
                )
                return np.asarray(root)
        values, vectors = eigh(self.covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


class GaussianProcess:
    """A process of mean zero, conditioned on noisy values.

    Args:
        layout: Where the values were seen, n points.
        values: Shape ``(n,)``; without any, the process is what *expected* says.
        variances: The variance of each value's noise, shape ``(n,)``; what is learned comes on top.
        scales: Length scales to keep, shape ``(d,)``; None learns them.
        expected: How large the values are expected to be, a standard deviation; None expects nothing.
        told: Whether the noise is told by *variances*, so that none is learned.
        likely: The median of each length scale beforehand, shape ``(d,)``; None takes a usual one.
        before: A process that was conditioned on most of these values; its parameters are changed a
            little only, which is faster than to learn them.

    The length scales, the size of the process and the noise that *variances* lack maximise the
    posterior density.
    """

    def __init__(
        self,
        layout: Layout,
        values: Floats,
        variances: Floats,
        *,
        scales: Floats | None = None,
        expected: float | None = None,
        told: bool = False,
        likely: Floats | None = None,
        before: GaussianProcess | None = None,
    ) -> None:
        self._layout = layout
        self._unit = _unit(values, expected)
        self._values = values / self._unit
        self._variances = variances / self._unit**2
        self._told = told
        self._likely = np.log(_LIKELY_SCALE[0] if likely is None else likely)
        self._squares = _squared_distances(layout, layout)
        steepest = float(np.max(layout.trend**2, initial=0.0))
        self._trend_unit2 = max(self._unit**2, steepest / _STEEPEST)
        self._trend = layout.trend @ layout.trend.T / self._trend_unit2
        self._fixed = None if scales is None else np.log(scales)
        self._theta = self._learn(before)
        covariance, noise = self._covariance(self._theta, self._squares)
        self._root = cholesky(
            covariance + self._trend + np.diag(noise), lower=True, check_finite=False
        )
        self._weights = cho_solve((self._root, True), self._values)

    @property
    def scales(self) -> Floats:
        """The length scale of each parameter, in shares of its range, shape ``(d,)``."""
        return np.asarray(np.exp(self._theta[2:]))

    @property
    def size(self) -> float:
        """The standard deviation of the process, without its trend."""
        return float(np.exp(self._theta[0])) * self._unit

    @property
    def noise(self) -> float:
        """The standard deviation of the noise that was learned beside the known noise."""
        return 0.0 if self._told else float(np.exp(self._theta[1])) * self._unit

    @property
    def evidence(self) -> float:
        """The logarithm of the density of the values, given what was learned; more is better."""
        if not len(self._values):
            return 0.0
        return float(
            -0.5 * self._values @ self._weights
            - np.log(np.diag(self._root)).sum()
            - len(self._values) * (0.5 * np.log(2.0 * np.pi) + np.log(self._unit))
        )

    def each(self, layout: Layout) -> tuple[Floats, Floats]:
        """Give mean and standard deviation at each point of *layout*, both of shape ``(m,)``.

        It gives what `at` gives without the covariances, for as many points as one likes.
        """
        cross = self._between(layout, self._layout)
        solved = solve_triangular(self._root, cross.T, lower=True, check_finite=False)
        own = np.exp(2.0 * self._theta[0]) + (layout.trend**2).sum(axis=1) / self._trend_unit2
        variance = np.maximum(own - (solved**2).sum(axis=0), 0.0)
        return np.asarray(cross @ self._weights * self._unit), np.sqrt(variance) * self._unit

    def at(self, layout: Layout) -> Normal:
        """Give what is believed of the values at the points of *layout*."""
        cross = self._between(layout, self._layout)
        own = self._between(layout, layout)
        solved = solve_triangular(self._root, cross.T, lower=True, check_finite=False)
        return Normal(
            mean=cross @ self._weights * self._unit,
            covariance=(own - solved.T @ solved) * self._unit**2,
        )

    def _between(self, first: Layout, second: Layout) -> Floats:
        shares = np.exp(-self._theta[2:])
        one = first.coordinates * shares[first.parameter]
        other = second.coordinates * shares[second.parameter]
        squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
        trend = first.trend @ second.trend.T / self._trend_unit2
        return self._matern(self._theta, np.maximum(squares, 0.0)) + trend

    def _kernel(self, theta: Floats, squares: Floats) -> Floats:
        return self._matern(theta, np.tensordot(np.exp(-2.0 * theta[2:]), squares, axes=1))

    @staticmethod
    def _matern(theta: Floats, squares: Floats) -> Floats:
        distance = np.sqrt(5.0 * squares)
        shape = (1.0 + distance + distance**2 / 3.0) * np.exp(-distance)
        return np.asarray(np.exp(2.0 * theta[0]) * shape)

    def _covariance(self, theta: Floats, squares: Floats) -> tuple[Floats, Floats]:
        noise = self._variances + np.exp(2.0 * theta[1]) + _JITTER
        return self._kernel(theta, squares), noise

    def _learn(self, before: GaussianProcess | None) -> Floats:
        """Give logarithms: of the process' size, of the noise, of the length scales."""
        count = self._layout.parameters
        start = np.zeros(2 + count)
        start[1], start[2:] = np.log(_LIKELY_NOISE[0]), self._likely
        if before is not None:
            start = before._theta.copy()
            start[:2] += np.log(before._unit / self._unit)
        bounds = np.log([_SIGNALS, _NOISES, *[_SCALES] * count])
        if self._told:
            bounds[1, 1] = bounds[1, 0]
        if self._fixed is not None:
            start[2:] = self._fixed
            bounds[2:] = self._fixed[:, None]
        if not len(self._values):
            return start
        start = np.clip(start, bounds[:, 0], bounds[:, 1])
        steps = {"maxiter": _STEPS if before is None else _STEPS_AFTER}
        best = minimize(
            self._loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=steps
        )
        return np.asarray(best.x)

    def _loss(self, theta: Floats) -> tuple[float, Floats]:
        """Give the negative logarithm of the posterior density, and its gradient."""
        count = len(self._values)
        covariance, noise = self._covariance(theta, self._squares)
        root = cholesky(covariance + self._trend + np.diag(noise), lower=True, check_finite=False)
        weights = cho_solve((root, True), self._values, check_finite=False)
        beside, spreads = np.zeros(len(theta)), np.ones(len(theta))
        beside[1], spreads[1] = np.log(_LIKELY_NOISE[0]), _LIKELY_NOISE[1]
        beside[2:], spreads[2:] = self._likely, _LIKELY_SCALE[1]
        away = (theta - beside) / spreads
        loss = (
            0.5 * self._values @ weights
            + np.log(np.diag(root)).sum()
            + 0.5 * count * np.log(2.0 * np.pi)
            + 0.5 * (away**2).sum()
        )
        inverse = cho_solve((root, True), np.eye(count), check_finite=False)
        slope = 0.5 * (inverse - np.outer(weights, weights))
        inverted = np.exp(-2.0 * theta[2:])
        distance = np.sqrt(5.0 * np.tensordot(inverted, self._squares, axes=1))
        # The derivative of Matern 5/2 by the logarithm of a length scale.
        common = np.exp(2.0 * theta[0]) * 5.0 / 3.0 * (1.0 + distance) * np.exp(-distance)
        by_scale = np.tensordot(self._squares, slope * common, axes=2) * inverted
        gradient = np.concatenate(
            (
                [
                    2.0 * (slope * covariance).sum(),
                    2.0 * np.diag(slope).sum() * np.exp(2.0 * theta[1]),
                ],
                by_scale,
            )
        )
        return float(loss), gradient + away / spreads


def _unit(values: Floats, expected: float | None) -> float:
    """Give the size of the values, and of what was expected as if it were `_WORTH` of them."""
    squares, count = float((values**2).sum()), float(len(values))
    if expected is not None:
        squares, count = squares + _WORTH * expected**2, count + _WORTH
    return float(np.sqrt(squares / count)) if squares > 0.0 else 1.0


def _squared_distances(first: Layout, second: Layout) -> Floats:
    """Give squared distances by parameter, shape ``(d, n, m)``."""
    apart = (first.coordinates[:, None, :] - second.coordinates[None, :, :]) ** 2
    squares = np.zeros((first.parameters, *apart.shape[:2]))
    for coordinate, parameter in enumerate(first.parameter.tolist()):
        squares[parameter] += apart[:, :, coordinate]
    return squares

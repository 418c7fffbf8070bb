"""One of the functions that a Gaussian process holds possible, as a function of any point.

A function is drawn from the process as it was before it saw anything, by random Fourier features; then
the process is told the differences between what was seen and the drawn function.

Sources: Rahimi and Recht, "Random features for large-scale kernel machines", 2007; Wilson and others,
"Efficiently sampling functions from Gaussian process posteriors", 2020.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotune.surrogate.gaussian_process import GaussianProcess, Layout

Floats = NDArray[np.float64]

_FEATURES = 2000
_FREEDOM = 5.0
"""Frequencies of a Matern 5/2 kernel follow Student's t with so many degrees of freedom."""


class ProcessDraw:
    """A drawn function.

    Args:
        process: What it is drawn from.
        layout: Where values were seen, n points.
        values: The values, shape ``(n,)``.
        variances: The variance of each value's noise, shape ``(n,)``.
        seed: Decides the function.
    """

    def __init__(
        self,
        process: GaussianProcess,
        layout: Layout,
        values: Floats,
        variances: Floats,
        *,
        seed: int,
    ) -> None:
        random = np.random.default_rng(seed)
        dimensions = layout.coordinates.shape[1]
        normal = random.standard_normal((dimensions, _FEATURES))
        heavy = np.sqrt(_FREEDOM / random.chisquare(_FREEDOM, _FEATURES))
        self._frequencies = normal * heavy / process.scales[layout.parameter][:, None]
        self._phases = random.uniform(0.0, 2.0 * np.pi, _FEATURES)
        amplitude = process.size * np.sqrt(2.0 / _FEATURES)
        self._amplitudes = amplitude * random.standard_normal(_FEATURES)
        self._coefficients = random.standard_normal(layout.trend.shape[1])
        noise = np.sqrt(variances + process.noise**2) * random.standard_normal(len(values))
        self._corrected = process.again(values - self._before(layout) - noise)

    def at(self, layout: Layout) -> Floats:
        """Give the function at the points of *layout*, shape ``(m,)``."""
        return self._before(layout) + self._corrected.each(layout)[0]

    def _before(self, layout: Layout) -> Floats:
        waves = np.cos(layout.coordinates @ self._frequencies + self._phases)
        return np.asarray(waves @ self._amplitudes + layout.trend @ self._coefficients)

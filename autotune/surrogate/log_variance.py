"""The logarithm of a variance that few values tell: how much too low it is, and how far it scatters.

Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments", 2004.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]

_STEPS = 20


def too_low(freedom: Floats) -> Floats:
    """Give by how much the mean logarithm of a variance is too low that was found with this freedom.

    >>> too_low(np.array([1.0, 10.0])).round(2).tolist()
    [-1.27, -0.1]
    """
    return np.asarray(digamma(freedom / 2.0) - np.log(freedom / 2.0))


def inverse_trigamma(values: Floats) -> Floats:
    """Solve ``trigamma(x) = value`` by Newton's method on ``1 / trigamma``, which is nearly straight.

    >>> polygamma(1, inverse_trigamma(np.array([0.01, 0.5, 4.0]))).round(6).tolist()
    [0.01, 0.5, 4.0]
    """
    found = 0.5 + 1.0 / values
    for _ in range(_STEPS):
        now = polygamma(1, found)
        found = found + now * (1.0 - now / values) / polygamma(2, found)
    return np.asarray(found)

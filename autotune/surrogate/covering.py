"""Which schemes cover others: what covers another scheme pages out all that the other does.

So it saves no less memory, and slows the workload down no less. Without a prior, that is what is known
of schemes that were not run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from autotune.damon.damos import Action, Quota, Scheme

Floats = NDArray[np.float64]

GROWING = frozenset(
    {
        "memory_saving",
        "rss_saving",
        "system_memory_saving",
        "slowdown",
        "own_cpu_slowdown",
        "wall_slowdown",
    }
)
"""The figures that are no less for a scheme that covers another."""


def reach(schemes: Sequence[Scheme]) -> Floats | None:
    """Give how far schemes reach, as numbers that are all no less for schemes that cover these.

    Returns:
        None if a scheme does something else than paging out, or has goals, filters or watermarks.
    """
    numbers: list[float] = []
    for scheme in schemes:
        plain = scheme.watermarks is None and not scheme.filters
        if scheme.action is not Action.PAGEOUT or not plain:
            return None
        if scheme.quota is not None and scheme.quota.goals:
            return None
        pattern = scheme.pattern
        for bounds in (pattern.size_bytes, pattern.access_rate, pattern.age_us):
            numbers += [-float(bounds.min), float(bounds.max)]
        numbers += _allowed(scheme.quota)
    return np.array(numbers)


def _allowed(quota: Quota | None) -> list[float]:
    """Give what a quota allows in a microsecond; other weights make quotas incomparable."""
    if quota is None:
        return [math.inf] * 8
    weights = quota.weights
    return [
        *(
            math.inf if limit is None else limit / (quota.reset_interval_us or 1)
            for limit in (quota.time_us, quota.size_bytes)
        ),
        *(
            sign * float(weight)
            for weight in (weights.size, weights.access_rate, weights.age)
            for sign in (1.0, -1.0)
        ),
    ]


def bounds(
    reaches: Floats, known: Floats, values: Floats, tolerance: Floats
) -> tuple[Floats, Floats]:
    """Give between which values a figure of `GROWING` lies, both of shape ``(m,)``.

    Args:
        reaches: How far the m schemes reach, shape ``(m, r)``.
        known: How far n schemes reach that were run, shape ``(n, r)``.
        values: Their values, shape ``(n,)``.
        tolerance: By how much a value may be off, shape ``(n,)``.
    """
    covers = (known[None, :, :] >= reaches[:, None, :]).all(axis=2)
    covered = (known[None, :, :] <= reaches[:, None, :]).all(axis=2)
    most = np.where(covers, values + tolerance, np.inf).min(axis=1, initial=np.inf)
    least = np.where(covered, values - tolerance, -np.inf).max(axis=1, initial=-np.inf)
    return np.minimum(least, most), most


def cut(means: Floats, deviations: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Give mean and deviation of normal beliefs that are cut to an interval, all of shape ``(m,)``.

    Source: Johnson, Kotz and Balakrishnan, "Continuous univariate distributions", 1994, section 10.1.
    """
    scale = np.maximum(deviations, 1e-12)
    alpha, beta = (low - means) / scale, (high - means) / scale
    mass = ndtr(beta) - ndtr(alpha)
    safe = np.where(mass > _LEAST_MASS, mass, 1.0)
    at_low, at_high = _density(alpha), _density(beta)
    shift = (at_low - at_high) / safe
    edges = np.where(np.isfinite(alpha), alpha, 0.0) * at_low
    edges = edges - np.where(np.isfinite(beta), beta, 0.0) * at_high
    shrink = np.clip(1.0 + edges / safe - shift**2, 0.0, 1.0)
    inside = mass > _LEAST_MASS
    middle = np.where(inside, means + scale * shift, np.clip(means, low, high))
    width = np.where(np.isfinite(high - low), high - low, deviations)
    outside = np.minimum(deviations, width) / 4.0
    return middle, np.where(inside, deviations * np.sqrt(shrink), outside)


_LEAST_MASS = 1e-4


def _density(at: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * at**2) / math.sqrt(2.0 * math.pi))

"""The volume of what can be recommended, and by how much one more run would raise it.

A scheme can be recommended if it keeps all limits in its next run with a probability of 95 % or more.
One more run may raise the volume in two ways: a new scheme may turn out good, and a scheme that was run
before may turn out to be sure enough. So new schemes and repeats are worth what they change.

Source: Frazier, Powell and Dayanik, "The knowledge-gradient policy for correlated normal beliefs", 2009,
with a front in place of a maximum.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from autotune.surrogate.gaussian_process import Normal
from autotune.surrogate.sought import Sought

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SURE = 0.95
"""With this probability a scheme must keep all limits in its next run."""
MARGIN = float(norm.ppf(SURE))
"""So many standard deviations of a run lie between its mean and a limit that it is sure to keep."""

_OUTCOMES = 8


@dataclass(slots=True)
class Believed:
    """What is believed of m schemes, and what their runs would change.

    Attributes:
        sought: The figures.
        normals: Of each figure's mean, on its scale, f of them.
        noise: The standard deviation of one run, on the figures' scales, shape ``(m, f)``.
        freedom: Degrees of freedom of Student's t, which a run follows.
        points: Counting points (`autotune.surrogate.improvement.counting_points`).
    """

    sought: Sought
    normals: list[Normal]
    noise: Floats
    freedom: float
    points: Floats

    @property
    def means(self) -> Floats:
        """What is expected, shape ``(m, f)``."""
        return np.column_stack([normal.mean for normal in self.normals])

    @property
    def variances(self) -> Floats:
        """How uncertain that is, shape ``(m, f)``."""
        columns = [np.maximum(np.diag(normal.covariance), 0.0) for normal in self.normals]
        return np.column_stack(columns)

    def volume(self, rows: Sequence[int]) -> float:
        """Give the volume of what can be recommended of *rows*, as a share of the points' box."""
        which = np.array(rows, dtype=np.int64)
        return float(self._volume(self.means[which], self.variances[which], self.noise[which]))

    def gain(self, one: int, rows: Sequence[int], *, less_noise: float = 1.0) -> float:
        """Give by how much a run of *one* will raise the volume of what can be recommended.

        Args:
            one: May be among *rows*.
            rows: What was run.
            less_noise: The share of the noise that may be left when the run has told how large it is.
        """
        which = np.array(list(dict.fromkeys((*rows, one))), dtype=np.int64)
        change = self._change(one)[which]
        means, noise = self.means[which], self.noise[which]
        variances = np.maximum(self.variances[which] - change**2, 0.0)
        outcomes = _outcomes(len(self.normals))
        shown = means + change * outcomes[:, None, :]
        after = self._volume(shown, variances, noise * less_noise)
        return float(after.mean()) - self.volume(rows)

    def doubtful(self, count: int) -> list[int]:
        """Order the first *count* schemes: those on the edge of being recommendable come first."""
        deviations = np.sqrt(self.variances[:count] + self.noise[:count] ** 2)
        within = self.sought.within(self.means[:count], deviations, self.freedom)
        return [int(at) for at in np.argsort(np.abs(within - SURE), kind="stable")]

    def after(self, one: int) -> Believed:
        """Give what will be believed after a run of *one* that shows what is expected of it."""
        changes = self._change(one).T
        normals = [
            Normal(mean=normal.mean, covariance=normal.covariance - np.outer(change, change))
            for normal, change in zip(self.normals, changes, strict=True)
        ]
        return Believed(self.sought, normals, self.noise, self.freedom, self.points)

    def _change(self, one: int) -> Floats:
        """Give what a run of *one* by a deviation too large does to the means, shape ``(m, f)``."""
        return np.column_stack(
            [
                normal.covariance[:, one]
                / np.sqrt(max(normal.covariance[one, one] + noise**2, 1e-300))
                for normal, noise in zip(self.normals, self.noise[one], strict=True)
            ]
        )

    def _volume(self, means: Floats, variances: Floats, noise: Floats) -> Floats:
        """Give the volume for means of shape ``(..., r, f)``; its shape is ``(...)``."""
        deviations = np.broadcast_to(np.sqrt(variances + noise**2), means.shape)
        sure = self.sought.within(means, deviations, self.freedom) >= SURE
        some = sure.any(axis=tuple(range(sure.ndim - 1)))
        losses = self.sought.losses(means[..., some, :])
        covers = np.repeat(sure[..., some, None], len(self.points), axis=-1)
        for objective in range(losses.shape[-1]):
            covers &= losses[..., objective, None] <= self.points[:, objective]
        return np.asarray(covers.any(axis=-2).mean(axis=-1))


@functools.cache
def _outcomes(count: int) -> Floats:
    """Give standard normal numbers that are spread evenly, shape ``(_OUTCOMES, count)``."""
    shares = qmc.Sobol(count, scramble=False).random(_OUTCOMES) + 0.5 / _OUTCOMES
    return np.asarray(norm.ppf(shares))

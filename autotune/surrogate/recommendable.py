"""The volume of what can be recommended, and by how much one more run would raise it.

A scheme can be recommended if it is sure enough to keep all limits in its next run (`Sought.sure`).
One more run may raise the volume in two ways: a new scheme may turn out good, and a scheme that was run
before may turn out to be sure enough. So new schemes and repeats are worth what they change.

Source: Frazier, Powell and Dayanik, "The knowledge-gradient policy for correlated normal beliefs", 2009,
with a front in place of a maximum.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from autotune.surrogate.gaussian_process import Normal
from autotune.surrogate.sought import Sought

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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
        correlation: How what is not known of the figures goes together, shape ``(f, f)``.
    """

    sought: Sought
    normals: list[Normal]
    noise: Floats
    freedom: float
    points: Floats
    correlation: Floats

    def draw(self, count: int, random: np.random.Generator) -> Floats:
        """Give joint draws of the figures' means, on their scales, shape ``(count, m, f)``."""
        root = np.linalg.cholesky(self.correlation + 1e-6 * np.eye(len(self.correlation)))
        shape = (count, len(self.noise), len(self.normals))
        drawn = random.standard_normal(shape) @ root.T
        return np.stack(
            [normal.from_standard(drawn[..., at]) for at, normal in enumerate(self.normals)],
            axis=-1,
        )

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
        beliefs = self.means[which], self.variances[which], self.noise[which]
        return float(self._volume(*beliefs, self.freedom))

    def gain(
        self, one: int, rows: Sequence[int], *, runs: int = 1, less_noise: float = 1.0
    ) -> float:
        """Give by how much runs of *one* will raise the volume of what can be recommended.

        Args:
            one: May be among *rows*.
            rows: What was run.
            runs: How many runs. If *one* is among *rows*, they tell how large the noise is.
            less_noise: The share of the noise that may be left when they have told it.
        """
        which = np.array(list(dict.fromkeys((*rows, one))), dtype=np.int64)
        change = self._change(one, runs)[which]
        means, noise = self.means[which], self.noise[which]
        variances = np.maximum(self.variances[which] - change**2, 0.0)
        outcomes = _outcomes(len(self.normals))
        shown = means + change * outcomes[:, None, :]
        freedom = self.freedom + runs * (one in rows)
        after = self._volume(shown, variances, noise * less_noise, freedom)
        return float(after.mean()) - self.volume(rows)

    def doubtful(self, count: int) -> list[int]:
        """Order the first *count* schemes: those on the edge of being recommendable come first."""
        deviations = np.sqrt(self.variances[:count] + self.noise[:count] ** 2)
        within = self.sought.within(self.means[:count], deviations, self.freedom)
        return [int(at) for at in np.argsort(np.abs(within - self.sought.sure), kind="stable")]

    def after(self, one: int) -> Believed:
        """Give what will be believed after a run of *one* that shows what is expected of it."""
        changes = self._change(one).T
        normals = [
            Normal(mean=normal.mean, covariance=normal.covariance - np.outer(change, change))
            for normal, change in zip(self.normals, changes, strict=True)
        ]
        return replace(self, normals=normals)

    def _change(self, one: int, runs: int = 1) -> Floats:
        """Give what runs of *one* by a deviation too large do to the means, shape ``(m, f)``."""
        change = np.column_stack(
            [
                normal.covariance[:, one]
                / np.sqrt(max(normal.covariance[one, one] + noise**2 / runs, 1e-300))
                for normal, noise in zip(self.normals, self.noise[one], strict=True)
            ]
        )
        # No run tells more of a scheme than what is not known of it; rounding may say so.
        most = np.sqrt(self.variances)
        return np.asarray(np.clip(change, -most, most))

    def _volume(self, means: Floats, variances: Floats, noise: Floats, freedom: float) -> Floats:
        """Give the volume for means of shape ``(..., r, f)``; its shape is ``(...)``."""
        deviations = np.broadcast_to(np.sqrt(variances + noise**2), means.shape)
        sure = self.sought.within(means, deviations, freedom) >= self.sought.sure
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

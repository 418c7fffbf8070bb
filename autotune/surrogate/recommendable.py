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
from scipy.stats import f, norm, qmc

from autotune.surrogate.gaussian_process import Normal
from autotune.surrogate.outcomes import Outcomes
from autotune.surrogate.sought import Sought

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OUTCOMES = 16


@dataclass(slots=True)
class Believed:
    """What is believed of m schemes, and what their runs would change.

    Attributes:
        sought: The figures.
        normals: Of each figure's mean, on its scale, f of them.
        noise: The standard deviation of one run, on the figures' scales, shape ``(m, f)``.
        freedom: Degrees of freedom of Student's t, which a run follows, shape ``(m,)``.
        points: Counting points (`autotune.surrogate.improvement.counting_points`).
        correlation: How what is not known of the figures goes together, shape ``(f, f)``.
        outcomes: How the runs of each scheme have ended; None if means and deviations tell all.
    """

    sought: Sought
    normals: list[Normal]
    noise: Floats
    freedom: Floats
    points: Floats
    correlation: Floats
    outcomes: Outcomes | None = None

    def draw(self, count: int, random: np.random.Generator) -> Floats:
        """Give joint draws of the figures' means, on their scales, shape ``(count, m, f)``."""
        root = np.linalg.cholesky(self.correlation + 1e-6 * np.eye(len(self.correlation)))
        shape = (count, len(self.noise), len(self.normals))
        drawn = random.standard_normal(shape) @ root.T
        return np.stack(
            [normal.from_standard(drawn[..., at]) for at, normal in enumerate(self.normals)],
            axis=-1,
        )

    def draw_noise(self, count: int, random: np.random.Generator) -> Floats:
        """Give draws of what the noise may be, shape ``(count, m, f)``."""
        shares = random.chisquare(self.freedom, (count, len(self.freedom))) / self.freedom
        return np.asarray(self.noise / np.sqrt(np.maximum(shares, 1e-3))[..., None])

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
        return float(self._volume(*beliefs, self.freedom[which], which))

    def sure(self, rows: Sequence[int]) -> NDArray[np.bool_]:
        """Say which of *rows* can be recommended now, shape ``(len(rows),)``."""
        which = np.array(rows, dtype=np.int64)
        return np.asarray(self.likely()[which] >= self.sought.sure)

    def runs_needed(self, rows: Sequence[int], most: int) -> NDArray[np.int64]:
        """Give how many more runs make each of *rows* sure if they show what is expected.

        Args:
            rows: Schemes.
            most: More runs are not thought of.

        Returns:
            Shape ``(len(rows),)``; *most* where no number does.
        """
        which = np.array(rows, dtype=np.int64)
        means, variances, noise = self.means[which], self.variances[which], self.noise[which]
        needed = np.full(len(which), most, dtype=np.int64)
        for runs in range(most - 1, 0, -1):
            # What is known of a mean, and what so many runs tell of it.
            each = np.maximum(noise**2, 1e-300) / runs
            left = variances * each / (variances + each)
            within = self.sought.within(
                means, np.sqrt(left + noise**2), self.freedom[which] + runs
            )
            within = self._kept(within, which, runs)
            needed[within >= self.sought.sure] = runs
        return needed

    def gain(self, one: int, rows: Sequence[int], *, runs: int = 1) -> float:
        """Give by how much runs of *one* will raise the volume of what can be recommended.

        Args:
            one: May be among *rows*.
            rows: What was run.
            runs: How many runs. All but the first run of a scheme tell how large the noise is.
        """
        which = np.array(list(dict.fromkeys((*rows, one))), dtype=np.int64)
        change = self._change(one, runs)[which]
        means, noise = self.means[which], self.noise[which]
        variances = np.maximum(self.variances[which] - change**2, 0.0)
        outcomes = _outcomes(len(self.normals) + 1)
        shown = means + change * outcomes[:, None, :-1]
        # The first run of a scheme tells no noise.
        repeats = runs if one in rows else runs - 1
        told = (which == one).astype(np.float64)
        shares = _noise_after(outcomes[:, -1], repeats, self.freedom[one])
        noise = noise * np.where(told > 0.0, shares[:, None], 1.0)[:, :, None]
        freedom = self.freedom[which] + repeats * told
        more = runs * told
        after = self._volume(shown, variances, noise, freedom, which, more)
        return float(after.mean()) - self.volume(rows)

    def doubtful(self, count: int) -> list[int]:
        """Order the first *count* schemes: those on the edge of being recommendable come first."""
        within = self.likely()[:count]
        return [int(at) for at in np.argsort(np.abs(within - self.sought.sure), kind="stable")]

    def likely(self) -> Floats:
        """Give the probability that the next run of each scheme keeps the limits, shape ``(m,)``."""
        deviations = np.sqrt(self.variances + self.noise**2)
        within = self.sought.within(self.means, deviations, self.freedom)
        return self._kept(within, np.arange(len(within)))

    def _kept(self, within: Floats, which: Ints, more: Floats | float = 0.0) -> Floats:
        """Let the outcomes of runs count, and of *more* runs that are expected to keep the limits."""
        return within if self.outcomes is None else self.outcomes.of(which).likely(within, more)

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

    def _volume(
        self,
        means: Floats,
        variances: Floats,
        noise: Floats,
        freedom: Floats,
        which: Ints,
        more: Floats | float = 0.0,
    ) -> Floats:
        """Give the volume for means of shape ``(..., r, f)``; its shape is ``(...)``."""
        deviations = np.broadcast_to(np.sqrt(variances + noise**2), means.shape)
        within = self._kept(self.sought.within(means, deviations, freedom), which, more)
        sure = within >= self.sought.sure
        some = sure.any(axis=tuple(range(sure.ndim - 1)))
        losses = self.sought.losses(means[..., some, :])
        covers = np.repeat(sure[..., some, None], len(self.points), axis=-1)
        for objective in range(losses.shape[-1]):
            covers &= losses[..., objective, None] <= self.points[:, objective]
        return np.asarray(covers.any(axis=-2).mean(axis=-1))


def _noise_after(outcomes: Floats, runs: int, freedom: float) -> Floats:
    """Give the deviations that repeats may show, as shares of what is believed of the deviation now.

    Args:
        outcomes: Standard normal numbers.
        runs: How many repeats; after none, nothing has changed.
        freedom: The degrees of freedom of what is believed now.
    """
    if runs == 0 or np.isinf(freedom):
        return np.ones(len(outcomes))
    ratios = f.ppf(norm.cdf(outcomes), runs, freedom)
    return np.asarray(np.sqrt((freedom + runs * ratios) / (freedom + runs)))


@functools.cache
def _outcomes(count: int) -> Floats:
    """Give standard normal numbers that are spread evenly, shape ``(_OUTCOMES, count)``."""
    shares = qmc.Sobol(count, scramble=False).random(_OUTCOMES) + 0.5 / _OUTCOMES
    return np.asarray(norm.ppf(shares))

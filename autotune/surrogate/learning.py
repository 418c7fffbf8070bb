"""What is known of schemes: what priors say of them, and what the kernel has shown.

The first prior is used until the kernel shows that another fits better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.space.space import ParameterSet
from autotune.surrogate.corrected import Corrected
from autotune.surrogate.outcomes import Outcomes
from autotune.surrogate.prior import Prior, Surface, key_of
from autotune.surrogate.sought import Sought
from autotune.surrogate.unit_cube import UnitCube

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SEEDS_OF_RUN = 20
"""With so many seeds the prior says what spread a scheme has that was run."""
_AS_RUNS = 0.5
"""All that a prior shows of a scheme's outcomes counts as so much of a run of the kernel: too little to
be sure of a scheme that was run once."""
_SEEDS_OF_RIVALS = 6
_MUCH = 2.0
"""Another prior is gone over to if by it what was run is likelier by the exponential of this."""
_FIRST_RUNS, _EARLY = 8, 24
"""Other priors are weighed after each of the first runs, then only where the prior is far off; after so
many runs the prior stays."""
_TELLING = 0.02
"""What schemes must gain, or a prior promise of them, on average, to tell whether the prior is right."""


class Learning:
    """Learns from runs. Equal arguments and equal figures teach the same.

    Args:
        sought: The figures that count.
        cube: The parameters.
        priors: What may be known before, the likeliest first, at least one; None is nothing.
        seed: Seed, 0 or more: decides the seeds that priors are asked with.
        guessed: Whether the priors know no more than what is usual.
        gone_over: Is called when another prior is gone over to.
    """

    def __init__(
        self,
        sought: Sought,
        cube: UnitCube,
        priors: Sequence[Prior | None],
        *,
        seed: int,
        guessed: bool,
        gone_over: Callable[[], None],
    ) -> None:
        self._sought = sought
        self._gone_over = gone_over
        sequence = np.random.SeedSequence(seed, spawn_key=(3,))
        seeds = sequence.generate_state(_SEEDS_OF_RUN).tolist()
        self._surfaces = [Surface(sought, cube, prior, seeds, guessed=guessed) for prior in priors]
        self.prior = 0
        """The prior that is used, a position in *priors*."""
        self._told: list[tuple[ParameterSet, Floats]] = []
        self._model: Corrected | None = None
        self._learned = 0

    @property
    def surface(self) -> Surface:
        """What the prior that is used says."""
        return self._surfaces[self.prior]

    @property
    def asked(self) -> int:
        """How many runs the priors made."""
        return sum(surface.runs for surface in self._surfaces)

    @property
    def repeats(self) -> int:
        """How many of the kernel's runs were of schemes that had been run before."""
        return len(self._told) - len({key_of(values) for values, _ in self._told})

    def tell(self, parameters: ParameterSet, row: Floats) -> None:
        """Tell what a run showed, on the figures' scales, shape ``(f,)``; NaN where it is not known."""
        self._told.append((parameters, row))

    def rows(self, surface: Surface) -> tuple[Ints, Floats]:
        """Give what was run, as rows of *surface*, and what it showed: ``(n,)`` and ``(n, f)``."""
        surface.add(values for values, _ in self._told)
        rows = [surface.row(values) for values, _ in self._told]
        known = [at for at, row in enumerate(rows) if row is not None]
        seen = np.array([self._told[at][1] for at in known])
        return (
            np.array([rows[at] for at in known], dtype=np.int64),
            seen.reshape(len(known), len(self._sought.names)),
        )

    def model(self) -> Corrected | None:
        """Learn from all runs; None if there is neither a prior nor a run of which all is known."""
        known = [values for values, row in self._told if np.isfinite(row).all()]
        if not known and not (self.surface.has_prior and len(self.surface)):
            return None
        if self._model is None or self._learned != len(self._told):
            rows, seen = self.rows(self.surface)
            self.surface.repeat(rows.tolist(), _SEEDS_OF_RUN)
            self._model = Corrected(self.surface, rows, seen, before=self._model)
            self._learned = len(self._told)
            doubted = self._model.shaken or self._learned <= _FIRST_RUNS
            if 2 <= self._learned <= _EARLY and doubted and len(self._surfaces) > 1:
                self._model = self._likeliest(self._model)
        return self._model

    def _likeliest(self, model: Corrected) -> Corrected:
        """Go over to the prior by which what was run is likeliest, if that is much likelier."""
        found = []
        for surface in self._surfaces:
            rows, seen = self.rows(surface)
            surface.repeat(rows.tolist(), _SEEDS_OF_RIVALS)
            # A prior that says nothing of some runs can't be compared.
            says_all = len(rows) == len(self._told)
            found.append(
                Corrected(surface, rows, seen, like=self._surfaces[0]).evidence
                if says_all
                else -np.inf
            )
        best = int(np.argmax(found))
        if np.isinf(found[self.prior]) or found[best] < found[self.prior] + _MUCH:
            return model
        self.prior = best
        self._gone_over()
        rows, seen = self.rows(self.surface)
        return Corrected(self.surface, rows, seen)

    def prior_is_off_by(self) -> float | None:
        """Give by how much the prior is wrong about the first objective of the schemes that were run.

        Returns:
            The sum of all differences as a share of the sum of what was shown or said, whichever is
            larger of a scheme. None if there is no prior, fewer than two schemes were run, or they tell
            nothing: where DAMON off is not 0, or nothing was gained or promised.
        """
        if not (self.surface.tells_noise and self.surface.grows[0]):
            return None
        told, seen = self.rows(self.surface)
        run = [
            row for row in dict.fromkeys(told.tolist()) if np.isfinite(seen[told == row, 0]).any()
        ]
        if len(run) < 2:
            return None
        shown = np.zeros((len(run), seen.shape[1]))
        shown[:, 0] = [np.nanmean(seen[told == row, 0]) for row in run]
        gained = self._sought.figures(shown)[:, 0]
        promised = self._sought.figures(self.surface.mean[run])[:, 0]
        larger = np.maximum(np.abs(gained), np.abs(promised)).sum()
        if larger < _TELLING * len(run):
            return None
        return float(np.abs(gained - promised).sum() / larger)

    def outcomes(self, rows: Ints, means: Floats, noise: Floats) -> Outcomes:
        """Give how the runs of *rows* have ended; what a prior shows of its outcomes counts, too.

        Args:
            rows: Of the surface.
            means: What is believed of them, on the figures' scales, shape ``(m, f)``.
            noise: The deviation of a run from that, of the same shape.
        """
        told, seen = self.rows(self.surface)
        broke = ~(self._sought.excess(seen) <= 0.0)
        before = _AS_RUNS if self.surface.tells_noise else 0.0
        return Outcomes(
            runs=np.array([before + np.count_nonzero(told == row) for row in rows]),
            broke=np.array([np.count_nonzero(broke & (told == row)) for row in rows], dtype=float),
            chance=self._chances(rows, means, noise),
        )

    def _chances(self, rows: Ints, means: Floats, noise: Floats) -> Floats:
        """Give the share of the prior's runs of *rows* that keeps the limits, as corrected: ``(m,)``."""
        if not self.surface.tells_noise:
            return np.ones(len(rows))
        # Where the kernel's runs differ by less than the prior says, the prior's do, too.
        spread = self.surface.spread[rows]
        less = np.minimum(
            1.0, np.divide(noise, spread, out=np.ones_like(noise), where=spread > 0.0)
        )
        return np.array(
            [
                np.mean(self._sought.excess(mean + share * self.surface.away(row)) <= 0.0)
                for row, mean, share in zip(rows.tolist(), means, less, strict=True)
            ]
        )

    def freedom(self, model: Corrected, rows: Ints) -> Floats:
        """Give from how many repeats the spread of runs of *rows* is known, so to speak: ``(m,)``."""
        return self._sought.least_of_constraints(model.freedom(rows))

"""Quasi-random search: a scrambled Sobol sequence over all parameters."""

from __future__ import annotations

from optuna.distributions import BaseDistribution
from optuna.samplers import QMCSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.samplers.distributions import distributions, is_given
from autotune.space.space import SearchSpace


class SobolSampler(QMCSampler):
    """Optuna's QMC sampler, from the first proposal on, and for conditional parameters, too.

    Optuna's sampler learns the parameters from the first trial that has ended, and draws all parameters
    that this trial lacks at random. Here each parameter has its own coordinate, which is not used if the
    parameter doesn't exist.

    Args:
        space: The search space.
        seed: Seed of the scrambling.
    """

    def __init__(self, space: SearchSpace, *, seed: int) -> None:
        super().__init__(scramble=True, seed=seed, warn_independent_sampling=False)
        self._distributions = distributions(space)

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002 - Optuna's signature
        trial: FrozenTrial,
    ) -> dict[str, BaseDistribution]:
        """Give all parameters; none for a trial whose parameters were given."""
        return {} if is_given(trial) else dict(self._distributions)

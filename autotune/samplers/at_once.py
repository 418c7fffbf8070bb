"""Samplers that propose a whole parameter set at once, and leave given sets as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.samplers.distributions import distributions, is_given
from autotune.space.space import ParameterSet, SearchSpace


class AtOnceSampler(BaseSampler, ABC):
    """Proposes parameter sets; trials whose parameters were given are left as they are.

    Args:
        space: The search space.
        seed: Seed for what a given set leaves open.
    """

    def __init__(self, space: SearchSpace, *, seed: int) -> None:
        self._distributions = distributions(space)
        self._random = RandomSampler(seed=seed)

    @abstractmethod
    def proposal(self, study: Study, trial: FrozenTrial) -> ParameterSet:
        """Give what *trial*, a trial of this sampler's own, proposes: all that exists there."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Give the parameters of the next proposal; none for a trial whose parameters were given."""
        return {name: self._distributions[name] for name in self._proposal(study, trial)}

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 - Optuna's signature
    ) -> dict[str, Any]:
        """Give the next proposal."""
        return dict(self._proposal(study, trial))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Give a random value for a parameter that a given set leaves open."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _proposal(self, study: Study, trial: FrozenTrial) -> ParameterSet:
        return {} if is_given(trial) else self.proposal(study, trial)


def own_position(study: Study, trial: FrozenTrial) -> int:
    """Count the trials before *trial* whose parameters were not given."""
    earlier = study.get_trials(deepcopy=False)[: trial.number]
    return sum(not is_given(other) for other in earlier)


def given_trials(study: Study) -> int:
    """Count the trials whose parameters were given, those included that are still to come."""
    return sum(is_given(trial) for trial in study.get_trials(deepcopy=False))

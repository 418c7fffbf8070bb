"""A search space as Optuna's distributions, for samplers that need all parameters beforehand."""

from __future__ import annotations

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from autotune.space.parameters import Parameter
from autotune.space.space import SearchSpace


class _DistributionCatcher:
    """Answers like a trial, and keeps the distribution that was asked for."""

    def __init__(self) -> None:
        self.distribution: BaseDistribution | None = None

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:  # noqa: ARG002 - Optuna's signature
        self.distribution = IntDistribution(low, high, log=log)
        return low

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:  # noqa: ARG002 - Optuna's signature
        self.distribution = FloatDistribution(low, high, log=log)
        return low

    def suggest_categorical(self, name: str, choices: Any) -> Any:  # noqa: ARG002 - Optuna's signature
        self.distribution = CategoricalDistribution(choices)
        return choices[0]


def distribution(parameter: Parameter) -> BaseDistribution:
    """Give the distribution that a trial is asked for when it proposes a value of *parameter*."""
    catcher = _DistributionCatcher()
    parameter.suggest(catcher)
    if catcher.distribution is None:
        raise AssertionError(f"parameter '{parameter.name}' asks for nothing")
    return catcher.distribution


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Give the distribution of every parameter of *space*, by name. Conditions are ignored."""
    return {parameter.name: distribution(parameter) for parameter in space.parameters}


def is_given(trial: FrozenTrial) -> bool:
    """Say whether the parameters of *trial* were given to the study, not proposed by a sampler."""
    return "fixed_params" in trial.system_attrs

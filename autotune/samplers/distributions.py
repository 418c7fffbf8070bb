"""A search space as Optuna's distributions, for samplers that know all parameters beforehand."""

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


class _Recorder:
    """Answers like a trial, and keeps what was asked for."""

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
    """The distribution that a trial is asked for when it proposes a value of *parameter*."""
    recorder = _Recorder()
    parameter.suggest(recorder)
    if recorder.distribution is None:
        raise AssertionError(f"parameter '{parameter.name}' asks for nothing")
    return recorder.distribution


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """The distribution of every parameter of *space*, by name, conditions aside."""
    return {parameter.name: distribution(parameter) for parameter in space.parameters}


def is_given(trial: FrozenTrial) -> bool:
    """Whether the parameters of *trial* were given to the study instead of proposed by a sampler."""
    return "fixed_params" in trial.system_attrs

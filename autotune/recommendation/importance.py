"""Which parameters mattered for each objective: how much a random forest loses without them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.objective.objective import Objectives
from autotune.space.fields import Value
from autotune.space.parameters import Choices, Parameter
from autotune.space.space import SearchSpace
from autotune.trial import Trial, TrialState

FEWEST_TRIALS = 20
"""With fewer measured trials a forest says more about chance than about parameters."""

_SEED = 0
_TREES = 100
_SHUFFLES = 10


def importances(
    trials: Sequence[Trial], space: SearchSpace, objectives: Objectives
) -> dict[str, dict[str, float]]:
    """Give each parameter's share in what a model knows about each objective.

    A random forest predicts the objective from the parameters. Then the values of one parameter are
    shuffled among the trials: the parameter's importance is how much worse the forest predicts. Equal
    trials give equal shares.

    Returns:
        By the name of the objective, then of the parameter: shares that add up to 1. An objective with
        equal values in all trials is left out. If there are too few trials, the result is empty.

    Source: Breiman, "Random Forests", 2001, section 10.
    """
    measured = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if len(measured) < FEWEST_TRIALS:
        return {}
    parameters = space.parameters
    features = np.array([_column(p, [t.parameters for t in measured]) for p in parameters]).T
    shares = {}
    for objective in objectives.objectives:
        target = np.array([trial.figures[objective.name] for trial in measured])
        if np.ptp(target) > 0.0:
            weights = _permutation_importance(features, target / np.ptp(target))
            if (total := float(weights.sum())) > 0.0:
                named = zip(parameters, weights.tolist(), strict=True)
                shares[objective.name] = {p.name: weight / total for p, weight in named}
    return shares


def _column(parameter: Parameter, sets: Sequence[Mapping[str, Value]]) -> list[float]:
    """The values of a parameter as numbers; the median in trials where the parameter doesn't exist.

    If missing values had a mark instead, each parameter that a switch turns on would tell as much as the
    switch.
    """
    known = [
        _number(parameter, values[parameter.name]) for values in sets if parameter.name in values
    ]
    usual = statistics.median_low(known) if known else 0.0
    return [
        _number(parameter, values[parameter.name]) if parameter.name in values else usual
        for values in sets
    ]


def _number(parameter: Parameter, value: Value) -> float:
    if isinstance(parameter, Choices):
        return float(parameter.choices.index(value))
    return float(value)


def _permutation_importance(
    features: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    # Loading this package takes a second, which only a finished run should pay.
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    forest = RandomForestRegressor(_TREES, random_state=_SEED, n_jobs=1).fit(features, target)
    result = permutation_importance(
        forest, features, target, n_repeats=_SHUFFLES, random_state=_SEED, n_jobs=1
    )
    means: NDArray[np.float64] = np.maximum(result.importances_mean, 0.0)
    return means

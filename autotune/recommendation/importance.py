"""Which parameters mattered for each objective: how much a model loses without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autotune.objective.objective import Objectives
from autotune.space.fields import Value
from autotune.space.parameters import Parameter
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.gaussian_process import GaussianProcess, Layout
from autotune.surrogate.unit_cube import UnitCube
from autotune.trial import Trial, TrialState

Floats = NDArray[np.float64]

FEWEST_TRIALS = 20
"""With fewer measured trials a model says more about chance than about parameters."""

_SEED = 0
_MOST_TRIALS = 150
"""Of more measured trials so many are drawn; the time that a model takes grows by the third power."""
_SHUFFLES = 5


def importances(
    trials: Sequence[Trial], space: SearchSpace, objectives: Objectives
) -> dict[str, dict[str, float]]:
    """Give each parameter's share in what a model knows about each objective.

    A Gaussian process predicts the objective from the parameters. Then the values of one parameter are
    shuffled among the trials: the parameter's importance is how much worse the process predicts. Equal
    trials give equal shares.

    Returns:
        By the name of the objective, then of the parameter: shares that add up to 1. An objective with
        equal values in all trials is left out. If there are too few trials, the result is empty.

    Source: Breiman, "Random Forests", 2001, section 10, with another model.
    """
    measured = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if len(measured) < FEWEST_TRIALS:
        return {}
    random = np.random.default_rng(_SEED)
    if len(measured) > _MOST_TRIALS:
        drawn = random.choice(len(measured), size=_MOST_TRIALS, replace=False)
        measured = [measured[place] for place in sorted(drawn.tolist())]
    layout = UnitCube(space).layout(_completed([t.parameters for t in measured], space.parameters))
    shares = {}
    for objective in objectives.objectives:
        target = np.array([trial.figures[objective.name] for trial in measured])
        if np.ptp(target) > 0.0:
            weights = _losses(layout, (target - target.mean()) / np.ptp(target), random)
            if (total := float(weights.sum())) > 0.0:
                named = zip(space.parameters, weights.tolist(), strict=True)
                shares[objective.name] = {p.name: weight / total for p, weight in named}
    return shares


def _completed(
    sets: Sequence[ParameterSet], parameters: Sequence[Parameter]
) -> list[dict[str, Value]]:
    """Give a parameter that does not exist in a trial the value in the middle of the others' values.

    If missing values had a mark instead, each parameter that a switch turns on would tell as much as the
    switch.
    """
    usual: dict[str, Value] = {}
    for parameter in parameters:
        there = [values[parameter.name] for values in sets if parameter.name in values]
        ordered = sorted(there or [parameter.example], key=lambda value: (str(type(value)), value))
        usual[parameter.name] = ordered[(len(ordered) - 1) // 2]
    return [{**usual, **values} for values in sets]


def _losses(layout: Layout, target: Floats, random: np.random.Generator) -> Floats:
    """Give by how much the squared error grows where one parameter is shuffled, shape ``(d,)``."""
    process = GaussianProcess(layout, target, np.zeros(len(target)))

    def error(coordinates: Floats) -> float:
        predicted, _ = process.each(replace(layout, coordinates=coordinates))
        return float(((predicted - target) ** 2).mean())

    as_it_is = error(layout.coordinates)
    losses = np.zeros(layout.parameters)
    for parameter in range(layout.parameters):
        its = layout.parameter == parameter
        for _ in range(_SHUFFLES):
            shuffled = layout.coordinates.copy()
            shuffled[:, its] = shuffled[random.permutation(len(target))][:, its]
            losses[parameter] += max(error(shuffled) - as_it_is, 0.0)
    return losses

"""Grid search: a fixed set of points, spread evenly over the search space."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.errors import InputError
from autotune.samplers.at_once import AtOnceSampler, own_position
from autotune.space.fields import FIELDS, Value
from autotune.space.parameters import Choices, Numeric, Parameter
from autotune.space.space import ParameterSet, SearchSpace

_MOST_POINTS = 100_000


def levels(parameter: Numeric, count: int) -> list[int | float]:
    """Give values from end to end of the parameter, evenly spread on its scale.

    Args:
        parameter: The parameter.
        count: How many values to give, 2 or more. A parameter with fewer values gives fewer.

    >>> levels(Numeric(name="x", field="quota.weights.age", low=1, high=100, log=True), 3)
    [1, 10, 100]
    """
    spread = np.geomspace if parameter.log else np.linspace
    values = [float(value) for value in spread(parameter.low, parameter.high, count)]
    # The ends are not computed: a computed end can lie outside the range, by a rounding error.
    values[0], values[-1] = parameter.low, parameter.high
    if FIELDS[parameter.field].quantity.whole:
        return sorted({round(value) for value in values})
    return values


def points(space: SearchSpace, count: int) -> Iterator[dict[str, Value]]:
    """Give every combination of choices and of *count* levels once, in the order of the parameters.

    A combination has only the parameters whose conditions hold in it.
    """
    values = {p.name: _values(p, count) for p in space.parameters}
    return _combinations(space.parameters, values, {})


def _values(parameter: Parameter, count: int) -> Sequence[Value]:
    return parameter.choices if isinstance(parameter, Choices) else levels(parameter, count)


def _combinations(
    parameters: Sequence[Parameter],
    values: Mapping[str, Sequence[Value]],
    chosen: dict[str, Value],
) -> Iterator[dict[str, Value]]:
    if not parameters:
        yield chosen
        return
    first, rest = parameters[0], parameters[1:]
    if not first.active(chosen):
        yield from _combinations(rest, values, chosen)
        return
    for value in values[first.name]:
        yield from _combinations(rest, values, {**chosen, first.name: value})


def _new_points(space: SearchSpace, count: int) -> Iterator[dict[str, Value]]:
    tried_anyway = [dict(values) for values in space.initial]
    return (point for point in points(space, count) if point not in tried_anyway)


def _coarsest(space: SearchSpace, needed: int) -> list[dict[str, Value]]:
    """Give the points of the grid with the fewest levels that has at least *needed* points."""
    for count in range(2, max(needed, 2) + 1):
        enough = list(itertools.islice(_new_points(space, count), needed))
        if len(enough) == needed:
            return list(itertools.islice(_new_points(space, count), _MOST_POINTS + 1))
    return enough


class GridSampler(AtOnceSampler):
    """Proposes the points of a grid in random order, each point once.

    Optuna's grid sampler ignores conditions: it takes every combination of all parameters for another
    point. It also can't be used outside `Study.optimize`.

    Args:
        space: The search space. Its initial sets are tried anyway, so the sampler leaves them out.
        seed: Seed of the order.
        n_trials: Number of trials. The numeric parameters get as many levels as these trials need.

    Raises:
        InputError: If there are fewer points than trials, or far too many for a grid.
    """

    def __init__(self, space: SearchSpace, *, seed: int, n_trials: int) -> None:
        given = min(len(space.initial), n_trials)
        grid = _coarsest(space, n_trials - given)
        if len(grid) < n_trials - given:
            most = given + len(grid)
            raise InputError(
                f"sampler grid: search space '{space.name}' has {most} combinations, fewer than "
                f"{n_trials} trials: lower budget.trials to {most}, or use sampler random"
            )
        if len(grid) > _MOST_POINTS:
            raise InputError(
                f"sampler grid: search space '{space.name}' has more than {_MOST_POINTS} combinations: "
                "use sampler qmc"
            )
        order = np.random.default_rng(seed).permutation(len(grid))
        self._grid: list[dict[str, Value]] = [grid[index] for index in order]
        super().__init__(space, seed=seed)

    def proposal(self, study: Study, trial: FrozenTrial) -> ParameterSet:
        """Give the next point; after the last, the first again."""
        return self._grid[own_position(study, trial) % len(self._grid)] if self._grid else {}

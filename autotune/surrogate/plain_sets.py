"""Plain parameter sets: as little as possible is set, and ages lie at equal ratios."""

from __future__ import annotations

from collections.abc import Sequence

from autotune.space.fields import FIELDS
from autotune.space.parameters import Choices, Parameter
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.unit_cube import MIDDLE, UnitCube

_AGES = (0.5, 0.75, 0.625, 0.375)
"""Where the ages lie, in shares of their range on its scale, in the order in which they are tried."""


def plain_sets(space: SearchSpace) -> list[ParameterSet]:
    """Give plain parameter sets that differ by their ages; one if nothing has an age.

    Of words, those are taken that let the fewest other parameters exist; of bounds and quotas those that
    limit least.

    >>> from pathlib import Path
    >>> from autotune.space.space import load_search_space
    >>> plain_sets(load_search_space(Path("search_spaces/prcl-quota.yaml")))[0]
    {'pattern.min_age': 2449490, 'pattern.min_size': 4096, 'limit': 'none'}
    """
    cube = UnitCube(space)
    found: list[ParameterSet] = []
    for age in _AGES:
        point = [_share(parameter, space.parameters, age) for parameter in space.parameters]
        if (values := cube.values(point)) not in found:
            found.append(values)
    return found


def _share(parameter: Parameter, among: Sequence[Parameter], age: float) -> float:
    """Give where the plain value of a parameter lies in its range, from 0 to 1."""
    if isinstance(parameter, Choices) and parameter.field not in FIELDS:
        count = len(parameter.choices)
        fewest = min(
            range(count), key=lambda at: _depends(parameter.choices[at], parameter, among)
        )
        return (fewest + 0.5) / count
    kind, _, bound = parameter.field.partition(".")
    if parameter.field == "pattern.min_age":
        return age
    if kind == "pattern":
        return 0.0 if bound.startswith("min_") else 1.0
    return 1.0 if parameter.field in ("quota.time", "quota.size") else MIDDLE


def _depends(choice: object, parameter: Parameter, among: Sequence[Parameter]) -> int:
    """Count the parameters that exist only if *parameter* has this value, perhaps among others."""
    conditions = (condition for other in among for condition in other.when)
    return sum(one.name == parameter.name and choice in one.values for one in conditions)

"""Plain parameter sets: as little as possible is set, and ages lie at equal ratios."""

from __future__ import annotations

from autotune.space.plain import plain_set
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.unit_cube import UnitCube

_AGES = (0.5, 0.75, 0.625, 0.375)
"""Where the ages lie, in shares of their range on its scale, in the order in which they are tried."""


def plain_sets(space: SearchSpace) -> list[ParameterSet]:
    """Give plain parameter sets that differ by their ages; one if nothing has an age.

    >>> from pathlib import Path
    >>> from autotune.space.space import load_search_space
    >>> plain_sets(load_search_space(Path("search_spaces/prcl-quota.yaml")))[0]
    {'pattern.min_age': 2449490, 'pattern.min_size': 4096, 'limit': 'none'}
    """
    cube = UnitCube(space)
    plain = plain_set(space, {})
    ages = [p.name for p in space.parameters if p.field == "pattern.min_age" and p.name in plain]
    found: list[ParameterSet] = []
    for age in _AGES:
        point = cube.point(plain)
        for at, parameter in enumerate(space.parameters):
            if parameter.name in ages:
                point[at] = age
        values = cube.values(point)
        if values not in found:
            found.append(values)
    return found

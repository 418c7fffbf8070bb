"""Plain parameter sets: as little as possible is set, and ages lie at equal ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autotune.space.plain import plain_set
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.unit_cube import UnitCube

_AGES = (0.5, 0.75, 0.625, 0.375)
"""Where the ages lie, in shares of their range on its scale, in the order in which they are tried."""
_BEGIN = (0.5, 0.75)
"""Where a line of plain sets begins."""
_MOST_GIVEN = 3
"""So many initial sets of a space come before that."""
_MOST = 4
"""So many sets it has at most."""


def plain_sets(space: SearchSpace, ages: Sequence[float] = _AGES) -> list[ParameterSet]:
    """Give plain parameter sets that differ by their ages; one if nothing has an age.

    Args:
        space: The search space.
        ages: In shares of the range of ages, on its scale.

    >>> from pathlib import Path
    >>> from autotune.space.space import load_search_space
    >>> plain_sets(load_search_space(Path("search_spaces/prcl-quota.yaml")))[0]
    {'pattern.min_age': 2449490, 'pattern.min_size': 4096, 'limit': 'none'}
    """
    cube = UnitCube(space)
    plain = plain_set(space, {})
    aged = [p.name for p in space.parameters if p.field == "pattern.min_age" and p.name in plain]
    found: list[ParameterSet] = []
    for age in ages:
        point = cube.point(plain)
        for at, parameter in enumerate(space.parameters):
            if parameter.name in aged:
                point[at] = age
        values = cube.values(point)
        if values not in found:
            found.append(values)
    return found


class PlainLine:
    """Plain parameter sets, one after the other, towards where a limit breaks.

    The first are the initial sets of the space that are plain; without any, ages in the middle. An older
    age reaches less memory. So, where an age breaks a limit, older ages come next; where none does,
    younger ages.

    Args:
        space: The search space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._begin = [*_plain_initial(space)][:_MOST_GIVEN] or [*_BEGIN]
        self._asked: dict[float, ParameterSet] = {}
        self._keeps: dict[float, bool] = {}

    def next(self, count: int) -> list[ParameterSet]:
        """Give up to *count* sets to try now; none after a few."""
        found: list[ParameterSet] = []
        for share in self._shares():
            [values] = plain_sets(self._space, [share])
            if values not in self._asked.values() and len(found) < count:
                self._asked[share] = values
                found.append(values)
        return found

    def _shares(self) -> Sequence[float]:
        """Give where the next ages lie, in shares of their range."""
        if len(self._asked) < len(self._begin):
            return self._begin
        if len(self._asked) >= _MOST:
            return ()
        broke = max((share for share, keeps in self._keeps.items() if not keeps), default=None)
        kept = [share for share, keeps in self._keeps.items() if keeps]
        if broke is None:
            youngest = min(kept, default=self._begin[0])
            return 0.75 * youngest, 0.5 * youngest
        older = min((share for share in kept if share > broke), default=None)
        if older is None:
            return 1.0, (broke + 1.0) / 2.0
        return (broke + older) / 2.0, (older + 1.0) / 2.0

    def tell(self, values: ParameterSet, *, keeps: bool) -> None:
        """Tell whether the first run of a set kept all limits."""
        for share, asked in self._asked.items():
            if asked == values:
                self._keeps.setdefault(share, keeps)


def _plain_initial(space: SearchSpace) -> Iterator[float]:
    """Give the ages of plain initial sets, in shares of their range."""
    cube = UnitCube(space)
    for values in space.initial:
        point = cube.point(values)
        for at, parameter in enumerate(space.parameters):
            if parameter.field == "pattern.min_age" and parameter.name in values:
                share = float(point[at])
                if plain_sets(space, [share]) == [dict(values)]:
                    yield share
                break

"""Parameter sets of a search space as points of a cube, for searches and models that need distances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autotune.space.fields import FIELDS, Value
from autotune.space.parameters import Choices, Numeric, Parameter
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.gaussian_process import Layout

MIDDLE = 0.5
"""The coordinate of a parameter that does not exist in a parameter set."""

_ABSENT = 0.5
"""How far a parameter set without a parameter is from one with the parameter in its middle."""

_DECIDES, _DECIDES_LESS = 0.5, 2.0
_LESS = ("pattern.min_size", "pattern.max_size", "quota.reset_interval", "quota.weights.")
"""How likely length scales are, and the fields, or how they begin, that decide less."""


class UnitCube:
    """The cube ``[0, 1]^d`` over a search space, with one coordinate for each of its d parameters.

    A numeric parameter has its low end at 0 and its high end at 1, on its own scale. A choice has an
    equal share of the coordinate; its point is the middle of that share. The coordinate of a parameter
    whose condition does not hold counts for nothing.

    Args:
        space: The search space.

    >>> from pathlib import Path
    >>> from autotune.space.space import load_search_space
    >>> cube = UnitCube(load_search_space(Path("search_spaces/prcl.yaml")))
    >>> cube.values([0.0] * cube.dimensions)["pattern.min_age"]
    100000
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._parameters = space.parameters

    @property
    def dimensions(self) -> int:
        """The number of parameters, d."""
        return len(self._parameters)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Which coordinates are of choices without an order, shape ``(d,)``.

        Choices that are numbers have an order, and count as numeric.
        """
        return np.array([_is_categorical(p) for p in self._parameters], dtype=np.bool_)

    @property
    def length_scales(self) -> NDArray[np.float64]:
        """The likely length scale of each parameter, in shares of its range, shape ``(d,)``.

        Ages and what limits a quota decide most; regions' sizes, and how a quota is shared out, less.
        """
        less = np.array([parameter.field.startswith(_LESS) for parameter in self._parameters])
        return np.where(less, _DECIDES_LESS, _DECIDES)

    def values(self, point: ArrayLike) -> dict[str, Value]:
        """Give the parameter set at *point*, shape ``(d,)``; coordinates are cut to the cube."""
        values: dict[str, Value] = {}
        for parameter, share in zip(self._parameters, np.asarray(point).tolist(), strict=True):
            if parameter.active(values):
                values[parameter.name] = _value(parameter, min(max(share, 0.0), 1.0))
        return values

    def point(self, values: ParameterSet) -> NDArray[np.float64]:
        """Give the point of a parameter set, shape ``(d,)``: `MIDDLE` for what it does not have."""
        return np.array([self._share(parameter, values) for parameter in self._parameters])

    def exists(self, values: ParameterSet) -> NDArray[np.bool_]:
        """Say which parameters exist in a parameter set, shape ``(d,)``."""
        return np.array([parameter.name in values for parameter in self._parameters])

    def layout(
        self, sets: Sequence[ParameterSet], trend: NDArray[np.float64] | None = None
    ) -> Layout:
        """Lay parameter sets out so that their distances are distances of meaning.

        A number has one coordinate; a choice between words one for each word. A parameter with a
        condition has one more, that says whether it exists; where it does not, its others are 0.
        """
        columns, owners = [], []
        for number, parameter in enumerate(self._parameters):
            there = np.array([parameter.name in values for values in sets])
            shares = np.array([self._share(parameter, values) for values in sets])
            if parameter.when:
                columns.append(_ABSENT * there)
                owners.append(number)
            if _is_categorical(parameter):
                count = len(self.choices(number))
                words = np.where(there, np.floor(shares * count), -1)
                columns += [np.sqrt(0.5) * (words == word) for word in range(count)]
                owners += [number] * count
            else:
                columns.append(np.where(there, shares - MIDDLE, 0.0))
                owners.append(number)
        return Layout(
            coordinates=np.column_stack(columns).astype(np.float64),
            parameter=np.array(owners),
            trend=np.ones((len(sets), 1)) if trend is None else trend,
        )

    @staticmethod
    def _share(parameter: Parameter, values: ParameterSet) -> float:
        return _share(parameter, values[parameter.name]) if parameter.name in values else MIDDLE

    def choices(self, coordinate: int) -> Sequence[float]:
        """Give the coordinates of the choices of a parameter; empty for a numeric one."""
        parameter = self._parameters[coordinate]
        if isinstance(parameter, Numeric):
            return ()
        return tuple(_share(parameter, choice) for choice in parameter.choices)


def _is_categorical(parameter: Parameter) -> bool:
    return isinstance(parameter, Choices) and any(isinstance(c, str) for c in parameter.choices)


def _value(parameter: Parameter, share: float) -> Value:
    if isinstance(parameter, Choices):
        count = len(parameter.choices)
        return parameter.choices[min(int(share * count), count - 1)]
    low, high = parameter.low, parameter.high
    value = low * (high / low) ** share if parameter.log else low + (high - low) * share
    if FIELDS[parameter.field].quantity.whole:
        value = round(value)
    return min(max(value, low), high)


def _share(parameter: Parameter, value: Value) -> float:
    if isinstance(parameter, Choices):
        return (parameter.choices.index(value) + 0.5) / len(parameter.choices)
    if isinstance(value, str):
        raise ValueError(f"parameter '{parameter.name}': '{value}' is no number")
    low, high = parameter.low, parameter.high
    if parameter.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)

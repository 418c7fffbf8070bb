"""The proposals of a search space that lint looks at: round numbers and the ends of ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals
from autotune.space.fields import DURATION, FIELDS, SHARE, SIZE, Value
from autotune.space.parameters import Numeric, Parameter
from autotune.space.space import ParameterSet, SearchSpace

MOST_PROPOSALS = 1_000
"""How many proposals of a search space are looked at."""

_STRIDE = 7_919
"""A prime above the number of values of any parameter. So steps of this size reach all combinations."""


def notable_proposals(space: SearchSpace, intervals: Intervals) -> Iterator[ParameterSet]:
    """Combine notable values of the parameters in all ways, up to the number that is looked at.

    Args:
        space: The search space. Some of its proposals may be impossible schemes.
        intervals: The intervals in which the kernel counts rates and ages.
    """
    options = {p.name: _notable(p, intervals) for p in space.parameters}
    total = math.prod(map(len, options.values()))
    for index in range(min(total, MOST_PROPOSALS)):
        rest = index * _STRIDE % total
        values: dict[str, Value] = {}
        for parameter in space.parameters:
            rest, choice = divmod(rest, len(options[parameter.name]))
            if parameter.active(values):
                values[parameter.name] = options[parameter.name][choice]
        yield values


def _notable(parameter: Parameter, intervals: Intervals) -> Sequence[Value]:
    """Give the choices, or the ends of a range and the roundest numbers next to the ends."""
    if not isinstance(parameter, Numeric):
        return parameter.choices
    low, high = parameter.low, parameter.high
    values: dict[Value, None] = {low: None, high: None}
    for step in _steps(parameter, intervals):
        for count in (math.ceil(low / step), math.floor(high / step)):
            if low <= (value := count * step) <= high:
                values[value] = None
    return tuple(values)


def _steps(parameter: Numeric, intervals: Intervals) -> tuple[int | float, ...]:
    """Give the units in which the kernel counts a field."""
    quantity = FIELDS[parameter.field].quantity
    if quantity is DURATION:
        return (1_000, intervals.sampling_us, intervals.aggregation_us, 1_000_000)
    if quantity is SIZE:
        return (PAGE_BYTES,)
    return (1 / intervals.samples,) if quantity is SHARE else ()

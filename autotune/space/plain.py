"""Plain values: what a parameter has if nobody tunes it, so that a scheme is as simple as it can be."""

from __future__ import annotations

from collections.abc import Mapping

from autotune.space.fields import Value
from autotune.space.parameters import Choices, Parameter
from autotune.space.space import ParameterSet, SearchSpace

_HIGHEST = frozenset(
    {
        "pattern.max_size",
        "pattern.max_age",
        "quota.time",
        "quota.size",
        "watermarks.high",
        "watermarks.mid",
    }
)
"""The fields whose highest value limits a scheme least. Of all other fields, this is the lowest."""


def plain_set(space: SearchSpace, chosen: ParameterSet) -> dict[str, Value]:
    """Give the parameter set in which *chosen* is as it is, and everything else is plain.

    A plain number is the number that limits the scheme least: the lowest, or the highest where it is an
    upper bound or a quota. A plain switch is the word under which the fewest parameters exist, the first
    of several such words: if a scheme can do without a quota, it has none.

    Args:
        space: The search space.
        chosen: Values of some of its parameters, by name. Where a parameter of these exists only under
            conditions, the switches that it depends on meet these conditions.

    Returns:
        A value for each parameter that exists, in the order of the search space.

    Raises:
        ValueError: If *chosen* has a parameter that can't exist, or a value that it can't have.
    """
    wanted = _conditions_of(space, chosen)
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        if not parameter.active(values):
            continue
        if parameter.name in chosen:
            values[parameter.name] = chosen[parameter.name]
        else:
            values[parameter.name] = _plain(parameter, space, wanted.get(parameter.name))
    for name in chosen:
        if name not in values:
            raise ValueError(f"parameter '{name}' doesn't exist beside these values")
    space.check(values)
    return values


def _conditions_of(space: SearchSpace, chosen: ParameterSet) -> Mapping[str, tuple[Value, ...]]:
    """Give the choices with which the parameters in *chosen* exist, by the name of the switch."""
    wanted: dict[str, tuple[Value, ...]] = {}
    needed = set(chosen)
    for parameter in reversed(space.parameters):
        if parameter.name in needed:
            for condition in parameter.when:
                also = wanted.get(condition.name, condition.values)
                wanted[condition.name] = tuple(v for v in condition.values if v in also)
                needed.add(condition.name)
    return wanted


def _plain(parameter: Parameter, space: SearchSpace, allowed: tuple[Value, ...] | None) -> Value:
    highest = parameter.field in _HIGHEST
    if not isinstance(parameter, Choices):
        return parameter.high if highest else parameter.low
    choices = [c for c in parameter.choices if allowed is None or c in allowed]
    words = [choice for choice in choices if isinstance(choice, str)]
    if words:
        return min(words, key=lambda word: _depending(parameter, word, space))
    numbers = [choice for choice in choices if not isinstance(choice, str)]
    return max(numbers) if highest else min(numbers)


def _depending(switch: Parameter, word: str, space: SearchSpace) -> int:
    """Count the parameters and fixed fields that exist because a switch has this word."""
    items = [item for t in space.templates for item in (*t.parameters, *t.fixed)]
    return sum(
        any(c.name == switch.name and word in c.values for c in item.when) for item in items
    )

"""How simple schemes are, and which parameter sets would be simpler.

A scheme with two knobs is trusted, one with nine is not. A knob is a field that is away from its plain
value, which is what the kernel does when nobody asks for anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from autotune.damon.damos import UNLIMITED, Quota, Scheme
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.space.fields import Value
from autotune.space.parameters import Parameter
from autotune.space.space import ParameterSet, SearchSpace

_USUAL_WINDOW_US = 1_000_000

PLAIN: Mapping[str, Value] = MappingProxyType(
    {
        "pattern.min_size": PAGE_BYTES,
        "pattern.max_size": UNLIMITED,
        "pattern.max_age": UNLIMITED,
        "pattern.min_access_rate": 0.0,
        "quota.reset_interval": _USUAL_WINDOW_US,
        "quota.weights.size": 0,
        "quota.weights.access_rate": 0,
        "quota.weights.age": 0,
        "apply_interval": 0,
    }
)
"""The plain value of each field that has one, in the unit of `autotune.space.fields`."""

PLAIN_CHOICES = ("none", "off")
"""The choices of a switch that leave things out."""


def knobs(schemes: Sequence[Scheme]) -> int:
    """Count the fields of schemes that are away from their plain values.

    >>> from autotune.testing import prcl
    >>> knobs([prcl()]), knobs([prcl(time_us=10_000)])
    (2, 3)
    """
    return sum(_of_scheme(scheme) for scheme in schemes)


def _of_scheme(scheme: Scheme) -> int:
    pattern = scheme.pattern
    turned = (
        pattern.size_bytes.min > PAGE_BYTES,
        pattern.size_bytes.max < UNLIMITED,
        pattern.access_rate.min > 0.0,
        pattern.access_rate.max < UNLIMITED,
        pattern.age_us.min > 0,
        pattern.age_us.max < UNLIMITED,
        scheme.apply_interval_us > 0,
        scheme.watermarks is not None,
    )
    return sum(turned) + len(scheme.filters) + _of_quota(scheme.quota)


def _of_quota(quota: Quota | None) -> int:
    if quota is None:
        return 0
    weights = quota.weights
    turned = (
        quota.time_us is not None,
        quota.size_bytes is not None,
        quota.reset_interval_us != _USUAL_WINDOW_US,
        weights.size > 0,
        weights.access_rate > 0,
        weights.age > 0,
    )
    return sum(turned) + len(quota.goals)


def plain_value(parameter: Parameter) -> Value | None:
    """Give the plain value of a parameter; None if it has none within its range."""
    for value in (PLAIN.get(parameter.field), *PLAIN_CHOICES):
        if value is not None and parameter.contains(value):
            return value
    return None


def plainer(values: ParameterSet, space: SearchSpace) -> Iterator[dict[str, Value]]:
    """Give parameter sets that have plain values instead.

    First all parameters have them, then all but those on which others depend, then one each.

    Args:
        values: A parameter set of the space.
        space: A parameter that has no plain value in its range keeps its value.
    """
    turned = {
        parameter.name: plain
        for parameter in space.parameters
        if (plain := plain_value(parameter)) is not None
        and values.get(parameter.name, plain) != plain
    }
    switches = {condition.name for parameter in space.parameters for condition in parameter.when}
    fields = {name: plain for name, plain in turned.items() if name not in switches}
    seen: list[dict[str, Value]] = []
    for instead in (turned, fields, *({name: plain} for name, plain in turned.items())):
        made = _existing({**values, **instead}, space)
        if instead and made is not None and made not in seen:
            seen.append(made)
            yield made


def _existing(values: ParameterSet, space: SearchSpace) -> dict[str, Value] | None:
    """Keep the parameters that exist given the values before them; None if one lacks its value."""
    kept: dict[str, Value] = {}
    for parameter in space.parameters:
        if parameter.active(kept):
            if parameter.name not in values:
                return None
            kept[parameter.name] = values[parameter.name]
    return kept

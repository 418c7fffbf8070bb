"""Figures of a trial by name: metrics, numbers of the measurement, and the objectives' expressions.

The expression of an objective or a constraint is a figure, too: it is evaluated for each measurement,
and then averaged over several measurements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from autotune.experiment.measurement import Measurement
from autotune.objective import metrics
from autotune.objective.expression import Expression
from autotune.objective.metrics import METRICS, SlowdownName
from autotune.objective.objective import Constraint, Objectives

Figures: TypeAlias = Mapping[str, float]


def columns(objectives: Objectives) -> tuple[str, ...]:
    """The figures that tables show: every metric, then what the objectives and constraints add."""
    return tuple(dict.fromkeys((*METRICS, *_asked(objectives))))


def _asked(objectives: Objectives) -> dict[str, Expression]:
    return {
        **{objective.name: objective.metric for objective in objectives.objectives},
        **{constraint.name: constraint.metric for constraint in objectives.constraints},
    }


def figures(
    measured: Measurement,
    baseline: Measurement,
    objectives: Objectives,
    *,
    slowdown: SlowdownName,
    no_work: str | None = None,
) -> dict[str, float]:
    """Give every figure of one measurement. A metric that is missing is left out.

    Raises:
        ValueError: If an objective or a constraint can't be computed.
    """
    computed = metrics.compute(measured, baseline, slowdown=slowdown, no_work=no_work)
    values = metrics.values(measured, computed)
    for name, metric in _asked(objectives).items():
        if lacks := metric.names & computed.missing.keys():
            raise ValueError(_needs(name, min(lacks), computed.missing))
        values[name] = metric.evaluate(values)
    return values


def _needs(asked: str, name: str, missing: Mapping[str, str]) -> str:
    return f"'{asked}' needs {name}, which is unknown: {missing[name]}"


def lacking(
    baseline: Measurement,
    objectives: Objectives,
    *,
    slowdown: SlowdownName,
    no_work: str | None = None,
) -> str | None:
    """Say what an objective or a constraint needs and no measurement like *baseline* can have.

    Returns:
        A line with a remedy; None if nothing lacks.
    """
    missing = {
        **metrics.out_of_reach(baseline, slowdown=slowdown, no_work=no_work),
        **{
            name: "it was not measured"
            for name in metrics.RECORD_FIELDS
            if name not in metrics.ONLY_MONITORED and getattr(baseline, name) is None
        },
    }
    for asked, metric in _asked(objectives).items():
        if lacks := metric.names & missing.keys():
            return f"{_needs(asked, min(lacks), missing)}; or seek another figure"
    return None


def mean(several: Sequence[Figures]) -> dict[str, float]:
    """Average each figure that all of *several* have. A mean is never outside the averaged values.

    >>> mean([{"slowdown": 0.25, "x": 1.0}, {"slowdown": 0.75}])
    {'slowdown': 0.5}
    """
    first, *rest = several
    if not rest:
        return {name: value + 0.0 for name, value in first.items()}  # no zero has a sign
    names = [name for name in first if all(name in other for other in rest)]
    return {name: _mean([one[name] for one in several]) for name in names}


def _mean(values: Sequence[float]) -> float:
    # The sum is exact before it is rounded; still, a third of three equal values may differ from them.
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def minimised(values: Figures, objectives: Objectives) -> tuple[float, ...]:
    """Give each objective's figure such that less is better."""
    return tuple(o.direction.minimised(values[o.name]) for o in objectives.objectives)


def violation(values: Figures, constraint: Constraint) -> float:
    """Say by how much a bound is broken; 0 or less if the bound is kept."""
    difference = values[constraint.name] - constraint.bound
    return difference if constraint.upper else -difference


def broken(values: Figures, objectives: Objectives) -> list[Constraint]:
    """Give the constraints that the figures don't keep."""
    return [c for c in objectives.constraints if violation(values, c) > 0.0]


def worst_violation(values: Figures, objectives: Objectives) -> float:
    """Give the largest violation as a share of its bound; for a bound of 0, the violation itself."""
    shares = [violation(values, c) / (abs(c.bound) or 1.0) for c in objectives.constraints]
    return max(shares, default=0.0)


def breaches(values: Figures, objectives: Objectives) -> str:
    """Say which bounds the figures break, joined by semicolons; empty if they keep all bounds."""
    return "; ".join(_breach(values, constraint) for constraint in broken(values, objectives))


def _breach(values: Figures, constraint: Constraint) -> str:
    name, value, bound = constraint.name, values[constraint.name], constraint.bound
    # A figure just beyond its bound gets more digits, so that it is not shown as equal to the bound.
    digits = None if abs(value - bound) >= 0.0001 else 6
    figure, limit = format_figure(name, value, digits=digits), str(constraint).rsplit(" ", 1)[1]
    return f"{name} {figure} {'>' if constraint.upper else '<'} {limit}"


def format_figure(name: str, value: float, *, digits: int | None = None) -> str:
    """Write a figure for people: a metric in its unit, fractions as percentages.

    Args:
        name: Name of the figure.
        value: The figure.
        digits: Number of significant digits; None gives percentages two decimals, for columns.

    >>> format_figure("slowdown", 0.0123456), format_figure("slowdown", 0.0123456, digits=4)
    ('1.23%', '1.235%')
    >>> format_figure("memory_saving", -0.00001)
    '0.00%'
    >>> format_figure("half_saving_s", 3.5), format_figure("major_faults", 1250.0)
    ('3.500 s', '1250')
    """
    unit = METRICS[name].unit if name in METRICS else "count"
    if unit == "count":
        return f"{value:.{digits or 6}g}"
    if unit == "s":
        return f"{value:.3f} s" if digits is None else f"{value:.{digits}g} s"
    if digits is None:
        return f"{round(100.0 * value, 2) + 0.0:.2f}%"
    return f"{100.0 * value:.{digits}g}%"

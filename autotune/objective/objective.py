"""Objectives (metrics with a direction) and constraints, which a recommendation keeps."""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from autotune import document
from autotune.document import Value
from autotune.errors import nearest
from autotune.objective.expression import Expression
from autotune.objective.hold import USUAL, Hold, read_hold
from autotune.objective.metrics import METRICS, RECORD_FIELDS
from autotune.units import format_share, parse_share

KNOWN_NAMES: tuple[str, ...] = (*METRICS, *RECORD_FIELDS)
"""The names that an expression of an objective or a constraint may use."""

_COMPARISON = re.compile(r"(?P<metric>[^<>=]*)(?P<sign>[<>=]+)(?P<bound>[^<>=]*)")
_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")


class Direction(enum.Enum):
    """Which way is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    def minimised(self, value: float) -> float:
        """Give *value* as a number of which less is better: with `MAXIMIZE`, its negative."""
        return value if self is Direction.MINIMIZE else 0.0 - value


def _is_fraction(metric: Expression) -> bool:
    """Whether the metric is made of fractions only."""
    return all(name in METRICS and METRICS[name].unit == "fraction" for name in metric.names)


def _number_text(metric: Expression, number: float) -> str:
    """Write a value of *metric*: as a percentage if the metric is made of fractions only."""
    return format_share(number) if _is_fraction(metric) else f"{number:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A metric and a direction.

    Attributes:
        metric: A metric, or an expression over several metrics.
        name: Name in tables: the metric's text, unless the user gave a name.
        direction: Which way is better.
        reference: Value of the metric from which the hypervolume counts.
    """

    metric: Expression
    name: str
    direction: Direction
    reference: float

    @property
    def reference_text(self) -> str:
        """The reference as it is written in a file."""
        return _number_text(self.metric, self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A bound on a metric. A trial that breaks it is measured and reported, but not recommended.

    Attributes:
        metric: A metric, or an expression over several metrics.
        upper: Whether `bound` is the most (True) or the least (False) that is allowed.
        bound: The bound, in the metric's unit.
    """

    metric: Expression
    upper: bool
    bound: float

    @property
    def name(self) -> str:
        """The metric's text."""
        return str(self.metric)

    def excludes(self, other: Constraint) -> bool:
        """Say whether no figure keeps both constraints."""
        if self.metric != other.metric or self.upper is other.upper:
            return False
        most, least = (self, other) if self.upper else (other, self)
        return least.bound > most.bound

    def __str__(self) -> str:
        """Give the constraint as it is written in a file.

        >>> print(parse_constraint("slowdown<=0.05"), parse_constraint("major_faults >= 10"))
        slowdown <= 5% major_faults >= 10
        """
        return (
            f"{self.metric} {'<=' if self.upper else '>='} {_number_text(self.metric, self.bound)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """Objectives and constraints of a study.

    Attributes:
        name: Name of the file that they came from.
        objectives: One or more objectives, with unique names.
        constraints: Constraints: at most one upper and one lower bound for each metric.
        hold: How the constraints must hold before a scheme is recommended.

    Raises:
        ValueError: If there is no objective, a name or bound is there twice, or two bounds exclude each
            other.
    """

    name: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    hold: Hold = USUAL

    def __post_init__(self) -> None:
        """Check that there is an objective, and that names and bounds go together."""
        if not self.objectives:
            raise ValueError("there is no objective: give at least one")
        seen = set()
        for objective in self.objectives:
            if objective.name in seen:
                raise ValueError(f"two objectives are called '{objective.name}': rename one")
            seen.add(objective.name)
        bounds = set()
        for constraint in self.constraints:
            if (side := (constraint.metric, constraint.upper)) in bounds:
                raise ValueError(f"'{constraint}' bounds a side that is already bounded: drop one")
            bounds.add(side)
        for one, other in itertools.combinations(self.constraints, 2):
            if one.excludes(other):
                raise ValueError(f"'{one}' and '{other}' exclude each other: drop or change one")

    @property
    def reference(self) -> tuple[float, ...]:
        """The hypervolume's reference point: one coordinate for each objective, less is better."""
        return tuple(o.direction.minimised(o.reference) for o in self.objectives)

    @property
    def limit(self) -> tuple[float, ...]:
        """The value at which each objective is worth nothing any more; less is better.

        This is the bound of a constraint on the objective's metric. Without such a constraint, or if the
        reference is stricter, this is the reference.
        """
        return tuple(self._limit(objective) for objective in self.objectives)

    def _limit(self, objective: Objective) -> float:
        direction = objective.direction
        bounds = [
            direction.minimised(constraint.bound)
            for constraint in self.constraints
            if constraint.metric == objective.metric
            and constraint.upper is (direction is Direction.MINIMIZE)
        ]
        return min([direction.minimised(objective.reference), *bounds])

    def with_constraints(self, extra: Sequence[Constraint]) -> Objectives:
        """Add constraints. They replace all constraints on their metrics, upper and lower bounds."""
        metrics = {constraint.metric for constraint in extra}
        kept = tuple(c for c in self.constraints if c.metric not in metrics)
        return replace(self, constraints=(*kept, *extra))


def _parse_metric(text: str, known: Collection[str]) -> Expression:
    expression = Expression.parse(text, known)
    if not expression.names:
        raise ValueError(f"'{text.strip()}' names no metric: {nearest('', known)}")
    return expression


def _parse_value(metric: Expression, text: str) -> float:
    """Read a value of *metric*.

    Raises:
        ValueError: If the text is no number, or the metric is a fraction and the number looks like a
            percentage whose sign was forgotten.
    """
    number = _parse_number(text)
    if abs(number) > 1.0 and not text.strip().endswith("%") and _is_fraction(metric):
        raise ValueError(
            f"'{metric}' is a fraction, and {number:g} is {100.0 * number:g}%: write {number:g}%, or "
            f"{100.0 * number:g}% if you mean that"
        )
    return number


def _parse_number(text: str) -> float:
    """Read a plain number or a percentage; it may be negative."""
    text = text.strip()
    if text.endswith("%"):
        magnitude = parse_share(text.removeprefix("-"))
        return -magnitude if text.startswith("-") else magnitude
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number: write one without a unit, as in 0.05, or 5%")
    return float(text)


def parse_constraint(text: str, known: Collection[str] = KNOWN_NAMES) -> Constraint:
    """Read a bound: ``METRIC <= VALUE`` or ``METRIC >= VALUE``.

    Args:
        text: The bound's text.
        known: The names that the metric may use.

    Raises:
        ValueError: If the text is no such bound, or a name is unknown.

    >>> parse_constraint("slowdwn <= 5%")
    Traceback (most recent call last):
    ValueError: unknown name 'slowdwn' in 'slowdwn': did you mean 'slowdown'?
    >>> parse_constraint("slowdown <= 5")
    Traceback (most recent call last):
    ValueError: 'slowdown' is a fraction, and 5 is 500%: write 5%, or 500% if you mean that
    """
    match = _COMPARISON.fullmatch(text)
    if match is None or match["sign"] not in {"<=", ">="}:
        raise ValueError(
            f"'{text}' is not a constraint: write METRIC <= VALUE or METRIC >= VALUE, "
            "as in slowdown <= 5%"
        )
    metric = _parse_metric(match["metric"], known)
    return Constraint(
        metric=metric,
        upper=match["sign"] == "<=",
        bound=_parse_value(metric, match["bound"]),
    )


_constraint = document.parsed(parse_constraint, "write a constraint, as in slowdown <= 5%")
_direction = document.one_of([direction.value for direction in Direction])


def read_constraints(value: Value) -> tuple[Constraint, ...]:
    """Read a list of constraints.

    Raises:
        InputError: If a constraint can't be read, a bound is there twice, or two bounds exclude each
            other.
    """
    constraints: list[Constraint] = []
    for item in value.items():
        constraint = _constraint(item)
        for other in constraints:
            if (other.metric, other.upper) == (constraint.metric, constraint.upper):
                item.fail(f"'{constraint}' and '{other}' bound the same side: drop one")
            if constraint.excludes(other):
                item.fail(f"'{constraint}' and '{other}' exclude each other: drop or change one")
        constraints.append(constraint)
    return tuple(constraints)


def _read_metric(value: Value) -> Expression:
    content = value.scalar("write a metric, as in memory_saving")
    with value.blamed():
        return _parse_metric(content, KNOWN_NAMES)


def _read_name(value: Value) -> str:
    name = document.text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in KNOWN_NAMES:
        value.fail(f"'{name}' can't name an objective: use letters, digits and _, and no metric")
    return name


def _read_objective(value: Value) -> Objective:
    keys = value.mapping()
    metric = keys.take("metric", _read_metric, example="memory_saving")
    name = keys.take("name", _read_name, str(metric))
    direction = Direction(keys.take("direction", _direction, example="maximize"))
    read_reference = document.parsed(partial(_parse_value, metric), "write a number")
    reference = keys.take(
        "reference", read_reference, example="0%" if _is_fraction(metric) else "0"
    )
    keys.finish()
    return Objective(metric=metric, name=name, direction=direction, reference=reference)


def read_objectives(
    value: Value,
    *,
    name: str,
    constraints: tuple[Constraint, ...] = (),
    hold: Hold = USUAL,
) -> Objectives:
    """Read a list of objectives.

    Args:
        value: The list.
        name: Name of the objectives and constraints together.
        constraints: The constraints.
        hold: How the constraints must hold before a scheme is recommended.

    Raises:
        InputError: If an objective can't be read, there is none, or two have one name.
    """
    objectives = document.list_of(_read_objective)(value)
    with value.blamed():
        return Objectives(name=name, objectives=objectives, constraints=constraints, hold=hold)


def load_objectives(path: Path) -> Objectives:
    """Read a file of objectives and constraints.

    Raises:
        InputError: If the file can't be read or something in it is wrong.
    """
    keys = document.load(path)
    constraints = keys.take("constraints", read_constraints, ())
    rule = keys.take("hold", read_hold, USUAL)
    objectives = keys.take(
        "objectives",
        lambda value: read_objectives(value, name=path.stem, constraints=constraints, hold=rule),
        example="[{metric: memory_saving, direction: maximize, reference: 0%}]",
    )
    keys.finish()
    return objectives

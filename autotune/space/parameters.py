"""What a search space varies: parameters, the conditions under which they exist, and their schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from autotune.damon.damos import Action, Scheme
from autotune.errors import Where
from autotune.space.fields import FIELDS, Value, build_scheme

_QUOTA_LIMITS = frozenset({"quota.time", "quota.size"})


class Suggester(Protocol):
    """An object that proposes values, as a trial of Optuna does."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Propose a whole number from *low* to *high*, both included."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Propose a number from *low* to *high*, both included."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Propose one of *choices*."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition: another parameter has one of certain values.

    Attributes:
        name: Name of that parameter in the search space.
        values: The values of that parameter that meet the condition.
    """

    name: str
    values: tuple[Value, ...]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Say whether *values* meet the condition. They don't if they lack the parameter `name`."""
        return self.name in values and values[self.name] in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What all parameters have.

    Attributes:
        name: Name, unique in the search space.
        field: A name of `autotune.space.fields.FIELDS`; for a switch, the switch's own name.
        when: Conditions. The parameter exists only if all of them hold.
    """

    name: str
    field: str
    when: tuple[Condition, ...] = ()

    @property
    def column(self) -> str:
        """The name with the unit of its values."""
        return self.name + (FIELDS[self.field].quantity.suffix if self.field in FIELDS else "")

    def active(self, values: Mapping[str, Value]) -> bool:
        """Say whether the parameter exists, given *values* of the parameters before it."""
        # A search asks thousands of times, and most parameters have no condition.
        return not self.when or all(condition.holds(values) for condition in self.when)

    def format(self, value: Value) -> str:
        """Write a value of the parameter, with its unit."""
        return str(value) if isinstance(value, str) else FIELDS[self.field].format(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric(_Named):
    """A number between two ends.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Whether equal ratios count as equal distances.

    Raises:
        ValueError: If `high` is not above `low`, or a logarithmic scale can't start at `low`.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        """Check the ends."""
        if not self.low < self.high:
            raise ValueError(
                f"low ({self.format(self.low)}) is not below high ({self.format(self.high)}): "
                "move them apart"
            )
        if self.log and self.low <= 0:
            raise ValueError(
                f"low is {self.format(self.low)}: scale log needs one above 0; or use linear"
            )

    def contains(self, value: Value) -> bool:
        """Say whether *value* lies between the ends."""
        return not isinstance(value, str) and self.low <= value <= self.high

    def suggest(self, trial: Suggester) -> Value:
        """Let *trial* propose a value."""
        if FIELDS[self.field].quantity.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, float(self.low), float(self.high), log=self.log)

    @property
    def range(self) -> str:
        """The ends as text, for people."""
        return f"{self.format(self.low)} to {self.format(self.high)}"

    @property
    def example(self) -> Value:
        """One of the values."""
        return self.low

    @property
    def scale(self) -> str:
        """The scale, for people."""
        return "log" if self.log else "linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices(_Named):
    """One of several values.

    Attributes:
        choices: Two or more values.

    Raises:
        ValueError: If there are fewer than two choices, or a choice is there twice.
    """

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        """Check that there is something to choose."""
        if len(self.choices) < 2:
            raise ValueError("there must be two choices or more: fix the value instead")
        for choice in self.choices:
            if self.choices.count(choice) > 1:
                raise ValueError(f"choice {self.format(choice)} is there twice: drop one")

    def contains(self, value: Value) -> bool:
        """Say whether *value* is one of the choices."""
        return value in self.choices

    def suggest(self, trial: Suggester) -> Value:
        """Let *trial* propose a value."""
        choice: Value = trial.suggest_categorical(self.name, self.choices)
        return choice

    @property
    def range(self) -> str:
        """The choices as text, for people."""
        return ", ".join(self.format(choice) for choice in self.choices)

    @property
    def example(self) -> Value:
        """One of the values."""
        return self.choices[0]

    @property
    def scale(self) -> str:
        """The scale, for people."""
        return "choices"


Parameter: TypeAlias = Numeric | Choices


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field that is not varied.

    Attributes:
        field: A name of `autotune.space.fields.FIELDS`.
        value: The value, in microseconds or bytes, or as a fraction or count.
        when: Conditions. The field is set only if all of them hold.
    """

    field: str
    value: int | float
    when: tuple[Condition, ...] = ()

    def active(self, values: Mapping[str, Value]) -> bool:
        """Say whether the field is set, given *values* of the parameters."""
        return not self.when or all(condition.holds(values) for condition in self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeTemplate:
    """A scheme with parameters in place of some of its fields.

    Attributes:
        name: Name, unique in the search space.
        action: Action of the scheme.
        fixed: Fields with a fixed value.
        parameters: Parameters, in the order in which values are chosen.
        where: Place of the action in the user's file.
    """

    name: str
    action: Action
    fixed: tuple[Fixed, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    where: Where | None = field(default=None, compare=False)

    def check(self) -> None:
        """Check that the template can give a scheme.

        Raises:
            ValueError: If it can't, or if part of a quota is set that limits nothing.
        """
        fields = {item.field for item in (*self.fixed, *self.parameters)}
        for name in sorted(fields):
            if name.startswith("quota.") and not fields & _QUOTA_LIMITS:
                raise ValueError(
                    f"{name} limits nothing by itself: add {' or '.join(sorted(_QUOTA_LIMITS))}"
                )
        self.widest()

    def scheme(self, values: Mapping[str, Value]) -> Scheme:
        """Make the scheme for values of the parameters, by name.

        Raises:
            ValueError: If the values don't fit together; the message names a field.
        """
        fields = {fixed.field: fixed.value for fixed in self.fixed if fixed.active(values)}
        for parameter in self.parameters:
            if parameter.active(values):
                value = values[parameter.name]
                if not isinstance(value, str):
                    fields[parameter.field] = value
        return build_scheme(self.action, fields)

    def widest(self) -> Scheme:
        """Give the scheme that selects the most memory, if conditions are ignored.

        Raises:
            ValueError: If not even this scheme is possible.
        """
        values = {fixed.field: fixed.value for fixed in self.fixed}
        for parameter in self.parameters:
            if parameter.field in FIELDS:
                values[parameter.field] = _extreme(parameter)
        if any(parameter.field.startswith("watermarks.") for parameter in self.parameters):
            values = {k: v for k, v in values.items() if not k.startswith("watermarks.")}
        return build_scheme(self.action, values)


def _extreme(parameter: Parameter) -> int | float:
    upper = parameter.field.startswith("pattern.max_")
    if isinstance(parameter, Numeric):
        return parameter.high if upper else parameter.low
    numbers = [choice for choice in parameter.choices if not isinstance(choice, str)]
    return max(numbers) if upper else min(numbers)

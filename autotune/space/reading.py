"""Schemes and parameters of a search space, from YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autotune import document
from autotune.damon.damos import UNLIMITED, Action
from autotune.document import Reader, Value
from autotune.errors import nearest
from autotune.space.fields import FIELDS, no_field
from autotune.space.fields import Value as ParameterValue
from autotune.space.parameters import Choices, Condition, Fixed, Numeric, Parameter, SchemeTemplate


def read_field(field: str, *, open_ended: bool = True) -> Reader[int | float]:
    """Make a reader of a field's values, with their unit; without *open_ended* it refuses `max`."""

    def parse(text: str) -> int | float:
        number = FIELDS[field].parse(text)
        if number == UNLIMITED and not open_ended:
            raise ValueError("max is no number: write one; or fix the field at max")
        return number

    example = FIELDS[field].quantity.example
    return document.parsed(parse, f"write one value, as in {example}")


def _word(value: Value) -> str:
    return value.scalar("write one word")


def read_choice(field: str) -> Reader[ParameterValue]:
    """Make a reader of a choice of a field, or of a switch."""
    if field in FIELDS:
        return read_field(field, open_ended=False)
    return _word


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterReader:
    """Reads one parameter.

    Attributes:
        prefix: What is before the field in the parameter's name.
        field: A field of a scheme, or the name of a switch.
        earlier: Parameters of this scheme that come before this parameter, by field.
        base: The parameter or fixed field that is overridden, if there is one: a key that is not given
            keeps its value.
    """

    prefix: str
    field: str
    earlier: Mapping[str, Parameter]
    base: Parameter | None = None

    def __call__(self, value: Value) -> Parameter:
        """Read the parameter.

        Raises:
            InputError: If something in *value* is wrong.
        """
        keys = value.mapping()
        name = self.prefix + self.field
        when = keys.take("when", self._conditions, self.base.when if self.base else ())
        if "choices" in keys or (isinstance(self.base, Choices) and not list(keys)):
            kept = self.base.choices if isinstance(self.base, Choices) else ()
            choices = keys.take("choices", document.list_of(read_choice(self.field)), kept)
            if any(key in keys for key in ("low", "high", "scale")):
                value.fail("choices have no low, high and scale: drop the ones or the others")
            keys.finish()
            with value.blamed():
                return Choices(name=name, field=self.field, when=when, choices=choices)
        if self.field not in FIELDS:
            value.fail(
                "a switch needs choices: add them, or vary a field, such as pattern.min_age"
            )
        numeric = self.base if isinstance(self.base, Numeric) else None
        end = read_field(self.field, open_ended=False)
        if numeric:
            low, high = keys.take("low", end, numeric.low), keys.take("high", end, numeric.high)
        else:
            quantity = FIELDS[self.field].quantity
            low = keys.take("low", end, example=quantity.example)
            high = keys.take("high", end, example=quantity.larger_example)
        default = numeric.scale if numeric else "linear"
        scale = keys.take("scale", document.one_of(["linear", "log"]), default)
        keys.finish(also=["choices"])
        with value.blamed():
            return Numeric(
                name=name, field=self.field, when=when, low=low, high=high, log=scale == "log"
            )

    def _conditions(self, value: Value) -> tuple[Condition, ...]:
        keys = value.mapping()
        known = {f: p for f, p in self.earlier.items() if isinstance(p, Choices)}
        conditions = []
        for field, item in keys.entries():
            if field not in known:
                remedy = nearest(field, known) if known else "define one"
                value.fail(f"no parameter '{field}' with choices stands before this one: {remedy}")
            other = known[field]
            conditions.append(Condition(other.name, _values_of(other)(item)))
        if not conditions:
            value.fail("there is no condition: write one, as in {limit: time}")
        return tuple(conditions)


def _values_of(other: Choices) -> Reader[tuple[ParameterValue, ...]]:
    """Make a reader of one or several of the choices of *other*."""

    def read_one(value: Value) -> ParameterValue:
        choice = read_choice(other.field)(value)
        if choice not in other.choices:
            text = other.format(choice)
            remedy = nearest(text, [other.format(known) for known in other.choices])
            value.fail(f"'{text}' is no choice of '{other.field}': {remedy}")
        return choice

    def read(value: Value) -> tuple[ParameterValue, ...]:
        values = document.list_of(read_one)(value) if value.is_list else (read_one(value),)
        if not values:
            value.fail("there is no value: write at least one")
        return values

    return read


def scheme_name(value: Value) -> str:
    """Read the name of a scheme.

    Raises:
        InputError: If the name could not stand before a dot in a parameter's name.
    """
    name = document.text(value)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        value.fail(f"'{name}' can't name a scheme: use letters, digits, - and _")
    return name


def read_template(value: Value, *, several: bool) -> SchemeTemplate:
    """Read one scheme with its fixed fields and its parameters.

    Args:
        value: The mapping.
        several: Whether the search space has several schemes. Then a parameter's name begins with the
            scheme's name.

    Raises:
        InputError: If something in *value* is wrong.
    """
    keys = value.mapping()
    where = keys.where("action")
    read_action = document.one_of([action.value for action in Action])
    action = Action(keys.take("action", read_action, example="pageout"))
    name = keys.take("name", scheme_name, action.value)
    prefix = f"{name}." if several else ""
    parameters = keys.take("parameters", document.itself, None)
    places = {field: keys.peek(field) for field in keys if field in FIELDS}
    fixed = tuple(Fixed(*one) for one in keys.take_present(FIELDS, read_field).items())
    keys.finish()
    earlier: dict[str, Parameter] = {}
    if parameters is not None:
        for field, item in parameters.mapping().entries():
            if field in places:
                item.fail("is fixed in this scheme as well: drop one of the two")
            if field not in FIELDS and "." in field:
                item.fail(no_field(field))
            places[field] = item
            earlier[field] = ParameterReader(prefix=prefix, field=field, earlier=earlier)(item)
    _check_switches(earlier, places)
    template = SchemeTemplate(
        name=name, action=action, fixed=fixed, parameters=tuple(earlier.values()), where=where
    )
    with value.blamed():
        template.check()
    return template


def _check_switches(parameters: Mapping[str, Parameter], places: Mapping[str, Value]) -> None:
    used = {condition.name for p in parameters.values() for condition in p.when}
    for field, parameter in parameters.items():
        if field not in FIELDS and parameter.name not in used:
            places[field].fail(
                "no parameter has a 'when' with this switch: add one, or vary a field, "
                "such as pattern.min_age"
            )

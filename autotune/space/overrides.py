"""A user's changes to a search space: other ranges, fewer parameters, or more parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from autotune.document import Value
from autotune.errors import InputError, Where, nearest
from autotune.space.fields import FIELDS
from autotune.space.fields import Value as ParameterValue
from autotune.space.parameters import Choices, Condition, Fixed, Numeric, Parameter, SchemeTemplate
from autotune.space.reading import ParameterReader, read_choice, read_field

Conditional = TypeVar("Conditional", bound=Numeric | Choices | Fixed)


def override(templates: Sequence[SchemeTemplate], value: Value) -> tuple[SchemeTemplate, ...]:
    """Change the parameters that *value*, a mapping, names.

    A mapping below a name gives the keys of the parameter that change. If the name is a field that is no
    parameter, the mapping makes it a parameter. A plain value below a name fixes the field.

    Raises:
        InputError: If a name is unknown, or a scheme makes no sense after the changes.
    """
    by_name = {template.name: template for template in templates}
    keys = value.mapping()
    places = {name: keys.where(name) for name in keys}
    for name, item in keys.entries():
        template, field = _resolve(name, list(by_name.values()), places[name])
        prefix = name.removesuffix(field)
        if item.is_mapping:
            by_name[template.name] = _vary(template, field, item, prefix)
        else:
            by_name[template.name] = _fix(template, field, item)
    with value.blamed():
        for template in by_name.values():
            template.check()
    return tuple(by_name.values())


def _resolve(
    name: str, templates: Sequence[SchemeTemplate], where: Where
) -> tuple[SchemeTemplate, str]:
    """Find the scheme and the field that the name of a parameter stands for."""
    targets = {}
    for template in templates:
        switches = [p.field for p in template.parameters if p.field not in FIELDS]
        prefix = f"{template.name}." if len(templates) > 1 else ""
        targets.update({f"{prefix}{field}": (template, field) for field in [*switches, *FIELDS]})
    if name not in targets:
        raise InputError(f"unknown parameter '{name}': {nearest(name, targets)}", where)
    return targets[name]


def _vary(template: SchemeTemplate, field: str, value: Value, prefix: str) -> SchemeTemplate:
    fields = [parameter.field for parameter in template.parameters]
    position = fields.index(field) if field in fields else len(fields)
    old = template.parameters[position] if field in fields else None
    earlier = {parameter.field: parameter for parameter in template.parameters[:position]}
    new = ParameterReader(prefix=prefix, field=field, earlier=earlier, base=old)(value)
    if isinstance(old, Choices):
        _check_dependents(template, old, new, value)
    parameters = (*template.parameters[:position], new, *template.parameters[position + 1 :])
    fixed = tuple(item for item in template.fixed if item.field != field)
    return _settled(replace(template, parameters=parameters, fixed=fixed), {})


def _check_dependents(
    template: SchemeTemplate, old: Choices, new: Parameter, value: Value
) -> None:
    """Check that every condition on *old* can still be met with the choices of *new*."""
    conditions = [c for item in (*template.parameters, *template.fixed) for c in item.when]
    if isinstance(new, Numeric):
        if any(condition.name == old.name for condition in conditions):
            value.fail("other parameters depend on its choices: give choices")
    elif old.field not in FIELDS:
        for choice in new.choices:
            if choice not in old.choices:
                remedy = nearest(old.format(choice), [old.format(known) for known in old.choices])
                value.fail(f"'{choice}' is no choice of this switch: {remedy}")


def _fix(template: SchemeTemplate, field: str, value: Value) -> SchemeTemplate:
    parameters = tuple(p for p in template.parameters if p.field != field)
    fixed = tuple(item for item in template.fixed if item.field != field)
    when = next((i.when for i in (*template.parameters, *template.fixed) if i.field == field), ())
    old = next((p for p in template.parameters if p.field == field), None)
    chosen: ParameterValue
    if field in FIELDS:
        chosen = read_field(field)(value)
        fixed = (*fixed, Fixed(field, chosen, when))
    else:
        chosen = read_choice(field)(value)
        if isinstance(old, Choices) and chosen not in old.choices:
            remedy = nearest(str(chosen), [old.format(known) for known in old.choices])
            value.fail(f"'{chosen}' is no choice of this switch: {remedy}")
    return _settled(
        replace(template, parameters=parameters, fixed=fixed), {old.name: chosen} if old else {}
    )


def _settled(template: SchemeTemplate, decided: Mapping[str, ParameterValue]) -> SchemeTemplate:
    """Drop conditions that always hold, and fields whose conditions can't hold any more.

    Args:
        template: A template. Its conditions may be on parameters that have lost choices, or are gone.
        decided: The values of the parameters that are gone because they were fixed.
    """
    alive: dict[str, Parameter] = {}
    for parameter in template.parameters:
        alive.update({p.name: p for p in _if_possible(parameter, alive, decided)})
    fixed = [f for item in template.fixed for f in _if_possible(item, alive, decided)]
    return replace(template, parameters=tuple(alive.values()), fixed=tuple(fixed))


def _if_possible(
    item: Conditional,
    alive: Mapping[str, Parameter],
    decided: Mapping[str, ParameterValue],
) -> Iterable[Conditional]:
    """Give *item* with the conditions that are not decided yet, or nothing if *item* can't exist."""
    conditions = []
    for condition in item.when:
        other = alive.get(condition.name)
        if condition.name in decided:
            if decided[condition.name] not in condition.values:
                return []
        elif isinstance(other, Choices):
            values = tuple(value for value in condition.values if value in other.choices)
            if not values:
                return []
            conditions.append(Condition(condition.name, values))
        else:
            return []
    return [replace(item, when=tuple(conditions))]

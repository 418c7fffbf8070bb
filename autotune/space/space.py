"""Search spaces: the parameters that a study may choose, and the schemes that follow from values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autotune import catalog, document
from autotune.damon.damos import Scheme
from autotune.document import Value
from autotune.errors import InputError, Where, nearest
from autotune.space.fields import Value as ParameterValue
from autotune.space.overrides import override
from autotune.space.parameters import Parameter, SchemeTemplate, Suggester
from autotune.space.reading import read_choice, read_template

_YAML = frozenset({".yaml", ".yml"})
_A_SCHEME = "[{action: pageout, parameters: {pattern.min_age: {low: 1s, high: 1m}}}]"
_NO_SPACE = (
    "is no search space, which is YAML and begins with schemes: write one; a scheme alone is measured "
    "with measure --scheme FILE"
)

ParameterSet = Mapping[str, ParameterValue]
"""The values of all parameters that exist given these values, by name."""


@dataclass(frozen=True, slots=True)
class Description:
    """A parameter, described for people.

    Attributes:
        parameter: The parameter's name.
        range: The parameter's ends or choices, with units.
        scale: "log", "linear" or "choices".
        condition: When the parameter exists; empty if it always exists.
    """

    parameter: str
    range: str
    scale: str
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """The parameters of one or more schemes, which are tuned together.

    In a space with one scheme, a parameter has its field's name: `pattern.min_age`. In a space with
    several schemes, the scheme's name comes before it: `hugepage.pattern.min_age`.

    Attributes:
        name: Name of the file that the space came from.
        templates: One or more templates of schemes.
        initial: Parameter sets to try first.

    Raises:
        ValueError: If there is no scheme or no parameter, a name is used twice, or an initial set is
            not in this space.
    """

    name: str
    templates: tuple[SchemeTemplate, ...]
    initial: tuple[ParameterSet, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is something to tune."""
        if not self.templates:
            raise ValueError("there is no scheme: give at least one")
        if not self.parameters:
            raise ValueError("there is nothing to tune: give at least one parameter")
        for names in ([t.name for t in self.templates], [p.name for p in self.parameters]):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"the name '{name}' is used twice: name the schemes apart")
        for values in self.initial:
            self.check(values)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in the order in which values are chosen."""
        return tuple(p for template in self.templates for p in template.parameters)

    def suggest(self, trial: Suggester) -> dict[str, ParameterValue]:
        """Let *trial* propose values: for each parameter that exists, given the values before it."""
        values: dict[str, ParameterValue] = {}
        for parameter in self.parameters:
            if parameter.active(values):
                values[parameter.name] = parameter.suggest(trial)
        return values

    def check(self, values: ParameterSet) -> None:
        """Check that *values* is a parameter set of this space.

        Raises:
            ValueError: If a parameter is missing, unknown or out of its range, or should not exist.
        """
        self._check_names(values)
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is not None and not parameter.contains(value):
                raise ValueError(
                    f"parameter '{parameter.name}': {parameter.format(value)} is not among "
                    f"{parameter.range}"
                )

    def _check_names(self, values: ParameterSet) -> None:
        known = {parameter.name for parameter in self.parameters}
        for name in values:
            if name not in known:
                raise ValueError(f"unknown parameter '{name}': {nearest(name, known)}")
        for parameter in self.parameters:
            if parameter.active(values) and parameter.name not in values:
                example = parameter.format(parameter.example)
                raise ValueError(
                    f"parameter '{parameter.name}' is missing: add it, as in "
                    f"{parameter.name}: {example}"
                )
            if parameter.name in values and not parameter.active(values):
                raise ValueError(
                    f"parameter '{parameter.name}' exists only when {self._condition(parameter)}"
                )

    def schemes(self, values: ParameterSet) -> tuple[Scheme, ...]:
        """Make the schemes for *values*.

        Raises:
            ValueError: If a parameter is missing or unknown, or a scheme would be impossible; the
                message names the parameter, or the scheme's field.
        """
        self._check_names(values)
        schemes = []
        for template in self.templates:
            try:
                schemes.append(template.scheme(values))
            except ValueError as error:
                raise ValueError(f"scheme '{template.name}': {error}") from error
        return tuple(schemes)

    def column(self, name: str) -> str:
        """Give the name of a parameter's column, with the unit if its values have a unit.

        Raises:
            KeyError: If there is no such parameter.
        """
        return {parameter.name: parameter.column for parameter in self.parameters}[name]

    def format(self, name: str, value: ParameterValue) -> str:
        """Write a value of a parameter with its unit.

        Raises:
            KeyError: If there is no such parameter.
        """
        return {parameter.name: parameter for parameter in self.parameters}[name].format(value)

    def describe(self) -> list[Description]:
        """Describe every parameter, in order."""
        return [Description(p.name, p.range, p.scale, self._condition(p)) for p in self.parameters]

    def _condition(self, parameter: Parameter) -> str:
        """Say for people when *parameter* exists; empty if it always exists."""
        return " and ".join(
            f"{condition.name} is "
            + " or ".join(self.format(condition.name, value) for value in condition.values)
            for condition in parameter.when
        )

    def overridden(self, value: Value) -> SearchSpace:
        """Change the parameters that *value*, a mapping, names, as a workload file can.

        Initial sets that are not in the new space are left out.

        Raises:
            InputError: If a name or a value makes no sense, or no parameter is left.
        """
        templates = override(self.templates, value)
        with value.blamed():
            changed = SearchSpace(name=self.name, templates=templates)
            initial = tuple(s for old in self.initial for s in _carried_over(old, self, changed))
            return SearchSpace(name=self.name, templates=templates, initial=initial)


def _fixed_values(space: SearchSpace) -> dict[str, ParameterValue]:
    """Give the values of fields that are fixed without conditions, by the name of such a parameter."""
    several = len(space.templates) > 1
    return {
        f"{template.name}.{item.field}" if several else item.field: item.value
        for template in space.templates
        for item in template.fixed
        if not item.when
    }


def _carried_over(
    values: ParameterSet, old: SearchSpace, new: SearchSpace
) -> Sequence[ParameterSet]:
    """Give the parameter set of *new* that has the meaning of *values* in *old*, or nothing."""
    everything = {**_fixed_values(old), **values}
    known = {parameter.name for parameter in new.parameters}
    fixed = _fixed_values(new)
    for name in values:
        if name not in known and name in fixed and fixed[name] != values[name]:
            return []
    carried: dict[str, ParameterValue] = {}
    for parameter in new.parameters:
        if parameter.active(carried):
            if parameter.name not in everything:
                return []
            carried[parameter.name] = everything[parameter.name]
    try:
        new.check(carried)
    except ValueError:
        return []
    return [MappingProxyType(carried)]


def _read_initial(templates: Sequence[SchemeTemplate]) -> document.Reader[ParameterSet]:
    fields = {p.name: p.field for template in templates for p in template.parameters}

    def read(value: Value) -> ParameterSet:
        keys = value.mapping()
        values = keys.take_present(fields, lambda name: read_choice(fields[name]))
        keys.finish()
        return MappingProxyType(values)

    return read


def _read_space(value: Value, *, name: str) -> SearchSpace:
    keys = value.mapping()
    schemes = keys.take("schemes", document.itself, example=_A_SCHEME)
    items = schemes.items()
    templates = tuple(read_template(item, several=len(items) > 1) for item in items)
    initial = keys.take("initial", document.itself, None)
    keys.finish()
    with schemes.blamed():
        space = SearchSpace(name=name, templates=templates)
    if initial is None:
        return space
    sets = document.list_of(_read_initial(templates))(initial)
    for item, values in zip(initial.items(), sets, strict=True):
        with item.blamed():
            space.check(values)
    return SearchSpace(name=name, templates=templates, initial=sets)


def load_search_space(path: Path) -> SearchSpace:
    """Read a file with a search space.

    Raises:
        InputError: If the file can't be read or something in it is wrong.
    """
    try:
        keys = document.load(path)
    except InputError as error:
        if path.suffix in _YAML:
            raise
        raise InputError(_NO_SPACE, Where(path)) from error
    if "schemes" not in keys and ("kdamonds" in keys or path.suffix not in _YAML):
        raise InputError(_NO_SPACE, Where(path))
    return _read_space(keys.value, name=path.stem)


def read_search_space(
    value: Value, *, relative_to: Path, instead: str | None = None
) -> tuple[SearchSpace, Path | None]:
    """Read a search space as it stands in a workload file, and say which file it came from.

    Args:
        value: A shipped name, a path, a whole search space, or a mapping of `base` and `parameters`.
        relative_to: The folder that a path is relative to.
        instead: The name or path that stands for the one in *value*, where that was copied.

    Raises:
        InputError: If it can't be found or something in it is wrong.
    """
    if not value.is_mapping:
        content = value.scalar("write a name, a path, or a mapping")
        path = catalog.find(instead or content, "search_spaces", relative_to, where=value.where)
        return load_search_space(path), path
    keys = value.mapping()
    if "base" not in keys:
        return _read_space(value, name="custom"), None
    base = keys.take("base", document.itself, example="prcl")
    parameters = keys.take("parameters", document.itself, None)
    keys.finish()
    if base.is_mapping:
        base.fail("a mapping stands here: write a name or a path")
    space, path_of_base = read_search_space(base, relative_to=relative_to, instead=instead)
    return (space.overridden(parameters) if parameters else space), path_of_base

"""Makes plain JSON values of domain objects, and reads them back by type, to send objects to a guest.

Equal objects give equal text. A number without limit is written as "unlimited".
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")

_KIND = "kind"
"""The key that names a value's class."""


def to_plain(value: object) -> Any:
    """Give JSON values for frozen dataclasses of numbers, texts, enumerations, and tuples of these.

    Raises:
        TypeError: If *value* has a part of another type.

    >>> from autotune.damon.damos import Range
    >>> to_plain(Range(1))
    {'kind': 'Range', 'min': 1, 'max': 'unlimited'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {_KIND: type(value).__name__, **fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "unlimited"
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} has no plain form")


def from_plain(kind: type[T], value: Any) -> T:
    """Make the object that `to_plain` was given. The object's class checks its values.

    Raises:
        ValueError: If *value* is no plain form of *kind*.

    >>> from autotune.damon.damos import Range
    >>> from_plain(Range, {"kind": "Range", "min": 1, "max": "unlimited"})
    Range(min=1, max=inf)
    """
    try:
        made: T = _reader(cast("Hashable", kind))(value)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{value!r} is no plain {kind.__name__}") from error
    return made


def dumps(value: object) -> str:
    """Give the text of the plain form; equal objects have equal text."""
    return json.dumps(to_plain(value), separators=(",", ":"), allow_nan=False)


@functools.cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """Make the reader of a type. It is made once, since looking at types is slow."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal or isinstance(hint, TypeVar):
        return _number_or_text
    if origin in {typing.Union, types.UnionType}:
        return _union(arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            item = _reader(arguments[0])
            return lambda value: tuple(item(one) for one in value)
        items = tuple(_reader(argument) for argument in arguments)
        return lambda value: tuple(read(one) for read, one in zip(items, value, strict=True))
    kind = origin or hint
    if kind is str:
        return _text
    if dataclasses.is_dataclass(kind):
        return _class_reader(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    return _number_or_text


def _text(value: Any) -> Any:
    """Take a text as it is: the text "unlimited" is no number here."""
    return value


def _number_or_text(value: Any) -> Any:
    return math.inf if value == "unlimited" else value


def _union(hints: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Make a reader of several types: it knows classes by name, and other types by JSON's kinds."""
    kinds = {hint: typing.get_origin(hint) or hint for hint in hints if hint is not type(None)}
    classes = {
        kind.__name__: _reader(hint)
        for hint, kind in kinds.items()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    }
    tuples = [_reader(hint) for hint, kind in kinds.items() if kind is tuple]
    scalars = [hint for hint, kind in kinds.items() if kind is not tuple]
    scalar = _reader(scalars[0]) if len(scalars) == 1 and not classes else _number_or_text

    def read(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping):
            return classes[value[_KIND]](value)
        return tuples[0](value) if isinstance(value, list) else scalar(value)

    return read


def _class_reader(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping) or value.get(_KIND) != kind.__name__:
            raise ValueError(f"{value!r} is no {kind.__name__}")
        given = {name: item for name, item in value.items() if name != _KIND}
        if given.keys() != readers.keys():
            raise ValueError(f"{sorted(given)} are not the fields of {kind.__name__}")
        return kind(**{name: readers[name](item) for name, item in given.items()})

    return read

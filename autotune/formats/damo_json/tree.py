"""JSON with the path to every value, so that a message can say which value is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from autotune.errors import InputError, Where, nearest
from autotune.formats.warn import Warn, ignore

T = TypeVar("T")
Member = TypeVar("Member", bound=Enum)

_ALIKE = 0.8
"""How alike an unknown key and a known one are, from 0 to 1, if the unknown one is a typing error."""

_NO_KEYS: Mapping[str, str] = MappingProxyType({})

_UNITS = frozenset({"nr_accesses_unit", "age_unit"})
"""Keys of older files that look like known ones, and that damo ignores."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and the path to it, such as ``schemes[0].access_pattern``.

    *warn* is called with one line about each key that damo ignores.
    """

    value: object
    path: str
    source: Path | str
    warn: Warn = field(default=ignore, compare=False)

    def error(self, message: str) -> InputError:
        """Make an error that names the path to this value."""
        return InputError(f"{self.path}: {message}" if self.path else message, Where(self.source))

    def read(self, reader: Callable[[object], T]) -> T:
        """Read the value with *reader*.

        Raises:
            InputError: If *reader* raises a ValueError; with the path to this value.
        """
        try:
            return reader(self.value)
        except ValueError as error:
            raise self.error(str(error)) from error

    def build(self, constructor: Callable[[], T]) -> T:
        """Give what *constructor* makes of values below this one.

        Raises:
            InputError: If *constructor* raises a ValueError; with the path to this value.
        """
        return self.read(lambda _: constructor())

    def items(self) -> list[Node]:
        """Give the members of a list.

        Raises:
            InputError: If the value is no list.
        """
        if not isinstance(self.value, list):
            raise self.error("must be a list, in [ ]")
        return [
            Node(item, f"{self.path}[{index}]", self.source, self.warn)
            for index, item in enumerate(self.value)
        ]

    def members(
        self,
        *,
        required: Mapping[str, str] = _NO_KEYS,
        optional: Collection[str] = (),
        ignored: Collection[str] = (),
        inert: Mapping[str, Callable[[object], bool]] | None = None,
    ) -> dict[str, Node]:
        """Give the members of an object, by key.

        Args:
            required: Keys that must be there, each with an example of its value in JSON.
            optional: Keys that may be there.
            ignored: Keys that may be there. They are left out of the result.
            inert: Keys of features that are not supported, each with a function that says whether a
                value turns the feature off. Then the key may be there, and is left out of the result.

        Raises:
            InputError: If the value is no object, a key is missing, or a key that is unknown looks like
                a typing error. Any other unknown key is ignored with a warning, as damo ignores it.
        """
        if not isinstance(self.value, dict):
            raise self.error("must be an object, in { }")
        inert = inert or {}
        found = {}
        unknown = []
        for key, value in self.value.items():
            node = Node(value, f"{self.path}.{key}" if self.path else key, self.source, self.warn)
            if key in required or key in optional:
                found[key] = node
            elif key in inert:
                if not node.read(inert[key]):
                    raise node.error("this feature of damo is not supported here: leave it out")
            elif key not in ignored:
                unknown.append(key)
        known = {*required, *optional, *inert}
        lacks = any(key not in found for key in required)
        for key in unknown:
            mistyped = key not in _UNITS and get_close_matches(key, known, n=1, cutoff=_ALIKE)
            if lacks or mistyped:
                raise self.error(f"no key '{key}': {nearest(key, known)}")
            self.warn(str(self.error(f"'{key}' is ignored, as damo ignores it")))
        for key, example in required.items():
            if key not in found:
                raise self.error(f"'{key}' is missing: add it, as in \"{key}\": {example}")
        return found


def given(members: Mapping[str, Node], key: str, reader: Callable[[object], T]) -> T | None:
    """Read a member that may be missing or null."""
    node = members.get(key)
    return None if node is None or node.value is None else node.read(reader)


def one_of(enum: type[Member], noun: str) -> Callable[[object], Member]:
    """Make a reader of the values of *enum*; messages call a value a *noun*."""
    by_value = {member.value: member for member in enum}

    def read(value: object) -> Member:
        if not isinstance(value, str) or value not in by_value:
            raise ValueError(f"no {noun} '{value}': {nearest(str(value), by_value)}")
        return by_value[value]

    return read


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"'{key}' stands twice in one object: keep one of them")
        found[key] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def parse(text: str, source: Path | str, warn: Warn = ignore) -> Node:
    """Read JSON. Numbers with a point become `Decimal`.

    Raises:
        InputError: If the text is not JSON (with line and column), or an object has a key twice.
    """
    try:
        value = json.loads(
            text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        where = Where(source, error.lineno, error.colno)
        reason = error.msg[0].lower() + error.msg[1:]
        raise InputError(f"not JSON: {reason}", where) from error
    except RecursionError as error:
        raise InputError("nested too deeply to be schemes", Where(source)) from error
    except ValueError as error:
        raise InputError(str(error), Where(source)) from error
    return Node(value, "", source, warn)

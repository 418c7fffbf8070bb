"""Arrays of structs: the form in which the simulator's compiled code keeps its state.

State is kept in one array of structs instead of one array a field: compiled code passes the full
description of each array, so that passing many arrays costs more than the work done on them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from autotune.backends.simulator.compiled.compiled import inlined

Structs: TypeAlias = "np.recarray[Any, Any]"
"""Shape ``(n,)``; ``structs[i].field`` reads and writes. For a single struct, n is 1."""

INT, FLOAT, FLAG = "i8", "f8", "u1"


def make_structs(fields: Mapping[str, str], count: int) -> Structs:
    """Make *count* structs with these fields and their types, all zero.

    Raises:
        ValueError: If a field's name, such as "all", means something else in plain Python.

    >>> regions = make_structs({"start": INT, "age": INT}, 2)
    >>> regions[1].start = 4096
    >>> regions.start.tolist(), int(regions[1].age)
    ([0, 4096], 0)
    """
    dtype = _struct(tuple(fields.items()))
    # Zero bytes cost nothing until they are used; zero structs would cost time at once.
    return np.zeros(count * dtype.itemsize, dtype=np.uint8).view(dtype).view(np.recarray)


@functools.cache
def _struct(fields: tuple[tuple[str, str], ...]) -> np.dtype[Any]:
    """Make the type of a struct once: a call of compiled code compares types, equal ones field by field.

    Raises:
        ValueError: If a field's name means something else in plain Python.
    """
    if taken := [name for name, _ in fields if hasattr(np.recarray, name)]:
        raise ValueError(f"structs have an attribute of their own called {taken[0]}")
    return np.dtype((np.record, np.dtype(list(fields), align=True)))


def put(structs: Structs, index: int, **values: float) -> None:
    """Write fields of one struct from plain Python, which `structs[index].field` does slowly.

    >>> regions = make_structs({"start": INT, "age": INT}, 2)
    >>> put(regions, 1, start=4096, age=3)
    >>> regions.age.tolist()
    [0, 3]
    """
    struct = structs[index]
    for name, value in values.items():
        struct[name] = value


def fields_of(structs: Structs, index: int = 0) -> dict[str, Any]:
    """Give the fields of one struct as plain numbers, by name.

    >>> fields_of(make_structs({"start": INT, "age": INT}, 2))
    {'start': 0, 'age': 0}
    """
    return dict(zip(structs.dtype.names or (), structs[index].item(), strict=True))


@inlined
def at(items: Any, index: int) -> Any:
    """The item at an index that isn't negative.

    For an index that may be negative, compiled code has to test each time whether the index counts from
    the end. The test takes longer than reading a field.
    """
    return items[np.uint64(index)]


Parts = TypeVar("Parts", bound="tuple[Any, ...]")


def copied(parts: Parts) -> Parts:
    """Copy each array of a named tuple of arrays."""
    return type(parts)(*(part.copy() for part in parts))

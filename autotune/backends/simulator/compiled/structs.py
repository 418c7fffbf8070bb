"""Arrays of structs: the form in which the simulator's compiled code keeps its state.

One array of structs instead of one array a field: compiled code passes each array around by its full
description, so that many arrays cost more than the work done on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from autotune.backends.simulator.compiled.compiled import inlined

Structs: TypeAlias = "np.recarray[Any, Any]"
"""Shape ``(n,)``; ``structs[i].field`` reads and writes. State of which there is one has n = 1."""

INT, FLOAT, FLAG = "i8", "f8", "u1"


def make_structs(fields: Mapping[str, str], count: int) -> Structs:
    """*count* structs with these fields and their types, all zero.

    Raises:
        ValueError: If plain Python would read something else by a field's name, as it does by "all".

    >>> regions = make_structs({"start": INT, "age": INT}, 2)
    >>> regions[1].start = 4096
    >>> regions.start.tolist(), int(regions[1].age)
    ([0, 4096], 0)
    """
    if taken := [name for name in fields if hasattr(np.recarray, name)]:
        raise ValueError(f"structs have an attribute of their own called {taken[0]}")
    dtype = np.dtype(list(fields.items()), align=True)
    # Bytes that are zero cost nothing until they are used, unlike structs that are.
    return np.zeros(count * dtype.itemsize, dtype=np.uint8).view(dtype).view(np.recarray)


@inlined
def at(items: Any, index: int) -> Any:
    """What is at an index that isn't negative.

    Of others, compiled code looks each time whether they count from the end, which takes longer than
    reading a field.
    """
    return items[np.uint64(index)]


Parts = TypeVar("Parts", bound="tuple[Any, ...]")


def copied(parts: Parts) -> Parts:
    """Copy each array of a named tuple of arrays."""
    return type(parts)(*(part.copy() for part in parts))

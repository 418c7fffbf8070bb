from __future__ import annotations

import numpy as np
import pytest

from autotune.backends.simulator.compiled.compiled import compiled
from autotune.backends.simulator.compiled.structs import (
    FLAG,
    FLOAT,
    INT,
    Structs,
    at,
    copied,
    make_structs,
)
from tests.backends.simulator.scene import memory_of


def test_records_are_zero_and_of_their_types() -> None:
    structs = make_structs({"pages": INT, "cost": FLOAT, "due": FLAG}, 3)

    assert [structs[name].tolist() for name in ("pages", "cost", "due")] == [[0] * 3] * 3
    assert [structs.dtype[n] for n in range(3)] == [np.int64, np.float64, np.uint8]


@pytest.mark.parametrize("name", ["all", "base", "size", "mean"])
def test_a_name_that_plain_python_reads_otherwise_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"structs have an attribute of their own called {name}"):
        make_structs({name: INT}, 1)


@compiled
def _write(structs: Structs, index: int, pages: int) -> None:
    at(structs, index).pages = pages


def test_what_is_at_an_index_is_read_and_written() -> None:
    structs = make_structs({"pages": INT}, 3)

    _write(structs, 2, 7)

    assert structs.pages.tolist() == [0, 0, 7]
    assert at(structs, 2).pages == 7


def test_what_is_copied_is_the_same_and_apart() -> None:
    memory = memory_of((0, 10))

    other = copied(memory)
    other.areas[0].resident = 3

    assert type(other) is type(memory)
    assert memory.areas[0].resident == 10
    assert other.state.tolist() == memory.state.tolist()

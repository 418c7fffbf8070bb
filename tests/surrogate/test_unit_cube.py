from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.space.space import ParameterSet, load_search_space
from autotune.surrogate.unit_cube import MIDDLE, UnitCube

CUBE = UnitCube(load_search_space(Path(__file__).parents[2] / "search_spaces/prcl-quota.yaml"))
SHARES = st.lists(st.floats(-0.5, 1.5), min_size=CUBE.dimensions, max_size=CUBE.dimensions)


@given(shares=SHARES)
def test_every_point_is_a_parameter_set_that_lies_there(shares: list[float]) -> None:
    values = CUBE.values(shares)

    CUBE.space.check(values)
    assert CUBE.values(CUBE.point(values)) == values


def test_the_ends_of_the_cube_are_the_ends_of_the_ranges() -> None:
    assert CUBE.values([0.0] * 8)["pattern.min_age"] == 100_000
    assert CUBE.values([1.0] * 8)["pattern.min_age"] == 60_000_000


def test_what_does_not_exist_lies_in_the_middle() -> None:
    values: ParameterSet = {"pattern.min_age": 100_000, "pattern.min_size": 4096, "limit": "none"}

    assert CUBE.point(values)[3:].tolist() == [MIDDLE] * 5
    assert CUBE.exists(values).tolist() == [True] * 3 + [False] * 5


def test_only_a_choice_between_words_is_categorical() -> None:
    assert np.flatnonzero(CUBE.categorical).tolist() == [2]


def distance(one: list[float], other: list[float]) -> float:
    layout = CUBE.layout([CUBE.values(one), CUBE.values(other)])
    first, second = layout.coordinates
    return float(np.linalg.norm(first - second))


NONE, TIME, SIZE, BOTH = 0.1, 0.4, 0.6, 0.9


def test_all_words_are_as_far_apart() -> None:
    near, far = (
        distance([0.5, 0.5, TIME, *[0.5] * 5], [0.5, 0.5, to, *[0.5] * 5]) for to in (SIZE, BOTH)
    )
    # "both" has every parameter that "time" has, and one more; "size" lacks one, too.
    assert near**2 == pytest.approx(1.0 + 2 * 0.25, abs=0.01)
    assert far**2 == pytest.approx(1.0 + 0.25, abs=0.01)


def test_what_does_not_exist_makes_no_distance() -> None:
    assert distance([0.5, 0.5, NONE, *[0.0] * 5], [0.5, 0.5, NONE, *[1.0] * 5]) == 0.0


def test_a_number_is_as_far_as_its_share_of_the_range() -> None:
    apart = distance([0.0, 0.5, NONE, *[0.5] * 5], [1.0, 0.5, NONE, *[0.5] * 5])

    assert apart == pytest.approx(1.0)

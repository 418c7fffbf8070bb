from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from autotune.objective.objective import Direction, Objectives, parse_constraint
from autotune.surrogate.sought import Sought
from tests.an_objective import objective

KNOWN = ("memory_saving", "slowdown", "major_faults")


def sought(*constraints: str) -> Sought:
    return Sought(
        Objectives(
            name="some",
            objectives=(
                objective("memory_saving", Direction.MAXIMIZE, 0.0),
                objective("slowdown", Direction.MINIMIZE, 0.5),
            ),
            constraints=tuple(parse_constraint(text) for text in constraints),
        )
    )


LIMITED = sought("slowdown <= 2%", "major_faults <= 1000", "memory_saving >= 10%")


def test_the_figures_are_those_of_objectives_and_of_constraints() -> None:
    assert LIMITED.names == KNOWN


@given(
    figures=st.lists(st.floats(-3.0, 30.0), min_size=3, max_size=3),
)
def test_figures_come_back_from_their_scales(figures: list[float]) -> None:
    scaled = LIMITED.scaled(np.array(figures))

    assert LIMITED.figures(scaled) == pytest.approx(figures, abs=1e-9)


def test_a_slope_is_how_a_figure_changes_along_its_scale() -> None:
    scaled, step = np.array([0.2, 1.5, 3.0]), 1e-6

    changed = (LIMITED.figures(scaled + step) - LIMITED.figures(scaled - step)) / (2 * step)

    assert LIMITED.slopes(scaled) == pytest.approx(changed, rel=1e-6)


def test_below_a_limit_the_scale_is_linear_and_above_logarithmic() -> None:
    low, double = (
        LIMITED.row({**dict.fromkeys(KNOWN, 0.0), "slowdown": x})[1] for x in (1e-4, 2e-4)
    )
    high, tenfold = (
        LIMITED.row({**dict.fromkeys(KNOWN, 0.0), "slowdown": x})[1] for x in (2.0, 20.0)
    )

    assert double / low == pytest.approx(2.0, rel=1e-3)
    assert tenfold - high == pytest.approx(np.log(10.0), rel=1e-3)


def test_losses_are_less_where_an_objective_is_better() -> None:
    scaled = LIMITED.scaled(np.array([[0.3, 0.01, 5.0]]))

    assert LIMITED.losses(scaled) == pytest.approx(np.array([[-0.3, 0.01]]))


@pytest.mark.parametrize(
    ("figures", "kept"),
    [
        ([0.2, 0.01, 10.0], [True, True, True]),
        ([0.2, 0.03, 10.0], [False, True, True]),
        ([0.2, 0.01, 2000.0], [True, False, True]),
        ([0.05, 0.01, 10.0], [True, True, False]),
    ],
)
def test_there_is_room_where_a_constraint_is_kept(figures: list[float], kept: list[bool]) -> None:
    scaled = LIMITED.scaled(np.array(figures))

    assert (LIMITED.room(scaled) >= 0.0).tolist() == kept
    assert (LIMITED.excess(scaled) == 0.0) == all(kept)


def test_the_probability_to_keep_a_limit_is_that_of_students_t() -> None:
    one = sought("slowdown <= 2%")
    scaled = one.scaled(np.array([0.2, 0.01]))
    room = one.room(scaled)[0]

    probability = one.within(scaled, np.array([0.1, 0.3]), 6.0)

    assert probability == pytest.approx(t.cdf(room / 0.3, 6.0))


def test_without_a_deviation_a_limit_is_kept_or_broken() -> None:
    figures = np.array([[0.2, 0.01, 1.0], [0.2, 0.03, 1.0]])

    assert LIMITED.within(LIMITED.scaled(figures), np.zeros((2, 3))).tolist() == [1.0, 0.0]


def test_without_constraints_nothing_can_be_broken() -> None:
    free = sought()
    scaled = free.scaled(np.array([[0.2, 9.0]]))

    assert free.within(scaled, np.ones((1, 2))).tolist() == [1.0]
    assert free.excess(scaled).tolist() == [0.0]

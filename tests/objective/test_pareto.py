from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from optuna import _hypervolume as optuna_hypervolume

from autotune.objective.pareto import coverage, dominates, epsilon, hypervolume, knee, pareto_front

Points = NDArray[np.float64]
# A second implementation; private, so only ever used as an oracle.
compute_hypervolume = cast(
    "Callable[[Points, Points], float]", optuna_hypervolume.compute_hypervolume
)


def point_sets(coordinates: int, largest: int = 12) -> st.SearchStrategy[Points]:
    # Few distinct values, so that ties and duplicates are common.
    values = st.integers(0, 8).map(lambda eighths: eighths / 8)
    sizes = st.integers(1, largest).map(lambda count: (count, coordinates))
    return sizes.flatmap(lambda shape: arrays(np.float64, shape, elements=values))


any_points = st.integers(1, 4).flatmap(point_sets)


def staircase(steps: int) -> Points:
    ranks = np.arange(steps, dtype=np.float64)
    return np.stack([ranks, ranks[::-1]], axis=1)


@given(any_points)
def test_the_front_is_what_no_point_dominates(points: Points) -> None:
    mask = pareto_front(points)

    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert mask.tolist() == expected


@given(any_points)
def test_every_point_off_the_front_is_dominated_by_one_on_it(points: Points) -> None:
    mask = pareto_front(points)

    for point in points[~mask]:
        assert any(dominates(other, point) for other in points[mask])


def test_equal_points_are_on_the_front_together() -> None:
    assert pareto_front([[1.0, 2.0], [1.0, 2.0], [2.0, 2.0]]).tolist() == [True, True, False]


def test_a_front_of_nothing_is_empty() -> None:
    assert pareto_front(np.empty((0, 3))).tolist() == []


def test_points_must_be_a_table() -> None:
    with pytest.raises(ValueError, match=r"^points of shape \(2,\): it must be \(n, m\)$"):
        pareto_front([1.0, 2.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_point_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^a coordinate is not a finite number$"):
        pareto_front([[1.0, value]])


@pytest.mark.parametrize("steps", [1, 2, 10, 100])
def test_hypervolume_of_a_staircase_is_a_triangular_number(steps: int) -> None:
    reference = [float(steps)] * 2

    assert hypervolume(staircase(steps), reference) == steps * (steps + 1) / 2


@pytest.mark.parametrize("coordinates", [1, 2, 3, 4, 5])
def test_hypervolume_of_one_point_is_a_box(coordinates: int) -> None:
    sides = np.arange(1.0, coordinates + 1)

    assert hypervolume([-sides], np.zeros(coordinates)) == np.prod(sides)


@given(any_points)
def test_hypervolume_agrees_with_optuna(points: Points) -> None:
    reference = np.full(points.shape[1], 1.125)

    ours = hypervolume(points, reference)

    assert ours == pytest.approx(compute_hypervolume(points, reference), rel=1e-12)


@pytest.mark.parametrize("coordinates", [2, 3, 4])
def test_hypervolume_agrees_with_counting_random_points(coordinates: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.random((20, coordinates))
    samples = rng.random((200_000, coordinates))

    inside = (points[:, None, :] <= samples[None, :, :]).all(axis=2).any(axis=0).mean()

    # Four standard deviations of a share of 200 000 samples are at most 0.0045.
    assert hypervolume(points, np.ones(coordinates)) == pytest.approx(inside, abs=0.0045)


@given(any_points)
def test_only_the_front_contributes_to_the_hypervolume(points: Points) -> None:
    reference = np.full(points.shape[1], 1.125)

    front = points[pareto_front(points)]

    assert hypervolume(front, reference) == hypervolume(points, reference)


@given(point_sets(3), point_sets(3))
def test_hypervolume_does_not_fall_when_points_are_added(points: Points, more: Points) -> None:
    reference = np.ones(3)

    both = hypervolume(np.concatenate([points, more]), reference)

    assert both >= hypervolume(points, reference) - 1e-12


def test_points_beyond_the_reference_contribute_nothing() -> None:
    assert hypervolume([[0.0, 2.0], [-5.0, 1.0]], reference=[1.0, 1.0]) == 0.0


def test_hypervolume_of_nothing_is_0() -> None:
    assert hypervolume(np.empty((0, 2)), reference=[1.0, 1.0]) == 0.0


def test_the_reference_has_a_value_for_each_coordinate() -> None:
    with pytest.raises(ValueError, match=r"^points have 2 coordinates, the reference has 3$"):
        hypervolume([[0.0, 0.0]], reference=[1.0, 1.0, 1.0])


def test_the_knee_of_a_hyperbola_is_where_both_coordinates_are_equal() -> None:
    first = 2.0 ** np.arange(-5, 6)
    points = np.stack([first, 1.0 / first], axis=1)

    assert points[knee(points)].tolist() == [1.0, 1.0]


@given(point_sets(3), st.floats(0.001, 1000.0), st.integers(-8, 8))
def test_the_knee_does_not_depend_on_units(points: Points, scale: float, shift: int) -> None:
    factors = np.array([2.0 ** round(np.log2(scale)), 1.0, 4.0])

    assert knee(points * factors + shift) == knee(points)


def test_of_equal_knees_the_first_is_taken() -> None:
    assert knee([[0.0, 1.0], [1.0, 0.0]]) == 0


@given(point_sets(3))
def test_the_knee_is_nearest_to_the_ideal_point_of_all(points: Points) -> None:
    spread = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(spread > 0, spread, 1.0)

    distances = [float(np.linalg.norm(row)) for row in scaled]

    assert distances[knee(points)] == pytest.approx(min(distances))


def test_a_little_more_of_one_figure_is_not_bought_at_any_price_in_another() -> None:
    front = [[-0.2697, 0.0298], [-0.1666, 0.0157], [-0.1636, 0.0098], [-0.0370, 0.0093]]

    assert knee(front, limit=[0.0, 0.03]) == 2


def test_a_coordinate_that_is_the_same_everywhere_does_not_move_the_knee() -> None:
    assert knee([[0.0, 7.0, 1.0], [0.1, 7.0, 0.1], [1.0, 7.0, 0.0]]) == 1


def test_what_is_far_from_its_limit_hardly_counts() -> None:
    front = [[-0.60, 0.05], [-0.55, 0.04], [-0.10, 0.01]]

    assert knee(front) == 1
    assert knee(front, limit=[0.0, 50.0]) == 0
    assert knee(front, limit=[-50.0, 50.0]) == knee(front, limit=[-0.10, 50.0])


def test_a_limit_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^points have 2 coordinates, the limit has 1$"):
        knee([[0.0, 1.0]], limit=[1.0])


def test_nothing_has_no_knee() -> None:
    with pytest.raises(ValueError, match=r"^there is no point to choose from$"):
        knee(np.empty((0, 2)))


@given(any_points)
def test_a_set_covers_itself(points: Points) -> None:
    assert coverage(points, points) == 1.0


@given(point_sets(2), point_sets(2))
def test_coverage_counts_what_is_equalled_or_dominated(a: Points, b: Points) -> None:
    covered = [
        any((first == second).all() or dominates(first, second) for first in a) for second in b
    ]

    assert coverage(a, b) == sum(covered) / len(b)


@given(any_points)
def test_a_set_is_0_from_itself(points: Points) -> None:
    assert epsilon(points[pareto_front(points)], points[pareto_front(points)]) == 0.0


@given(point_sets(2), point_sets(2))
def test_lowered_by_epsilon_a_set_covers_the_other_and_by_less_it_does_not(
    a: Points, b: Points
) -> None:
    shift = epsilon(a, b)

    assert coverage(a - shift, b) == 1.0
    assert coverage(a - shift + 1 / 16, b) < 1.0


@pytest.mark.parametrize("indicator", [coverage, epsilon])
def test_an_empty_set_is_not_compared(
    indicator: Callable[[Points, Points], float],
) -> None:
    with pytest.raises(ValueError, match=r"^a set without points can't be compared$"):
        indicator(np.empty((0, 2)), np.zeros((1, 2)))


@pytest.mark.parametrize("indicator", [coverage, epsilon])
def test_sets_of_different_objectives_are_not_compared(
    indicator: Callable[[Points, Points], float],
) -> None:
    with pytest.raises(ValueError, match=r"^points of 3 and of 2 coordinates$"):
        indicator(np.zeros((1, 3)), np.zeros((1, 2)))

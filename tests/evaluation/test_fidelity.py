from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from autotune.evaluation import fidelity_grid as grid
from autotune.evaluation import kernel_grid as recorded
from autotune.evaluation.fidelity import (
    Beside,
    beside,
    goals,
    recorded_figures,
    simulated_figures,
    verdict,
)
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.testing import measurement

Figures = NDArray[np.float64]

SAVING, SLOWDOWN = grid.FIGURES


def scheme_figures(schemes: int, seeds: int) -> st.SearchStrategy[Figures]:
    fractions = st.integers(-50, 200).map(lambda percent: percent / 100)
    return arrays(np.float64, (schemes, seeds, len(grid.FIGURES)), elements=fractions)


any_kernel = st.tuples(st.integers(1, 6), st.integers(1, 4)).flatmap(
    lambda shape: scheme_figures(*shape)
)


def side_by_side(kernel: Figures, predicted: Figures) -> Beside:
    names = tuple(f"scheme {number}" for number in range(len(kernel)))
    return Beside(pattern="any", part="judge", schemes=names, kernel=kernel, predicted=predicted)


def of_saving(*saving: float) -> Figures:
    """Schemes of one seed with these savings, for nothing."""
    return np.array([[[value, 0.0]] for value in saving])


@given(any_kernel)
def test_a_prediction_of_the_means_is_perfect(kernel: Figures) -> None:
    judged = verdict([side_by_side(kernel, kernel.mean(axis=1))])

    for figure in judged.figures.values():
        assert figure.error == 0.0
        assert figure.ranking.score == figure.ranking.pairs
    assert judged.transfer in (None, pytest.approx(1.0))


@given(any_kernel, st.floats(-0.5, 0.5))
def test_a_prediction_that_is_off_by_a_constant_has_it_as_its_error(
    kernel: Figures, offset: float
) -> None:
    judged = verdict([side_by_side(kernel, kernel.mean(axis=1) + offset)])

    for figure in judged.figures.values():
        assert figure.error == pytest.approx(abs(offset), abs=1e-12)


@given(st.tuples(st.integers(1, 5), st.integers(2, 4)).flatmap(lambda n: scheme_figures(*n)))
def test_the_own_error_is_of_each_seed_against_the_mean_of_the_others(kernel: Figures) -> None:
    judged = verdict([side_by_side(kernel, kernel.mean(axis=1))])

    for index, name in enumerate(grid.FIGURES):
        expected = [
            abs(seeds[seed] - statistics.mean(np.delete(seeds, seed)))
            for seeds in kernel[:, :, index]
            for seed in range(len(seeds))
        ]
        own_error = judged.figures[name].own_error
        assert own_error == pytest.approx(statistics.median(expected), abs=1e-12)


def test_several_patterns_pool_errors_and_pairs_and_average_transfers() -> None:
    right = side_by_side(of_saving(0.1, 0.2, 0.4), of_saving(0.1, 0.2, 0.4)[:, 0])
    # One pair, the wrong way round, 10 and 30 points off; half of what there was to be had.
    wrong = side_by_side(of_saving(0.2, 0.4), of_saving(0.3, 0.1)[:, 0])

    judged = verdict([right, wrong])

    saving = judged.figures[SAVING]
    assert saving.error == pytest.approx(statistics.median([0.0, 0.0, 0.0, 0.1, 0.3]))
    assert (saving.ranking.score, saving.ranking.pairs) == (3 - 1, 3 + 1)
    assert judged.transfer == pytest.approx((1.0 + 0.5) / 2)


def test_a_single_seed_tells_apart_what_differs_by_more_than_a_point() -> None:
    one = side_by_side(of_saving(0.100, 0.105, 0.120), of_saving(0.0, 0.0, 0.0)[:, 0])

    assert one.pairs(0) == [(0, 2), (1, 2)]


def test_no_pattern_has_no_verdict() -> None:
    with pytest.raises(ValueError, match="no pattern"):
        verdict([])


# Saving and slowdown of seven schemes: the first two are the front, and share 0.39 x 0.1 of 0.199.
MEASURED = np.array(
    [
        [0.40, 0.10],
        [0.39, 0.00],
        [0.30, 0.20],
        [0.25, 0.30],
        [0.20, 0.35],
        [0.15, 0.40],
        [0.10, 0.45],
    ]
)


def swapped(first: int, second: int, figure: int) -> Figures:
    """What was measured, a figure of two schemes exchanged."""
    predicted = MEASURED.copy()
    predicted[[first, second], figure] = MEASURED[[second, first], figure]
    return predicted


@pytest.mark.parametrize(
    ("predicted", "missed"),
    [
        (MEASURED, set()),
        (MEASURED + np.array([0.031, 0.2]), {"saving error <= 3 points"}),
        # 21 pairs: two of them the wrong way round are too many, one is not.
        (swapped(2, 4, 0), {"saving tau >= 0.9"}),
        (swapped(2, 4, 1), {"slowdown tau >= 0.9"}),
        (swapped(0, 1, 1), {"transfer >= 0.95"}),
    ],
)
def test_each_goal_is_missed_for_its_own_reason(predicted: Figures, missed: set[str]) -> None:
    judged = verdict([side_by_side(MEASURED[:, None, :], predicted)])

    assert {goal for goal, is_met in goals(judged).items() if not is_met} == missed


def test_a_ranking_without_pairs_and_a_front_without_worth_meet_no_goal() -> None:
    nothing = np.array([[[-0.1, 0.0]], [[-0.1, 0.0]]])

    judged = verdict([side_by_side(nothing, nothing[:, 0])])

    assert list(goals(judged).values()) == [True, False, False, False]


class LinearMachine:
    """Runs whose figures are known: each scheme saves and costs more than the one before it."""

    def __init__(self) -> None:
        self.baselines: list[tuple[Experiment, int]] = []

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        if experiment.monitoring is None:
            self.baselines.append((experiment, seed))
            return measurement(rss_mean_bytes=1000.0, workload_cpu_s=10.0)
        schemes = list(grid.SCHEMES.values())
        number = 1 + schemes.index(experiment.schemes[0]) if experiment.schemes else 0
        return measurement(
            rss_mean_bytes=1000.0 - 10.0 * number, workload_cpu_s=10.0 + 0.1 * number + 0.01 * seed
        )


def test_simulated_figures_are_against_the_baseline_of_the_same_pattern_and_seed() -> None:
    machine = LinearMachine()
    second = list(grid.SCHEMES)[1]
    cells = [
        grid.Cell("steps", grid.ONLY_MONITORED, 0),
        grid.Cell("steps", second, 0),
        grid.Cell("steps", second, 2),
    ]

    figures = simulated_figures(machine, cells)

    assert list(figures) == cells
    assert figures[cells[0]] == pytest.approx({SAVING: 0.0, SLOWDOWN: 0.0})
    assert figures[cells[1]] == pytest.approx({SAVING: 0.02, SLOWDOWN: 0.02})
    assert figures[cells[2]] == pytest.approx({SAVING: 0.02, SLOWDOWN: 0.022})
    baseline = grid.experiment("steps", grid.BASELINE)
    assert machine.baselines == [(baseline, 0), (baseline, 2)]


def test_patterns_stand_side_by_side_with_the_seeds_that_all_schemes_have() -> None:
    cells = [
        grid.Cell(pattern, run, seed)
        for pattern, seeds in (("drift", (0, 1, 2)), ("tiers", (1,)))
        for run in (grid.ONLY_MONITORED, *grid.SCHEMES)
        for seed in seeds
    ]
    kernel = simulated_figures(LinearMachine(), cells)
    last = list(grid.SCHEMES)[-1]
    del kernel[grid.Cell("drift", last, 1)]

    drift, tiers = beside(kernel, kernel)

    assert (drift.pattern, drift.seeds, tiers.pattern, tiers.seeds) == ("drift", 2, "tiers", 1)
    assert drift.schemes == tuple(grid.SCHEMES)
    assert drift.part == tiers.part == "judge"
    for index, scheme in enumerate(grid.SCHEMES):
        for column, seed in enumerate((0, 2)):
            expected = kernel[grid.Cell("drift", scheme, seed)]
            assert drift.kernel[index, column].tolist() == [expected[SAVING], expected[SLOWDOWN]]
    assert drift.predicted == pytest.approx(drift.kernel.mean(axis=1))


def test_a_pattern_without_a_complete_seed_is_left_out() -> None:
    cell = grid.Cell("steps", next(iter(grid.SCHEMES)), 0)
    kernel = simulated_figures(LinearMachine(), [cell])

    assert list(beside(kernel, kernel)) == []


def test_recorded_patterns_stand_side_by_side_without_the_run_that_only_monitors() -> None:
    kernel = recorded_figures()

    parts = list(beside(kernel, kernel))

    assert [one.pattern for one in parts] == list(recorded.PATTERNS)
    for one in parts:
        assert (one.part, one.seeds, len(one.schemes)) == ("recorded", 1, 15)
        assert "rec" not in one.schemes

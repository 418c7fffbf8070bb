from __future__ import annotations

import numpy as np
import pytest

from autotune.surrogate.repeats import Repeats

USUAL = np.array([0.5])


def repeats(runs: dict[int, list[float]]) -> Repeats:
    rows = [row for row, values in runs.items() for _ in values]
    seen = [[value] for values in runs.values() for value in values]
    return Repeats(np.array(rows, dtype=np.int64), np.array(seen).reshape(-1, 1), USUAL)


def deviation(found: Repeats, row: int) -> float:
    return float(found.deviations(np.array([row]))[0, 0])


def test_without_repeats_the_usual_counts() -> None:
    nothing, once = repeats({}), repeats({3: [1.0]})

    assert deviation(nothing, 3) == deviation(once, 3) == pytest.approx(0.5)
    assert 1.0 <= once.freedom(np.array([3]))[0, 0] < 4.0


def test_each_scheme_has_a_deviation_of_its_own() -> None:
    found = repeats({1: [0.0, 2.0, 0.1, 1.9], 2: [0.5, 0.51, 0.49, 0.5], 3: [0.3]})

    assert deviation(found, 1) > 0.8
    assert deviation(found, 2) < 0.3
    assert deviation(found, 2) < deviation(found, 3) < deviation(found, 1)
    freedom = found.freedom(np.array([2, 3]))[:, 0]
    assert freedom[0] == freedom[1] + 3.0


def test_few_repeats_tell_of_schemes_that_were_run_once() -> None:
    calm = repeats({1: [0.5, 0.51], 2: [1.0, 1.01], 3: [0.3]})
    wild = repeats({1: [0.5, 2.5], 2: [1.0, -1.0], 3: [0.3]})

    assert deviation(calm, 3) < 0.5 * deviation(repeats({}), 3)
    assert deviation(wild, 3) > 1.2 * deviation(repeats({}), 3)


def test_equal_figures_leave_little_and_are_not_certain() -> None:
    found = repeats({1: [0.7, 0.7, 0.7], 2: [0.9]})

    assert 0.0 < deviation(found, 1) < 0.1
    assert 0.0 < deviation(found, 2) < 0.1


def test_the_deviations_of_many_schemes_are_found_again() -> None:
    random = np.random.default_rng(1)
    found = repeats({row: (0.05 * random.standard_normal(4)).tolist() for row in range(40)})

    learned = found.deviations(np.arange(40))[:, 0]
    assert np.sqrt(np.mean(learned**2)) == pytest.approx(0.05, rel=0.15)
    assert found.freedom(np.array([0]))[0, 0] > 6.0


def test_a_run_of_which_something_is_not_known_tells_no_deviation() -> None:
    seen = np.array([[1.0, 0.0], [np.nan, 3.0], [1.0, 0.1]])
    found = Repeats(np.array([1, 1, 1]), seen, np.array([0.5, 0.5]))

    freedom = found.freedom(np.array([1, 2]))[:, 1]
    assert freedom[0] - freedom[1] == pytest.approx(1.0)

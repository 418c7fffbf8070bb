from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotune.surrogate.not_sure import first_repeats, least_daring, until_sure
from autotune.surrogate.sought import Sought
from tests.surrogate.formulas import OBJECTIVES
from tests.surrogate.test_recommendable import believed

SOUGHT = Sought(OBJECTIVES)


def scaled(pairs: list[tuple[float, float]]) -> NDArray[np.float64]:
    return SOUGHT.scaled(np.array([[saving, slow, 0.01] for saving, slow in pairs]))


def test_the_safest_and_the_best_are_run_again() -> None:
    shown = scaled([(0.3, 0.05), (0.2, 0.015), (0.1, 0.001), (0.15, 0.01), (-0.1, 0.0)])

    assert first_repeats(SOUGHT, shown, 2) == [2, 1]
    assert first_repeats(SOUGHT, shown, 9) == [2, 1, 3]
    assert first_repeats(SOUGHT, shown[:1], 2) == []


def test_where_all_is_beyond_the_limit_the_least_daring_comes_next() -> None:
    means = scaled([(0.3, 0.2), (0.2, 0.03), (0.1, 0.06)])

    found = least_daring(SOUGHT, means, np.full_like(means, 0.5), 2)

    assert list(found) == [1, 2]
    assert found[1] > found[2] > 0.0


def test_where_nothing_can_keep_the_limit_nothing_comes_next() -> None:
    means = scaled([(0.3, 0.9), (0.2, 0.8)])

    assert least_daring(SOUGHT, means, np.full_like(means, 0.1), 2) == {}


def test_what_becomes_sure_by_a_repeat_is_repeated_if_nothing_else_is_worth_much() -> None:
    schemes = believed([0.012, 0.03, 0.011], error=0.4, noise=0.02)
    nothing = {0: 0.0, 1: 0.0, 2: 0.001}

    assert max(until_sure(schemes, nothing, [0, 1], [2]).items(), key=lambda one: one[1])[0] == 0
    assert max(until_sure(schemes, nothing, [1], [2]).items(), key=lambda one: one[1])[0] == 2
    assert until_sure(schemes, {1: 0.2}, [0, 1], [2]) == {1: 0.2}
    assert until_sure(schemes, nothing, [], []) == nothing

from __future__ import annotations

import numpy as np
import pytest

from autotune.surrogate.outcomes import Outcomes

SURE = 0.95


def likely(runs: float, broke: float = 0.0, chance: float = 1.0, more: float = 0.0) -> float:
    """How likely the next run keeps the limits that means and deviations say are always kept."""
    outcomes = Outcomes(runs=np.array([runs]), broke=np.array([broke]), chance=np.array([chance]))
    return float(outcomes.likely(np.ones(1), more)[0])


def test_one_run_makes_nothing_sure_and_two_do() -> None:
    assert likely(1.0) < SURE < likely(2.0)


def test_a_run_that_broke_a_limit_is_not_forgotten() -> None:
    assert likely(3.0, broke=1.0) < SURE
    assert likely(20.0, broke=1.0) > SURE


def test_a_prior_that_often_breaks_the_limits_asks_for_more_runs() -> None:
    assert likely(3.0, chance=0.7) < SURE
    assert likely(3.0, chance=0.7, more=20.0) > SURE
    assert likely(3.0, chance=0.95) > SURE


def test_outcomes_make_nothing_likelier_than_means_and_deviations_do() -> None:
    outcomes = Outcomes(runs=np.full(2, 50.0), broke=np.zeros(2), chance=np.ones(2))

    assert outcomes.likely(np.array([0.3, 0.8])) == pytest.approx([0.3, 0.8], rel=0.01)
    assert outcomes.of(np.array([1])).likely(np.array([0.8])) == pytest.approx([0.8], rel=0.01)

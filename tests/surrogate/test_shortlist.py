from __future__ import annotations

import numpy as np
import pytest

from autotune.surrogate.shortlist import box, evaluated, shortlist
from autotune.surrogate.sought import Sought
from tests.surrogate.formulas import LIMIT, OBJECTIVES

SOUGHT = Sought(OBJECTIVES)
SAVINGS = np.linspace(0.0, 0.5, 201)
FRONT = np.column_stack((SAVINGS, 0.03 * (SAVINGS / 0.5) ** 2, np.zeros(201)))
"""Schemes of which the last third break the limit."""
WORSE = FRONT + np.array([-0.1, 0.004, 0.01])
MEANS = SOUGHT.scaled(np.concatenate((FRONT, WORSE)))
NOTHING = np.zeros_like(MEANS)


def test_the_front_within_the_limit_is_on_it_and_little_else() -> None:
    short = shortlist(SOUGHT, MEANS, NOTHING, NOTHING)

    within = FRONT[:, 1] <= LIMIT
    assert all(at < 201 and within[at] for at in short)
    found = np.sort(SAVINGS[short])
    assert found[-1] == SAVINGS[within].max()
    assert np.diff(found).max() < 0.15


def test_noise_keeps_a_distance_to_the_limit() -> None:
    noise = NOTHING + np.array([0.0, 0.1, 0.0])

    short = shortlist(SOUGHT, MEANS, NOTHING, noise)

    assert 0.7 * LIMIT < FRONT[short, 1].max() < 0.85 * LIMIT


def test_what_is_not_known_well_may_be_better() -> None:
    deviations = NOTHING.copy()
    deviations[300, 0] = 0.5

    assert 300 in shortlist(SOUGHT, MEANS, deviations, NOTHING)
    assert 300 not in shortlist(SOUGHT, MEANS, NOTHING, NOTHING)


def test_the_box_reaches_from_the_best_within_the_limits_to_where_nothing_is_worth_anything() -> (
    None
):
    ends = box(SOUGHT, MEANS, NOTHING, NOTHING)

    assert ends is not None
    best = -SAVINGS[FRONT[:, 1] <= LIMIT].max()
    assert ends[0] == pytest.approx([best, FRONT[1, 1], 0.0])
    assert ends[1] == pytest.approx([0.0, LIMIT, 1.0])


def test_there_is_no_box_where_nothing_keeps_the_limits() -> None:
    slow = SOUGHT.scaled(FRONT + np.array([0.0, 0.1, 0.0]))

    assert box(SOUGHT, slow, np.zeros_like(slow), np.zeros_like(slow)) is None


def test_the_excess_counts_the_distance_that_noise_needs() -> None:
    points, noise = np.zeros((402, 8)), NOTHING + np.array([0.0, 0.1, 0.0])

    plain = evaluated(SOUGHT, points, MEANS, NOTHING).excess
    careful = evaluated(SOUGHT, points, MEANS, noise).excess

    assert (plain > 0.0).sum() < (careful > 0.0).sum()
    assert (careful >= plain).all()

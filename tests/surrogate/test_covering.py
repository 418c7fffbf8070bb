from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import truncnorm

from autotune.damon.damos import Action, Scheme
from autotune.surrogate.covering import bounds, cut, reach
from autotune.testing import prcl

Floats = NDArray[np.float64]


def reaches(*schemes: Scheme) -> Floats:
    found = [reach([scheme]) for scheme in schemes]
    assert all(one is not None for one in found)
    return np.array(found)


QUOTA = {"size_bytes": 1 << 24, "reset_interval_us": 1_000_000}


@pytest.mark.parametrize(
    ("bolder", "shyer"),
    [
        (prcl(min_age_us=1_000_000), prcl(min_age_us=2_000_000)),
        (prcl(min_age_us=1_000_000), prcl(min_age_us=1_000_000, **QUOTA)),
        (prcl(**QUOTA), prcl(**{**QUOTA, "size_bytes": 1 << 20})),
        (prcl(**QUOTA), prcl(**{**QUOTA, "reset_interval_us": 2_000_000})),
    ],
)
def test_what_takes_more_covers_what_takes_less(bolder: Scheme, shyer: Scheme) -> None:
    more, less = reaches(bolder, shyer)

    assert (more >= less).all()
    assert not (less >= more).all()


def test_quotas_of_time_and_of_size_do_not_cover_each_other() -> None:
    time, size = reaches(prcl(time_us=10_000), prcl(size_bytes=1 << 20))

    assert not (time >= size).all()
    assert not (size >= time).all()


def test_of_other_actions_nothing_is_known() -> None:
    assert reach([Scheme(action=Action.HUGEPAGE)]) is None
    assert reach([prcl(), Scheme(action=Action.STAT)]) is None


def test_a_figure_lies_between_those_of_what_is_covered_and_of_what_covers() -> None:
    old, middle, young = (prcl(min_age_us=age) for age in (9_000_000, 4_000_000, 1_000_000))
    known, asked = reaches(old, young), reaches(middle, prcl(min_age_us=10_000_000))

    low, high = bounds(asked, known, np.array([0.1, 0.5]), np.array([0.01, 0.02]))

    assert low == pytest.approx([0.09, -np.inf])
    assert high == pytest.approx([0.52, 0.11])


def test_where_runs_contradict_each_other_the_bounds_do_not_cross() -> None:
    known = reaches(prcl(min_age_us=9_000_000), prcl(min_age_us=1_000_000))

    low, high = bounds(
        reaches(prcl(min_age_us=4_000_000)), known, np.array([0.5, 0.1]), np.zeros(2)
    )

    assert (low <= high).all()


def test_a_belief_is_cut_as_a_normal_distribution_is() -> None:
    ends = [(-1.0, 0.5), (-np.inf, 1.0), (0.2, np.inf), (-np.inf, np.inf)]
    low, high = np.array(ends).T

    mean, deviation = cut(np.full(4, 0.3), np.full(4, 0.7), low, high)

    oracle = [truncnorm((a - 0.3) / 0.7, (b - 0.3) / 0.7, loc=0.3, scale=0.7) for a, b in ends]
    assert mean == pytest.approx([one.mean() for one in oracle])
    assert deviation == pytest.approx([one.std() for one in oracle])


def test_a_belief_far_outside_goes_to_the_nearest_end() -> None:
    mean, deviation = cut(np.array([5.0]), np.array([0.1]), np.array([0.0]), np.array([1.0]))

    assert mean == pytest.approx([1.0])
    assert 0.0 < deviation[0] < 0.1

"""Tests for what is believed of a scheme's figures."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autotune.recommendation.belief import Belief

RIGHT: dict[str, Any] = {
    "mean": {"slowdown": 0.01},
    "error": {"slowdown": 0.001},
    "spread": {"slowdown": 0.002},
    "freedom": 4.0,
    "within": 0.97,
}


@pytest.mark.parametrize("freedom", [0.5, math.inf])
def test_a_belief_takes_any_freedom_above_0(freedom: float) -> None:
    assert Belief(**{**RIGHT, "freedom": freedom}).freedom == freedom


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mean": {}}, "different figures"),
        ({"error": {"cpu_use": 0.1}}, "different figures"),
        ({"error": {"slowdown": -0.1}}, "not a number from 0"),
        ({"spread": {"slowdown": math.nan}}, "not a number from 0"),
        ({"freedom": 0.0}, "freedom is 0"),
        ({"freedom": math.nan}, "freedom is nan"),
        ({"within": 1.01}, "within is 1.01"),
        ({"within": math.nan}, "within is nan"),
    ],
)
def test_a_belief_out_of_range_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Belief(**{**RIGHT, **wrong})


def test_the_mean_lies_in_its_interval_by_students_t() -> None:
    few = Belief(**RIGHT).interval("slowdown")
    exact = Belief(**{**RIGHT, "freedom": math.inf}).interval("slowdown", confidence=0.5)

    assert few == pytest.approx((0.01 - 0.001 * 2.776, 0.01 + 0.001 * 2.776), abs=1e-6)
    assert exact == pytest.approx((0.01 - 0.001 * 0.6745, 0.01 + 0.001 * 0.6745), abs=1e-7)


def test_without_freedom_and_spread_nothing_is_known() -> None:
    nothing = {"error": {"slowdown": 0.0}, "spread": {"slowdown": 0.0}}

    assert Belief(**RIGHT).is_known
    assert Belief(**{**RIGHT, **nothing}).is_known
    assert not Belief(**{**RIGHT, **nothing, "freedom": math.inf}).is_known

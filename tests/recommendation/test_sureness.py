"""Tests for whether limits hold well enough."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from autotune.objective.figures import Figures
from autotune.objective.hold import Hold
from autotune.objective.objective import Objectives
from autotune.recommendation.belief import Belief
from autotune.recommendation.probability import beliefs
from autotune.recommendation.sureness import (
    more_runs,
    not_known,
    not_sure,
    share_of_runs,
    why_not_sure,
)
from tests.recommendation.test_probability import OBJECTIVES, runs, within


def belief(**other: Any) -> Belief:
    fields: dict[str, Any] = {
        "mean": {"slowdown": 0.016},
        "error": {"slowdown": 0.001},
        "spread": {"slowdown": 0.002},
        "freedom": 6.0,
        "within": 0.93,
    }
    return Belief(**{**fields, **other})


def by(rule: Hold, objectives: Objectives = OBJECTIVES) -> Objectives:
    return replace(objectives, hold=rule)


def why(rule: Hold, confirmations: list[Figures], told: Belief | None = None) -> str | None:
    mean = {"slowdown": sum(one["slowdown"] for one in confirmations) / len(confirmations)}
    return why_not_sure(told, mean, confirmations, by(rule))


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "more than 99 %"),
        (0.99, "99 %"),
        (0.95, "95 %"),
        (0.9499, "94 %"),
        (0.001, "less than 1 %"),
    ],
)
def test_a_share_is_never_rounded_up(share: float, said: str) -> None:
    assert share_of_runs(share) == said


def test_by_a_share_the_probability_decides() -> None:
    assert why(Hold(share=0.95), runs(0.03), belief(within=0.95)) is None
    assert why(Hold(share=0.95), runs(0.01), belief(within=0.71)) == (
        "slowdown <= 2% holds in 71 % of runs, not in 95 %"
    )
    assert why(Hold(share=0.5), runs(0.01), belief(within=0.71)) is None


def test_by_the_mean_the_mean_decides_whatever_is_believed() -> None:
    assert why(Hold(), runs(0.01, 0.03), belief(within=0.1)) is None
    assert why(Hold(), runs(0.01, 0.04), belief(within=1.0)) == (
        "confirmed slowdown 2.5% breaks slowdown <= 2%"
    )


def test_by_the_worst_each_of_enough_runs_must_keep_the_limits() -> None:
    rule = Hold(worst_of=3)

    assert why(rule, runs(0.01, 0.0, 0.02)) is None
    assert why(rule, runs(0.01, 0.0, 0.021, 0.0)) == "1 of 4 runs broke slowdown <= 2%"
    assert why(rule, runs(0.01, 0.0)) == "measured 2 times, and worst of 3 takes 3"
    assert why(rule, runs(0.01)) == "measured once, and worst of 3 takes 3"


def test_several_limits_are_told_together_and_without_limits_all_is_sure() -> None:
    limits = within("slowdown <= 2%", "cpu_use <= 3%")
    told = belief(within=0.5)

    assert why_not_sure(told, {}, (), limits) == (
        "each of slowdown <= 2%, cpu_use <= 3% holds in 50 % of runs, not in 95 %, so far as one run "
        "tells"
    )
    assert why_not_sure(told, {}, (), within()) is None


def test_so_many_more_runs_make_it_sure_if_they_are_like_those_before() -> None:
    seen = [0.0150, 0.0165, 0.0180]
    before = beliefs({0: runs(*seen)}, OBJECTIVES)[0]
    assert before.within < 0.95

    more = more_runs(before, 3, OBJECTIVES)

    assert more is not None
    enough = beliefs({0: runs(*seen * math.ceil(1 + 2 * more / 3))}, OBJECTIVES)[0]
    assert enough.within >= 0.95


@pytest.mark.parametrize(
    ("mean", "more"), [(0.0165, 18), (0.0150, 1), (0.0190, None), (0.03, None)]
)
def test_a_scheme_that_breaks_limits_too_often_is_not_helped_by_runs(
    mean: float, more: int | None
) -> None:
    assert more_runs(belief(mean={"slowdown": mean}), 4, OBJECTIVES) == more


def test_the_worst_of_some_needs_the_runs_that_lack() -> None:
    assert more_runs(belief(), 3, by(Hold(worst_of=5))) == 2
    assert more_runs(belief(), 5, by(Hold(worst_of=5))) is None


def test_figures_without_spread_are_settled() -> None:
    exact = {"error": {"slowdown": 0.0}, "spread": {"slowdown": 0.0}, "freedom": math.inf}

    assert more_runs(belief(**exact), 1, OBJECTIVES) == 1
    assert more_runs(belief(**exact, mean={"slowdown": 0.03}), 1, OBJECTIVES) is None


def test_it_is_said_what_would_settle_it() -> None:
    assert not_sure(belief(mean={"slowdown": 0.0165}), 4, OBJECTIVES) == (
        "not sure: slowdown <= 2% holds in 93 % of runs; 18 more runs would settle it"
    )
    assert not_sure(belief(mean={"slowdown": 0.015}), 4, OBJECTIVES).endswith(
        "; 1 more run would settle it"
    )
    assert not_sure(belief(mean={"slowdown": 0.02}, within=0.5), 4, OBJECTIVES) == (
        "not sure: slowdown <= 2% holds in 50 % of runs; more runs would not change that"
    )


def test_it_is_said_that_one_run_tells_nothing_of_the_next() -> None:
    alone = beliefs({0: runs(0.01)}, OBJECTIVES)[0]
    beside = beliefs({0: runs(0.01), 1: runs(0.01, 0.02)}, OBJECTIVES)[0]

    assert not_known(alone, runs(0.01)) == (
        "measured once: how much its figures differ from run to run is not known"
    )
    assert not_known(beside, runs(0.01)) is None
    assert not_known(alone, runs(0.01, 0.01)) is None
    assert not_known(None, ()) is None

"""Tests for the verdict in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from autotune.damon.damos import Action, Quota, Scheme
from autotune.objective.objective import (
    Direction,
    Objectives,
    parse_constraint,
)
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.worth import verdict
from autotune.trial import Trial, TrialState
from tests.an_objective import objective

OBJECTIVES = Objectives(
    name="test",
    objectives=(
        objective("memory_saving", Direction.MAXIMIZE),
        objective("slowdown", Direction.MINIMIZE),
    ),
    constraints=(parse_constraint("slowdown <= 2%"),),
)


def trial(number: int, saving: float, slowdown: float) -> Trial:
    return Trial(
        number=number,
        state=TrialState.COMPLETE,
        seed=0,
        parameters={},
        figures={"memory_saving": saving, "slowdown": slowdown, "score": saving, "cpu_use": 0.5},
    )


BEST = trial(31, 0.36, 0.012)


def belief(saving: float, *, within: float = 0.985, error: float = 0.005) -> Belief:
    names = ("memory_saving", "slowdown")
    return Belief(
        mean={"memory_saving": saving, "slowdown": 0.012},
        error=dict.fromkeys(names, error),
        spread=dict.fromkeys(names, error),
        freedom=math.inf,
        within=within,
    )


def option(of: Trial, told: Belief | None, note: str | None = None) -> Recommended:
    return Recommended(trial=of, figures=of.figures, belief=told, note=note)


def chosen(*front: Recommended, **other: Any) -> Recommendation:
    return Recommendation(front=front, thrown_out={}, confirmed={}, hypervolume=0.0, **other)


def said(
    recommendation: Recommendation,
    trials: Sequence[Trial] = (BEST,),
    objectives: Objectives = OBJECTIVES,
) -> str:
    return verdict(trials, recommendation, objectives)


def test_it_says_how_much_is_gained_at_what_cost_and_how_sure_that_is() -> None:
    assert said(chosen(option(BEST, belief(0.36)))) == (
        "Worth it: trial 31 saves 36 % of the memory (95 %: 35 to 37) at 1.2 % slowdown; "
        "it keeps slowdown <= 2% in 98 % of runs."
    )


def test_whatever_is_sought_to_be_small_is_a_cost() -> None:
    with_cpu = replace(
        OBJECTIVES,
        objectives=(*OBJECTIVES.objectives, objective("cpu_use", Direction.MINIMIZE)),
    )

    told = verdict([BEST], chosen(option(BEST, belief(0.36))), with_cpu)

    assert "at 1.2 % slowdown and 50 % cpu_use;" in told


def test_a_saving_of_next_to_nothing_is_hardly_worth_it() -> None:
    little = trial(4, 0.006, 0.001)

    assert said(chosen(option(little, belief(0.006, error=0.001)))).startswith(
        "Hardly worth it: trial 4 saves 0.6 % of the memory (95 %: 0.4 to 0.8) at 0.1 % slowdown"
    )


def test_what_was_measured_once_needs_more_runs() -> None:
    alone = belief(0.36, error=0.0, within=1.0)

    assert said(chosen(option(BEST, alone))) == (
        "Worth it: trial 31 saves 36 % of the memory at 1.2 % slowdown; how surely it keeps "
        "slowdown <= 2% takes more runs: raise confirmations."
    )


def test_what_is_not_sure_says_why_and_what_would_settle_it() -> None:
    note = "not sure: slowdown <= 2% holds in 71 % of runs; 12 more runs would settle it"
    unsure = option(BEST, belief(0.36, within=0.71), note)

    assert said(chosen(unsure=(unsure,))) == (
        "Not sure: trial 31 saves 36 % of the memory (95 %: 35 to 37) at 1.2 % slowdown, but "
        "slowdown <= 2% holds in 71 % of runs; 12 more runs would settle it."
    )


def test_what_rather_breaks_the_limits_is_no_open_question() -> None:
    dear = trial(4, 0.56, 0.035)
    unsure = option(dear, belief(0.56, within=0.05), "not sure: ...")

    assert said(chosen(unsure=(unsure,)), (dear,)) == (
        "Leave DAMON off: no scheme is sure enough to keep slowdown <= 2%; trial 4 comes to 56 % "
        "memory_saving at 3.5 % slowdown; a quota may bring a part of it for less: try a search space "
        "with quotas."
    )


def test_what_trials_that_were_ended_early_save_is_not_known() -> None:
    ended = Trial(
        number=2,
        state=TrialState.CENSORED,
        seed=0,
        parameters={},
        at_least={"slowdown": 0.3},
        reason="ended early: slower than 30%, 2% allowed",
    )

    assert said(chosen(), [trial(0, 0.004, 0.0), ended]) == (
        "Leave DAMON off: no scheme was better than leaving DAMON off within slowdown <= 2%."
    )
    assert said(chosen(), [ended]) == "No verdict: no trial kept slowdown <= 2%."


def test_where_nothing_is_cold_damon_stays_off() -> None:
    assert said(chosen(), [trial(0, 0.004, 0.0), trial(1, -0.1, 0.1)]) == (
        "Leave DAMON off: nothing here is cold, no scheme saved more than 0.4 % of the memory."
    )


def test_where_every_saving_breaks_the_limit_the_limit_is_named() -> None:
    assert said(chosen(), [trial(0, 0.3, 0.1), trial(1, 0.2, 0.05)]) == (
        "Leave DAMON off: no trial kept slowdown <= 2%."
    )


def test_the_limit_decides_where_a_little_more_of_it_buys_much() -> None:
    trials = [BEST, trial(5, 0.56, 0.025), trial(6, 0.9, 0.05)]

    assert said(chosen(option(BEST, None)), trials) == (
        "Worth it: trial 31 saves 36 % of the memory at 1.2 % slowdown; the limit decides: 1 % more "
        "slowdown buys 20 points."
    )
    assert said(chosen(), trials[1:]) == (
        "Leave DAMON off: no trial kept slowdown <= 2%; the limit decides: 1 % more slowdown buys "
        "56 points."
    )


@pytest.mark.parametrize(
    "beyond", [trial(5, 0.38, 0.025), trial(5, 0.9, 0.05), trial(5, 0.9, 0.019)]
)
def test_the_limit_does_not_decide_where_it_buys_little_or_is_kept(beyond: Trial) -> None:
    assert "the limit" not in said(chosen(option(BEST, None)), [BEST, beyond])


def test_other_objectives_are_named_and_weighed_against_the_second() -> None:
    sought = replace(
        OBJECTIVES,
        objectives=(
            objective("score", Direction.MAXIMIZE, metric="memory_saving - slowdown"),
            objective("cpu_use", Direction.MINIMIZE),
        ),
        constraints=(),
    )

    assert said(chosen(option(BEST, None)), objectives=sought) == (
        "Worth it: trial 31 brings score to 0.36 at 50 % cpu_use."
    )


def test_without_a_measured_trial_there_is_no_verdict() -> None:
    lost = Trial(number=0, state=TrialState.FAILED, seed=0, parameters={}, reason="it got lost")

    assert said(chosen(), ()) == "No verdict: there was no trial."
    assert said(chosen(), (lost,)) == "No verdict: every trial failed."


def test_what_is_cold_and_hardly_compresses_is_told_from_nothing_cold() -> None:
    out = trial(0, 0.002, 0.03)
    out = replace(out, figures={**out.figures, "rss_saving": 0.426})

    assert said(chosen(), (out,)) == (
        "Leave DAMON off: what is cold hardly compresses: 43 % of the memory went out (rss_saving), "
        "and no scheme saved more than 0.2 % of the memory; only swap on a disk would save it."
    )


def test_what_costs_a_little_too_much_is_named_with_a_remedy() -> None:
    dear, beyond = trial(4, 0.55, 0.037), trial(5, 0.7, 0.2)
    limited = replace(
        dear, schemes=(Scheme(action=Action.PAGEOUT, quota=Quota(size_bytes=1 << 20)),)
    )

    assert said(chosen(), (dear, beyond)) == (
        "Leave DAMON off: no trial kept slowdown <= 2%; trial 4 comes to 55 % memory_saving at 3.7 % "
        "slowdown; a quota may bring a part of it for less: try a search space with quotas."
    )
    assert "a quota" not in said(chosen(), (limited, beyond))
    assert "trial" not in said(chosen(), (beyond,)).replace("no trial", "")

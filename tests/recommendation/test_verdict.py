from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.objective.objective import Direction, Objectives, parse_constraint
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.verdict import bounds, marks, reasons, why_empty
from autotune.trial import Trial, TrialState
from tests.an_objective import objective

OBJECTIVES = Objectives(
    name="custom",
    objectives=(
        objective("memory_saving", Direction.MAXIMIZE, 0.0),
        objective("slowdown", Direction.MINIMIZE, 0.5),
    ),
    constraints=(parse_constraint("slowdown <= 5%"), parse_constraint("cpu_use <= 10%")),
)
MEASURED, SLOW, BUSY, BOTH = (
    Trial(
        number=0,
        state=TrialState.COMPLETE,
        seed=0,
        parameters={},
        figures={"memory_saving": 0.1, "slowdown": slowdown, "cpu_use": cpu_use},
    )
    for slowdown, cpu_use in ((0.01, 0.01), (0.06, 0.01), (0.01, 0.2), (0.06, 0.2))
)
FAILED = Trial(number=1, state=TrialState.FAILED, seed=0, parameters={}, reason="it got lost")


def option(number: int, saving: float, slowdown: float) -> Recommended:
    figures = {"memory_saving": saving, "slowdown": slowdown}
    trial = Trial(number=number, state=TrialState.COMPLETE, seed=0, parameters={}, figures=figures)
    return Recommended(trial=trial, figures=figures)


def nothing(**thrown_out: str) -> Recommendation:
    return Recommendation(
        front=(),
        thrown_out={int(name[1:]): reason for name, reason in thrown_out.items()},
        confirmed={},
        hypervolume=0.0,
    )


def test_the_first_of_a_front_is_best_and_the_balanced_one_the_knee() -> None:
    front = (option(4, 0.9, 0.05), option(2, 0.8, 0.01), option(7, 0.1, 0.009))

    assert marks(front, OBJECTIVES) == {4: ("best",), 2: ("knee",), 7: ()}


def test_one_scheme_can_be_both() -> None:
    assert marks((option(4, 0.9, 0.01),), OBJECTIVES) == {4: ("best", "knee")}


def test_a_trial_that_breaks_a_bound_has_that_reason() -> None:
    found = reasons([MEASURED, FAILED, replace(SLOW, number=2)], None, OBJECTIVES)

    assert found == {1: "it got lost", 2: "slowdown 6.00% > 5%"}


def test_all_reasons_of_a_trial_are_told() -> None:
    figures = {**SLOW.figures, "cpu_use": 0.25}

    found = reasons([replace(SLOW, figures=figures)], nothing(t0="it is worse"), OBJECTIVES)

    assert found == {0: "slowdown 6.00% > 5%; cpu_use 25.00% > 10%; not on the front: it is worse"}


def test_a_figure_just_beyond_its_bound_is_not_shown_as_equal_to_it() -> None:
    figures = {**SLOW.figures, "slowdown": 0.05000012}

    found = reasons([replace(SLOW, figures=figures)], None, OBJECTIVES)

    assert found == {0: "slowdown 5.00001% > 5%"}


def test_what_is_on_the_front_by_its_confirmed_figures_has_no_reason() -> None:
    confirmed = Recommended(trial=SLOW, figures=MEASURED.figures)

    assert reasons([SLOW], replace(nothing(), front=(confirmed,)), OBJECTIVES) == {}


def test_each_bound_has_the_number_of_measured_trials_that_broke_it() -> None:
    assert bounds([MEASURED, SLOW, FAILED], OBJECTIVES) == [
        "slowdown <= 5%: broken by 1 of 2 measured trials",
        "cpu_use <= 10%: broken by 0 of 2 measured trials",
    ]


def test_an_empty_front_has_no_marks() -> None:
    assert marks((), OBJECTIVES) == {}


@pytest.mark.parametrize(
    ("trials", "recommendation", "why"),
    [
        ((), nothing(), "there was no trial"),
        ((FAILED,), nothing(), "every trial failed"),
        ((MEASURED, FAILED), nothing(t0="it is slow"), "confirmation threw out every candidate"),
        (
            (MEASURED, SLOW),
            nothing(
                t0="slowdown <= 5% holds in 3 % of runs, not in 95 %, so far as one run tells"
            ),
            "no scheme keeps each of slowdown <= 5%, cpu_use <= 10% surely enough",
        ),
        (
            (MEASURED, SLOW),
            nothing(
                t0="slowdown <= 5% holds in 3 % of runs, not in 95 %, so far as one run tells",
                t1="noise hides whether it is better than DAMON off",
            ),
            "no scheme was better than leaving DAMON off within slowdown <= 5%, cpu_use <= 10%",
        ),
        (
            (MEASURED, SLOW),
            nothing(t0="DAMON off is better by the confirmed figures"),
            "no scheme was better than leaving DAMON off within slowdown <= 5%, cpu_use <= 10%",
        ),
        ((SLOW, FAILED), nothing(), "no trial kept slowdown <= 5%"),
        ((SLOW, BUSY), nothing(), "no trial kept all of slowdown <= 5%, cpu_use <= 10%"),
        (
            (BOTH, BOTH),
            nothing(),
            "no trial kept slowdown <= 5%; no trial kept cpu_use <= 10%",
        ),
        (
            (MEASURED, SLOW, FAILED),
            nothing(),
            "no scheme was better than leaving DAMON off within slowdown <= 5%, cpu_use <= 10%",
        ),
    ],
)
def test_an_empty_front_has_one_reason(
    trials: tuple[Trial, ...], recommendation: Recommendation, why: str
) -> None:
    assert why_empty(trials, recommendation, OBJECTIVES) == why


def test_candidates_that_break_limits_when_confirmed_are_told_so() -> None:
    lucky = Recommended(trial=MEASURED, figures=SLOW.figures, confirmations=(SLOW.figures,) * 3)
    both = {
        0: "slowdown <= 5% holds in less than 1 % of runs, not in 95 %",
        1: "DAMON off is better by the confirmed figures",
    }
    off = Recommended(
        trial=replace(MEASURED, number=1),
        figures=MEASURED.figures,
        confirmations=(MEASURED.figures,) * 3,
    )
    broken = replace(nothing(), thrown_out={0: both[0]}, confirmed={0: lucky})
    mixed = replace(nothing(), thrown_out=both, confirmed={0: lucky, 1: off})

    assert why_empty([MEASURED], broken, OBJECTIVES) == (
        "no scheme keeps each of slowdown <= 5%, cpu_use <= 10% surely enough"
    )
    assert why_empty([MEASURED], mixed, OBJECTIVES) == (
        "no scheme was better than leaving DAMON off within slowdown <= 5%, cpu_use <= 10%"
    )

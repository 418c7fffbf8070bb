from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.objective import pareto
from autotune.objective.figures import mean, minimised
from autotune.objective.hold import Hold
from autotune.objective.objective import (
    Direction,
    Objectives,
    parse_constraint,
)
from autotune.recommendation.front import (
    Confirmation,
    Recommendation,
    candidates,
    knee,
    published,
    recommend,
)
from autotune.recommendation.probability import beliefs
from autotune.testing import prcl
from autotune.trial import Trial, TrialState
from tests.an_objective import objective

Pair = tuple[float, float]


OBJECTIVES = Objectives(
    name="test",
    objectives=(
        objective("memory_saving", Direction.MAXIMIZE, 0.0),
        objective("slowdown", Direction.MINIMIZE, 0.5),
    ),
    constraints=(parse_constraint("slowdown <= 25%"),),
)


def values(pair: Pair) -> dict[str, float]:
    return {"memory_saving": pair[0], "slowdown": pair[1]}


OFF = values((0.0, 0.0))


def trials(*pairs: Pair | None, first_age_s: int = 1) -> list[Trial]:
    """Trials of different schemes with these figures; None is one that failed."""
    return [
        Trial(
            number=number,
            state=TrialState.FAILED if pair is None else TrialState.COMPLETE,
            seed=0,
            parameters={},
            schemes=(prcl(min_age_us=(first_age_s + number) * 1_000_000),),
            figures={} if pair is None else values(pair),
            reason="it got lost" if pair is None else None,
        )
        for number, pair in enumerate(pairs)
    ]


def confirmed(*pairs: Pair) -> Confirmation:
    return Confirmation(figures=tuple(values(pair) for pair in pairs))


def chosen(found: list[Trial], confirmations: Mapping[int, Confirmation]) -> Recommendation:
    return recommend(candidates(found, OFF, OBJECTIVES), [], confirmations, OFF, OBJECTIVES)


def numbers(recommendation: Recommendation) -> list[int]:
    return [option.trial.number for option in recommendation.front]


eighths = st.integers(-8, 8).map(lambda number: number / 8)
pairs = st.lists(st.tuples(eighths, eighths), max_size=10)


def test_candidates_are_non_dominated_feasible_and_better_than_off() -> None:
    found = trials(
        (0.5, 0.125),  # on
        (0.25, 0.125),  # dominated
        None,
        (0.75, 0.5),  # breaks the bound
        (-0.125, 0.125),  # dominated by off
        (0.25, 0.0),  # on
    )

    assert [trial.number for trial in candidates(found, OFF, OBJECTIVES)] == [0, 5]


def test_a_rounding_error_is_not_better_than_off() -> None:
    assert candidates(trials((1e-14, 0.0)), OFF, OBJECTIVES) == []


def test_what_is_a_rounding_error_depends_on_the_size_of_the_figure() -> None:
    resident = Objectives(
        name="test", objectives=(objective("rss_mean_bytes", Direction.MINIMIZE, 2e9),)
    )
    (trial,) = trials((0.0, 0.0))
    off = {"rss_mean_bytes": 1e9}
    rounded = replace(trial, figures={"rss_mean_bytes": 1e9 - 0.5})
    better = replace(trial, figures={"rss_mean_bytes": 1e9 - 4096.0})

    assert candidates([rounded], off, resident) == []
    assert candidates([better], off, resident) == [better]


def test_off_does_not_count_where_it_breaks_a_bound() -> None:
    at_least = Objectives(
        name="test",
        objectives=OBJECTIVES.objectives[1:],
        constraints=(parse_constraint("memory_saving >= 10%"),),
    )

    assert len(candidates(trials((0.25, 0.125)), OFF, at_least)) == 1
    assert candidates(trials((0.25, 0.125)), None, at_least) == trials((0.25, 0.125))


def test_of_equal_schemes_the_first_trial_is_the_candidate() -> None:
    found = [*trials((0.5, 0.125)), *trials(None, (0.5, 0.125), first_age_s=0)]

    assert found[0].schemes == found[2].schemes
    assert candidates(found, OFF, OBJECTIVES) == [found[0]]


def test_published_trials_are_those_of_published_sets_that_were_measured() -> None:
    found = [
        replace(trial, parameters={"pattern.min_age": trial.number})
        for trial in trials((0.1, 0.1), None, (0.2, 0.2), (0.3, 0.3))
    ]

    sets = [trial.parameters for trial in found[:3]]
    assert [trial.number for trial in published(found, sets)] == [0, 2]


@given(pairs)
def test_without_confirmations_the_front_is_that_of_the_first_figures(found: list[Pair]) -> None:
    recommendation = chosen(made := trials(*found), {})

    expected = {minimised(t.figures, OBJECTIVES) for t in candidates(made, OFF, OBJECTIVES)}
    assert {minimised(o.figures, OBJECTIVES) for o in recommendation.front} == expected


@given(pairs, st.data())
def test_the_front_is_non_dominated_and_feasible_by_the_means(
    found: list[Pair], data: st.DataObject
) -> None:
    made = trials(*found)
    again = st.lists(st.tuples(eighths, eighths), min_size=2, max_size=2)
    confirmations = {
        trial.number: confirmed(*data.draw(again)) for trial in candidates(made, OFF, OBJECTIVES)
    }

    recommendation = chosen(made, confirmations)

    points = [minimised(option.figures, OBJECTIVES) for option in recommendation.front]
    assert pareto.pareto_front([*points, (0.0, 0.0)])[: len(points)].all()
    for option in recommendation.front:
        assert option.figures == mean(confirmations[option.trial.number].figures)
        assert option.figures["slowdown"] <= 0.25
    every = {*numbers(recommendation), *recommendation.thrown_out}
    if confirmations:
        assert every == set(confirmations)
    assert recommendation.hypervolume == pareto.hypervolume(points, (0.0, 0.5))


@pytest.mark.parametrize(
    ("confirmation", "reason"),
    [
        (confirmed((0.5, 0.25), (0.5, 0.75)), "confirmed slowdown 50% breaks slowdown <= 25%"),
        (confirmed((0.2, 0.125)), "trial 1 is better by the confirmed figures"),
        (confirmed((-0.5, 0.0)), "DAMON off is better by the confirmed figures"),
        (Confirmation(failure="it got lost"), "it got lost"),
        (None, "not confirmed, since the run was stopped"),
    ],
)
def test_what_is_thrown_out_has_a_reason(confirmation: Confirmation | None, reason: str) -> None:
    found = trials((0.5, 0.25), (0.375, 0.0625))
    confirmations = {1: confirmed((0.375, 0.0625))}
    if confirmation is not None:
        confirmations[0] = confirmation

    recommendation = chosen(found, confirmations)

    assert recommendation.thrown_out == {0: reason}
    assert numbers(recommendation) == [1]


def test_of_equal_confirmed_figures_the_first_trial_is_on_the_front() -> None:
    found = trials((0.5, 0.125), (0.375, 0.0625))
    confirmations = {0: confirmed((0.5, 0.125)), 1: confirmed((0.5, 0.125))}

    recommendation = chosen(found, confirmations)

    assert numbers(recommendation) == [0]
    assert recommendation.thrown_out == {1: "trial 0 has the same confirmed figures"}


def test_what_was_confirmed_beside_the_candidates_can_be_on_the_front() -> None:
    found = trials((0.5, 0.125), (0.25, 0.125))
    confirmations = {0: confirmed((0.5, 0.125)), 1: confirmed((0.25, 0.0625))}

    recommendation = recommend([found[0]], [found[1]], confirmations, OFF, OBJECTIVES)

    assert numbers(recommendation) == [0, 1]


def test_what_was_no_candidate_is_not_thrown_out() -> None:
    found = trials((0.5, 0.125), (0.25, 0.125))
    confirmations = {0: confirmed((0.5, 0.125)), 1: confirmed((0.25, 0.125))}

    recommendation = recommend([found[0]], [found[1]], confirmations, OFF, OBJECTIVES)

    assert recommendation.thrown_out == {}
    assert set(recommendation.confirmed) == {0, 1}


def test_lowest_and_highest_are_those_of_the_confirmations() -> None:
    found = trials((0.5, 0.125))

    (option,) = chosen(found, {0: confirmed((0.25, 0.0), (0.75, 0.125))}).front

    assert (option.low("memory_saving"), option.high("memory_saving")) == (0.25, 0.75)
    assert option.figures["memory_saving"] == 0.5


def test_the_knee_is_on_the_front() -> None:
    front = chosen(trials((0.5, 0.25), (0.375, 0.0625), (0.125, 0.03125)), {}).front

    assert knee(front, OBJECTIVES) is front[1]
    assert knee([], OBJECTIVES) is None


SURE = replace(OBJECTIVES, hold=Hold(share=0.95))


def by_beliefs(
    found: list[Trial],
    confirmations: Mapping[int, Confirmation],
    objectives: Objectives = SURE,
    *,
    most: int = 7,
) -> Recommendation:
    told = beliefs({number: c.figures for number, c in confirmations.items()}, objectives)
    return recommend(found, [], confirmations, OFF, objectives, told, most=most)


def around(saving: float, slowdown: float, spread: float) -> Confirmation:
    """Three runs with this mean."""
    return confirmed(*((saving, slowdown + step * spread) for step in (-1, 0, 1)))


def test_a_scheme_whose_mean_keeps_a_limit_that_its_runs_break_is_not_recommended() -> None:
    found = trials((0.5, 0.24), (0.375, 0.0625))
    confirmations = {0: around(0.5, 0.24, 0.05), 1: around(0.375, 0.0625, 0.01)}

    sure = by_beliefs(found, confirmations)
    by_mean = by_beliefs(found, confirmations, replace(SURE, hold=Hold()))

    assert numbers(sure) == [1]
    assert sure.thrown_out[0].startswith("slowdown <= 25% holds in ")
    assert sure.unsure == ()
    assert sure.front[0].belief is not None
    assert sure.front[0].belief.within >= 0.95
    assert numbers(by_mean) == [0, 1]


def test_where_no_scheme_is_sure_the_most_probable_is_shown_with_what_would_settle_it() -> None:
    found = trials((0.5, 0.24), (0.375, 0.22), (-0.1, 0.0))
    confirmations = {
        0: around(0.5, 0.24, 0.05),
        1: around(0.375, 0.22, 0.05),
        2: around(-0.1, 0.0, 0.0),
    }

    recommendation = by_beliefs(found, confirmations)

    assert recommendation.front == ()
    assert [option.trial.number for option in recommendation.unsure] == [0, 1]
    assert recommendation.shown == recommendation.unsure
    for option in recommendation.unsure:
        assert str(option.note).startswith("not sure: slowdown <= 25% holds in ")
    assert recommendation.hypervolume == 0.0


def test_what_rather_breaks_the_limits_is_not_shown_beside_the_most_probable() -> None:
    found = trials((0.5, 0.26), (0.375, 0.22))
    confirmations = {0: around(0.5, 0.26, 0.05), 1: around(0.375, 0.22, 0.05)}

    [option] = by_beliefs(found, confirmations).unsure

    assert option.trial.number == 1


@pytest.mark.parametrize(
    "confirmation",
    [around(0.5, 0.5, 0.01), around(-0.1, 0.24, 0.1), confirmed((0.3, 0.24), (-0.3, 0.25))],
    ids=["breaks the limit", "is worse than off", "may be worse than off"],
)
def test_a_scheme_that_is_no_use_is_not_even_shown_as_not_sure(
    confirmation: Confirmation,
) -> None:
    recommendation = by_beliefs(trials((0.5, 0.24)), {0: confirmation})

    assert recommendation.shown == ()
    assert set(recommendation.thrown_out) == {0}


def test_at_most_so_many_are_recommended_as_asked_for() -> None:
    found = trials((0.5, 0.2), (0.4, 0.1), (0.3, 0.05), (0.1, 0.01))
    confirmations = {t.number: around(*minus(t), 0.0001) for t in found}

    assert len(by_beliefs(found, confirmations, most=4).front) == 4
    assert len(by_beliefs(found, confirmations, most=2).front) == 2


def minus(trial: Trial) -> Pair:
    return trial.figures["memory_saving"], trial.figures["slowdown"]


def test_a_trial_that_was_not_confirmed_is_not_recommended_by_beliefs() -> None:
    found = trials((0.5, 0.2), (0.4, 0.1))

    recommendation = by_beliefs(found, {1: around(0.4, 0.1, 0.001)})

    assert numbers(recommendation) == [1]
    assert recommendation.thrown_out == {0: "not confirmed, since the run was stopped"}


def test_what_was_measured_once_says_so() -> None:
    (option,) = by_beliefs(trials((0.5, 0.2)), {0: confirmed((0.5, 0.2))}).front

    assert option.note == "measured once: how much its figures differ from run to run is not known"


@given(pairs, st.data())
def test_whatever_is_measured_each_candidate_is_recommended_or_has_a_reason(
    found: list[Pair], data: st.DataObject
) -> None:
    made = trials(*found)
    again = st.lists(st.tuples(eighths, eighths), min_size=1, max_size=4)
    confirmations = {trial.number: confirmed(*data.draw(again)) for trial in made}

    recommendation = by_beliefs(made, confirmations)

    assert {*numbers(recommendation), *recommendation.thrown_out} == set(confirmations)
    assert not {*numbers(recommendation)} & set(recommendation.thrown_out)
    assert len(recommendation.front) <= 7
    for option in recommendation.front:
        assert option.belief is not None
        assert option.belief.within >= 0.95
        assert not pareto.dominates((0.0, 0.0), minimised(option.figures, SURE))


def test_a_scheme_with_two_outcomes_says_so() -> None:
    found = trials((0.37, 0.01), (0.2, 0.005))
    again = {
        0: confirmed((0.372, 0.01), (0.09, 0.01), (0.371, 0.01), (0.0901, 0.01)),
        1: confirmed((0.21, 0.005), (0.19, 0.005), (0.2, 0.005), (0.205, 0.005)),
    }

    both, plain = chosen(found, again).front

    assert both.note == "two outcomes: memory_saving 9% in 2 of 4 runs, 37.1% in 2"
    assert plain.note is None


def test_two_outcomes_stand_behind_what_is_said_already() -> None:
    found = trials((0.37, 0.01))
    again = {0: confirmed((0.372, 0.01), (0.09, 0.26), (0.371, 0.01), (0.0901, 0.26))}

    [unsure] = recommend(
        found,
        [],
        again,
        OFF,
        OBJECTIVES,
        beliefs=beliefs({0: [found[0].figures, *again[0].figures]}, OBJECTIVES),
    ).unsure

    assert unsure.note is not None
    assert unsure.note.startswith("not sure: ")
    assert unsure.note.endswith("; two outcomes: memory_saving 9% in 2 of 4 runs, 37.1% in 2")
